"""Debian's proxies that speak SOCKS5, alone or beside HTTP."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bench.peers import Proxy, program
from tests.support.daemon import free_port
from tools.exits.makers import PASSWORD, USERNAME, NotHereError, Site, both


def places(site: Site) -> dict[str, object]:
    return {"folder": site.folder, "port": site.port}


# cntlm, Tor, i2pd

CNTLM = """
Username x
Domain x
Password x
Proxy 127.0.0.1:{closed}
NoProxy *
Listen 127.0.0.1:{http}
SOCKS5Proxy 127.0.0.1:{socks}
SOCKS5Users {username}:{password}
"""


def cntlm(site: Site, *, socks: bool = False) -> Proxy:
    """It has one port for each protocol."""
    ports = [free_port(), site.port] if socks else [site.port, free_port()]
    values = {"http": ports[0], "socks": ports[1], "closed": free_port()}
    text = CNTLM.format(username=USERNAME, password=PASSWORD, **values)
    return site.run("cntlm", "-f", "-c", site.write("cntlm.conf", text))


TOR = """
DataDirectory {folder}/data
{word} 127.0.0.1:{port}
Log notice file {folder}/tor.log
"""


def tor(site: Site, word: str = "SocksPort") -> Proxy:
    more = "SocksPort 0\n" if word != "SocksPort" else ""
    config = site.write("torrc", TOR.format(word=word, **places(site)) + more)
    return site.run("tor", "-f", config, "--defaults-torrc", site.write("defaults", ""))


I2PD = """
ipv4 = true
reservedrange = false
nat = false
log = file
logfile = {folder}/i2pd.log
address4 = 127.0.0.1
[ntcp2]
enabled = true
published = false
port = {own}
[ssu2]
enabled = false
[reseed]
urls =
[http]
enabled = false
[sam]
enabled = false
[httpproxy]
enabled = {http}
address = 127.0.0.1
port = {port}
outproxy =
[socksproxy]
enabled = {socks}
address = 127.0.0.1
port = {port}
outproxy.enabled = false
"""


def i2pd(site: Site, *, socks: bool = False) -> Proxy:
    text = I2PD.format(http=str(not socks).lower(), socks=str(socks).lower(), own=free_port(), **places(site))
    words = [f"--conf={site.write('i2pd.conf', text)}", f"--datadir={site.folder}/data"]
    return site.run("i2pd", *words, "--certsdir=/usr/share/i2pd/certificates")


# SOCKS5: Dante, microsocks, ssh

DANTE = """
logoutput: {folder}/dante.log
internal: 127.0.0.1 port = {port}
external: lo
clientmethod: none
socksmethod: {method}
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks block {{ from: 0/0 to: 0/0 port = {refused} }}
socks pass {{ from: 127.0.0.0/8 to: 0/0 command: connect }}
"""


def dante(site: Site, method: str = "none") -> Proxy:
    """It has no list of ports to open: one is closed by a rule."""
    if os.geteuid() != 0:
        raise NotHereError("root is needed for Dante")
    text = DANTE.format(method=method, refused=site.refused, **places(site))
    words = ["danted", "-f", site.write("danted.conf", text), "-N", "1", "-p", f"{site.folder}/danted.pid"]
    return site.run(*words) if method == "none" else site.run(*with_user(site, words), needs="danted")


def with_user(site: Site, words: list[str]) -> list[str]:
    """A command that sees a user more than this machine has: Dante looks for its users among the system's."""
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], check=True, input=PASSWORD, capture_output=True, text=True, timeout=30
    )
    lines = {
        "passwd": f"{USERNAME}:x:61234:61234::/nonexistent:/usr/sbin/nologin\n",
        "shadow": f"{USERNAME}:{hashed.stdout.strip()}:19000:0:99999:7:::\n",
    }
    for name, line in lines.items():
        site.write(name, Path("/etc", name).read_text() + line)
    mounts = "".join(f"mount --bind {site.folder}/{name} /etc/{name} && " for name in lines)
    words = [program(words[0]), *words[1:]]
    return ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", f'{mounts}exec "$@"', "sh", *words]


def microsocks(site: Site) -> Proxy:
    return site.run("microsocks", "-i", "127.0.0.1", "-p", str(site.port), "-u", USERNAME, "-P", PASSWORD)


SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
"""


def ssh(site: Site) -> Proxy:
    """Both ends of it on this machine, with keys that are made for this."""
    if os.geteuid() != 0:
        raise NotHereError("root is needed for sshd")
    far = free_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "key"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(site.folder / name)]
        subprocess.run(keygen, check=True, capture_output=True)
    config = site.write("sshd.conf", SSHD.format(port=far, folder=site.folder))
    server = site.run(program("sshd"), "-D", "-e", "-f", config, port=far)
    words = ["-N", "-D", f"127.0.0.1:{site.port}", "-i", f"{site.folder}/key", "-p", str(far), "-F", "none"]
    words += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={site.folder}/known", "-o", "BatchMode=yes"]
    try:
        return both(server, site.run("ssh", *words, "root@127.0.0.1"))
    except BaseException:
        server.close()
        raise
