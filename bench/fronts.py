"""Each reverse proxy of the comparison: what starts it before the origin, with plain HTTP and TLS.

All listen on 127.0.0.1, have one process (nginx: one worker; HAProxy: one thread) for the work, keep connections to the
origin where they can, tell it who asks, and write a line for each exchange.  Nobody resumes a session of TLS.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Missing, Proxy, distribution, meshd_version, program, said_by, started
from tests.live.hostedworld import Publisher
from tests.support.daemon import LiveDaemon, free_port

NAME = "front.example"
HERE = Path(__file__).parent

SETTINGS = """
[limits]
unauthenticated_per_address = 100000
unauthenticated = 100000
[hosts]
listen = ["tcp:{api}:interface=127.0.0.1"]
http = ["tcp:{http}:interface=127.0.0.1"]
https = ["tcp:{https}:interface=127.0.0.1"]
upstreams_loopback = true
"""

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxied; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000000;
  ssl_protocols TLSv1.2 TLSv1.3;
  upstream origin {{ server {origin}; keepalive 6000; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{http};
    listen 127.0.0.1:{https} ssl;
    server_name {name};
    ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
    }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 6000
  log stdout format raw local0
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{http}
  bind 127.0.0.1:{https} ssl crt {folder}/both.pem
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  acl ours hdr(host) -i {name}
  use_backend origin if ours
backend origin
  server one {origin}
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a front is started on: an empty folder with `chain.pem`, `key.pem` and `both.pem` in it, and the origin."""

    folder: Path
    origin: str
    python: str
    """The interpreter that has the Python fronts installed."""


@dataclass(frozen=True, slots=True)
class Started:
    """A running one, and where it speaks TLS."""

    proxy: Proxy
    https: int


@dataclass(frozen=True, slots=True)
class Front:
    """How to find out its version (Missing where there is none) and how to start it."""

    name: str
    version: Callable[[], str]
    start: Callable[[Ground], Started]


def meshd(tree: str = "", wrap: tuple[str, ...] = ()) -> Callable[[Ground], Started]:
    """A daemon with one published host, whose bytes are its owner's.

    tree: a folder with another tree of meshd; wrap: more words before its command.
    """

    def start(ground: Ground) -> Started:
        http, https = free_port(), free_port()
        settings = SETTINGS.format(api=free_port(), http=http, https=https)
        daemon = LiveDaemon(config=settings, folder=ground.folder, wrap=wrap, tree=tree)
        publisher = Publisher(daemon)
        host, _, port = ground.origin.rpartition(":")
        certificate = publisher.certificate(NAME)
        upstream = {"forward_host": host, "forward_port": int(port), "certificate_id": certificate.id}
        publisher.publish("proxy-hosts", domain_names=[NAME], **upstream)

        def close() -> None:
            publisher.close()
            daemon.terminate()
            daemon.close()

        return Started(Proxy(daemon.pid, http, close), https)

    return start


def configured(command: list[str], text: str, name: str) -> Callable[[Ground], Started]:
    """One with a file of settings, whose name is the last word of the command."""

    def start(ground: Ground) -> Started:
        http, https = free_port(), free_port()
        file = ground.folder / name
        file.write_text(text.format(folder=ground.folder, origin=ground.origin, http=http, https=https, name=NAME))
        words = [program(command[0]), *command[1:], str(file)]
        return Started(started(words, http, ground.folder), https)

    return start


def scripted(script: str) -> Callable[[Ground], Started]:
    """A Python one that is a script of this folder."""

    def start(ground: Ground) -> Started:
        http, https = free_port(), free_port()
        words = [ground.python, str(HERE / script), str(http), str(https), ground.origin, str(ground.folder)]
        return Started(started(words, http, ground.folder), https)

    return start


def mitmproxy(ground: Ground) -> Started:
    """It takes TLS off where a client begins it; its two ports are two modes of one process."""
    http, https = free_port(), free_port()
    modes = [word for port in (http, https) for word in ("--mode", f"reverse:http://{ground.origin}@127.0.0.1:{port}")]
    words = [str(Path(ground.python).with_name("mitmdump")), *modes, "--certs", f"*={ground.folder}/both.pem"]
    words += ["--set", f"confdir={ground.folder}", "--set", "keep_host_header=true", "--set", "http2=false"]
    return Started(started([*words, "--set", "flow_detail=1"], http, ground.folder), https)


def mitmproxy_version(python: str) -> str:
    program_ = Path(python).with_name("mitmdump")
    if not os.access(program_, os.X_OK):
        raise Missing("no program mitmdump beside the interpreter")
    return distribution(python, "mitmproxy")


def all_fronts(python: str, beside: str = "") -> list[Front]:
    """python: the interpreter that has the Python fronts; beside: a folder with another tree of meshd, if any."""
    other = [Front("meshd before", lambda: meshd_version(Path(beside)), meshd(beside))] if beside else []
    nginx = ["nginx", "-c"]
    haproxy = ["haproxy", "-db", "-f"]
    return [
        Front("meshd", meshd_version, meshd()),
        *other,
        Front("nginx", nginx_version, configured(nginx, NGINX, "nginx.conf")),
        Front("HAProxy", lambda: said_by([program("haproxy"), "-v"]).split()[2], configured(haproxy, HAPROXY, "h.cfg")),
        Front("aiohttp", lambda: distribution(python, "aiohttp"), scripted("front_aiohttp.py")),
        Front("Twisted", lambda: distribution(python, "twisted"), scripted("front_twisted.py")),
        Front("mitmproxy", lambda: mitmproxy_version(python), mitmproxy),
    ]


def nginx_version() -> str:
    return said_by([program("nginx"), "-v"]).rpartition("/")[2]
