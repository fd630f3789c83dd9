"""Proxies that Debian has packages of, each as its usual configuration has it: with a login, and ports for tunnels."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

from bench.peers import Proxy
from tests.support.peers import HELPERS
from tools.exits.makers import PASSWORD, USERNAME, NotHereError, Site, htpasswd

# Squid and tinyproxy

SQUID = """
{listen}
auth_param basic program {helper} {folder}/users
auth_param basic children 1 startup=1
acl SSL_ports port 443 {ports}
acl Safe_ports port 80 443 1025-65535
acl known proxy_auth REQUIRED
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access allow known
http_access deny all
cache_mem 8 MB
access_log none
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
netdb_filename none
max_filedescriptors 4096
shutdown_lifetime 0 seconds
pinger_enable off
"""


def squid(site: Site, word: str = "http_port", options: str = "") -> Proxy:
    """Started by root it works as the user `proxy`, who must be able to read and write here."""
    helper = shutil.which("basic_ncsa_auth", path=os.pathsep.join(HELPERS))
    if helper is None:
        raise NotHereError("no program basic_ncsa_auth of Squid's")
    htpasswd(site)
    text = SQUID.format(
        listen=f"{word} 127.0.0.1:{site.port}{options}",
        helper=helper,
        folder=site.folder,
        ports=" ".join(map(str, site.open_ports)),
    )
    config = site.write("squid.conf", text)
    give(site.folder, "proxy")
    # Without a name of its own its shared memory would be another Squid's.
    proxy = site.run("squid", "-N", "-n", f"exits{os.getpid()}p{site.port}", "-f", config)

    def close() -> None:
        """SIGINT: at once, whoever is still connected."""
        os.kill(proxy.pid, signal.SIGINT)
        proxy.close()

    return replace(proxy, close=close)


def squid_tls(site: Site) -> Proxy:
    """TLS to Squid itself."""
    shutil.copy(site.certificate, site.folder / "server.pem")
    return squid(site, "https_port", f" tls-cert={site.folder}/server.pem")


def give(folder: Path, user: str) -> None:
    """To a user that a program becomes where root starts it."""
    if os.geteuid() == 0:
        for path in (folder, *(folder.iterdir() if folder.is_dir() else ())):
            shutil.chown(path, user)


TINYPROXY = """
Listen 127.0.0.1
Port {port}
MaxClients 100
Timeout 60
{login}
{ports}
LogFile "{folder}/tinyproxy.log"
LogLevel Connect
"""


def tinyproxy(site: Site, port: int = 0, *, login: bool = True) -> Proxy:
    ports = "".join(f"ConnectPort {each}\n" for each in (443, *site.open_ports))
    values = {"port": port or site.port, "folder": site.folder}
    values["login"] = f"BasicAuth {USERNAME} {PASSWORD}" if login else ""
    config = site.write("tinyproxy.conf", TINYPROXY.format(ports=ports, **values))
    return site.run("tinyproxy", "-d", "-c", config, port=port)


# Apache and Traffic Server

APACHE = """
ServerRoot {folder}
ServerName proxy.example
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
User nobody
Group nogroup
Listen 127.0.0.1:{port}
{modules}
ProxyRequests On
ProxyVia On
AllowCONNECT 443 563 {ports}
{more}
<Proxy "*">
  AuthType Basic
  AuthName proxy
  AuthBasicProvider file
  AuthUserFile {folder}/users
  Require valid-user
</Proxy>
"""
APACHE_MODULES = (
    *("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic"),
    *("proxy", "proxy_http", "proxy_connect"),
)


def apache(site: Site, modules: tuple[str, ...] = (), more: str = "") -> Proxy:
    folder = Path("/usr/lib/apache2/modules")
    if not (folder / "mod_proxy_connect.so").exists():
        raise NotHereError("no modules of Apache's")
    loaded = (f"LoadModule {name}_module {folder}/mod_{name}.so" for name in (*APACHE_MODULES, *modules))
    htpasswd(site)
    site.folder.chmod(0o755)
    text = APACHE.format(
        folder=site.folder,
        port=site.port,
        modules="\n".join(loaded),
        ports=" ".join(map(str, site.open_ports)),
        more=more,
    )
    return site.run("apache2", "-f", site.write("apache.conf", text), "-DFOREGROUND")


def apache_tls(site: Site) -> Proxy:
    return apache(site, ("ssl",), f"SSLEngine on\nSSLCertificateFile {site.certificate}\n")


TRAFFIC_SERVER = """
CONFIG proxy.config.http.server_ports STRING 127.0.0.1:{port}
CONFIG proxy.config.http.connect_ports STRING 443 {ports}
CONFIG proxy.config.url_remap.remap_required INT 0
CONFIG proxy.config.reverse_proxy.enabled INT 0
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.http.connect_attempts_timeout INT 5
CONFIG proxy.config.admin.user_id STRING {user}
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 2
"""


TRAFFIC_SERVER_ROOT = """
prefix: {root}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {root}/etc
datadir: {root}/cache
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {root}
runtimedir: {root}/run
logdir: {root}/log
cachedir: {root}/cache
"""


def traffic_server(site: Site) -> Proxy:
    """In a tree of its own."""
    theirs, root = Path("/etc/trafficserver"), site.folder / "root"
    if not theirs.exists():
        raise NotHereError("no package trafficserver")
    shutil.copytree(theirs, root / "etc")
    for name in ("cache", "run", "log"):
        (root / name).mkdir()
    user = "nobody" if os.geteuid() == 0 else "#-1"
    ports = " ".join(map(str, site.open_ports))
    settings = TRAFFIC_SERVER.format(port=site.port, ports=ports, user=user)
    (root / "etc" / "records.config").write_text(settings)
    (root / "etc" / "storage.config").write_text("")
    (root / "runroot.yaml").write_text(TRAFFIC_SERVER_ROOT.format(root=root))
    for path in (root, *root.iterdir()):
        give(path, "nobody")
    return site.run("traffic_server", f"--run-root={root}/runroot.yaml")


# privoxy

PRIVOXY = """
confdir /etc/privoxy
logdir {folder}
actionsfile match-all.action
actionsfile default.action
filterfile default.filter
listen-address 127.0.0.1:{port}
enable-remote-toggle 0
keep-alive-timeout 5
"""


def privoxy(site: Site) -> Proxy:
    return site.run(
        "privoxy", "--no-daemon", site.write("privoxy.conf", PRIVOXY.format(folder=site.folder, port=site.port))
    )
