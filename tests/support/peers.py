"""Proxies of other makers, to leave through: Squid (plain and inside TLS), tinyproxy, pproxy and Dante.

Each listens on loopback, in a folder of its own, and demands credentials where its maker lets it without an account of
this machine.  Missing where the program is not installed.
"""

from __future__ import annotations

import inspect
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.peers import Missing, Proxy, program, started
from tests.support.daemon import clean_environment, free_port
from tests.support.origin import authority

__all__ = ("MAKERS", "Missing", "Peer", "start")

NOBODY = "nobody"
"""The user that Dante works as where it is started by root."""

HELPERS = ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid")

SQUID = """
{listen}
auth_param basic program {helper} {folder}/users
auth_param basic children 1 startup=1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
cache_mem 8 MB
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
netdb_filename none
max_filedescriptors 4096
shutdown_lifetime 0 seconds
pinger_enable off
via off
forwarded_for delete
"""

TINYPROXY = """
Listen 127.0.0.1
Port {port}
MaxClients 200
Timeout 60
BasicAuth {username} {password}
DisableViaHeader Yes
LogFile "{folder}/tinyproxy.log"
LogLevel Connect
"""

DANTE = """
logoutput: {folder}/dante.log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
{user}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 127.0.0.0/8 }}
"""


@dataclass(frozen=True)
class Peer:
    """A running one, and how an exit through it is described."""

    proxy: Proxy
    kind: str
    folder: Path
    username: str = ""
    password: str = ""
    ca_file: str = ""

    def toml(self, name: str, **more: str) -> str:
        """Its `[[exits]]` table; more: keys with other values, as TOML has them."""
        keys = {"name": f'"{name}"', "kind": f'"{self.kind}"', "upstream": f'"{self.proxy.address}"'}
        if self.username:
            keys |= {"username": f'"{self.username}"', "password": f'"{self.password}"'}
        if self.ca_file:
            keys["ca"] = f'"{self.ca_file}"'
        return "[[exits]]\n" + "".join(f"{key} = {value}\n" for key, value in (keys | more).items())

    def close(self) -> None:
        self.proxy.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(maker: str, owner: Any = None) -> Peer:
    """One of MAKERS; ended by `close`, or by its owner's clean-up.  Missing."""
    folder = Path(tempfile.mkdtemp(prefix=f"meshd-{maker}-", dir="/tmp"))
    try:
        peer = MAKERS[maker](folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if owner is not None:
        getattr(owner, "addClassCleanup" if inspect.isclass(owner) else "addCleanup")(peer.close)
    return peer


def _squid(folder: Path) -> Peer:
    port = free_port()
    return _any_squid(folder, port, Peer(_none(port), "http", folder, "squid-customer", "s3cret of Squid"), "http_port")


def _squid_tls(folder: Path) -> Peer:
    """TLS to Squid itself, with a certificate of the tests' authority."""
    port = free_port()
    authority().ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    peer = Peer(_none(port), "https", folder, "squid-tls-customer", "s3cret of TLS", authority().file)
    return _any_squid(folder, port, peer, "https_port", f" tls-cert={folder}/server.pem")


def _any_squid(folder: Path, port: int, peer: Peer, word: str, options: str = "") -> Peer:
    """Started by root it works as the user `proxy`, who must be able to read and write here."""
    squid = program("squid")
    helper = shutil.which("basic_ncsa_auth", path=os.pathsep.join(HELPERS))
    if helper is None:
        raise Missing("no program basic_ncsa_auth of Squid's")
    hashed = _said_to(["openssl", "passwd", "-apr1", "-stdin"], peer.password)
    (folder / "users").write_text(f"{peer.username}:{hashed}")
    config = folder / "squid.conf"
    config.write_text(SQUID.format(listen=f"{word} 127.0.0.1:{port}{options}", helper=helper, folder=folder))
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "proxy")
    # Without a name of its own its shared memory would be another Squid's.
    command = [squid, "-N", "-n", f"test{os.getpid()}p{port}", "-f", str(config)]
    proxy = started(command, port, folder)

    def close() -> None:
        """SIGINT: at once, whoever is still connected."""
        os.kill(proxy.pid, signal.SIGINT)
        proxy.close()

    return replace(peer, proxy=replace(proxy, close=close))


def _tinyproxy(folder: Path) -> Peer:
    port = free_port()
    peer = Peer(_none(port), "http", folder, "tinycustomer", "s3cretOfTinyproxy")
    config = folder / "tinyproxy.conf"
    config.write_text(TINYPROXY.format(port=port, folder=folder, username=peer.username, password=peer.password))
    return replace(peer, proxy=started([program("tinyproxy"), "-d", "-c", str(config)], port, folder))


def _pproxy(folder: Path) -> Peer:
    """It takes credentials from its command line, and, told so, asks for them every time."""
    if find_spec("pproxy") is None:
        raise Missing("no package pproxy")
    port = free_port()
    peer = Peer(_none(port), "socks5", folder, "pproxy-customer", "s3cret of pproxy")
    listen = f"socks5://127.0.0.1:{port}/#{peer.username}:{peer.password}"
    command = [sys.executable, "-m", "pproxy", "--auth=-1", "-l", listen]
    return replace(peer, proxy=started(command, port, folder, clean_environment()))


def _dante(folder: Path) -> Peer:
    """Without credentials: those that it knows are this machine's users."""
    port = free_port()
    user = f"user.unprivileged: {NOBODY}" if os.geteuid() == 0 else ""
    config = folder / "danted.conf"
    config.write_text(DANTE.format(port=port, folder=folder, user=user))
    command = [program("danted"), "-f", str(config), "-N", "1", "-p", str(folder / "danted.pid")]
    return Peer(started(command, port, folder), "socks5", folder)


def _none(port: int) -> Proxy:
    """Not yet started."""
    return Proxy(0, port, lambda: None)


def _said_to(command: list[str], text: str) -> str:
    """What a command says to this input."""
    try:
        done = subprocess.run(command, check=True, input=text, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise Missing(f"no program {command[0]}") from None
    return done.stdout


MAKERS: dict[str, Callable[[Path], Peer]] = {
    "squid": _squid,
    "squid_tls": _squid_tls,
    "tinyproxy": _tinyproxy,
    "pproxy": _pproxy,
    "dante": _dante,
}
