"""Rows of the table: programs as Debian has them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.live.programs import PROGRAMS, Program, Task, by_environment
from tests.support.daemon import free_port
from tests.support.origin import authority
from tools.clients.client import SHAKEN, Client, Library

TUNNEL = "It makes a tunnel only: for https speak TLS in it"
URL = "in the proxy's URL"


def program(
    name: str,
    package: str,
    credential: str,
    by: str | Program,
    socks: Program | None = None,
    note: str = "",
    *,
    both: bool = False,
    serves: bool = False,
) -> Client:
    """One of tests/live/programs.py, by its name there, or another.

    both: whether it is asked for https too, which is not so there.
    """
    called = PROGRAMS[by] if isinstance(by, str) else by
    schemes = ("http", "https") if both else called.schemes
    ways: dict[str, Program | Library] = dict.fromkeys(schemes, replace(called, schemes=schemes))
    if socks is not None:
        ways["SOCKS5"] = socks
    return Client(name, package, credential, ways, note, called.shows, serves)


def _socks_url(task: Task) -> str:
    return task.link.replace("http:", "socks5h:")


def _apt_socks(task: Task) -> Sequence[str]:
    return [_socks_url(task) if word == task.link else word for word in PROGRAMS["apt-helper"].command(task)]


def _chained(task: Task) -> Sequence[str]:
    host, port = task.address
    line = f"strict_chain\nproxy_dns\n[ProxyList]\nsocks5 {host} {port} {task.username} {task.password}\n"
    return ["proxychains4", "-f", task.file("chain", line), "curl", "-sS", "--cacert", authority().file, task.url]


def _at_terminal(task: Task) -> Sequence[str]:
    terminal = [sys.executable, str(Path(__file__).with_name("terminal.py")), task.password]
    return [*terminal, "nc", "-X", "connect", "-x", task.proxy, "-P", task.username, *task.origin.split(":")]


def _served(server: str, port: int, client: str) -> list[str]:
    """A client of a server that listens there while it runs."""
    waiting = f"for i in $(seq 50); do ss -Hltn 'sport = :{port}' | grep -q . && break; sleep 0.1; done"
    return ["bash", "-c", f"setpriv --pdeathsig KILL {server} & s=$!; {waiting}; {client}; kill $s 2>/dev/null"]


def _rsync(task: Task) -> Sequence[str]:
    port, page = free_port(), task.file("page", "words\n")
    module = f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n[pages]\npath = {task.folder}\n"
    server = f"rsync --daemon --no-detach --address=127.0.0.1 --port={port} --config={task.file('rsyncd.conf', module)}"
    client = f"rsync rsync://127.0.0.1:{port}/pages/{Path(page).name} got && echo {SHAKEN}"
    return _served(server, port, client)


def _stunnel(task: Task) -> Sequence[str]:
    port = free_port()
    lines = {
        "foreground": "yes", "debug": "5", "pid": "", "[it]\nclient": "yes", "accept": f"127.0.0.1:{port}",
        "connect": task.proxy, "protocol": "connect", "protocolHost": task.origin, "protocolUsername": task.username,
        "protocolPassword": task.password, "verifyChain": "yes", "CAfile": authority().file,
    }  # fmt: skip
    settings = task.file("stunnel.conf", "".join(f"{name} = {value}\n" for name, value in lines.items()))
    client = f"curl -sS http://127.0.0.1:{port}/echo >got 2>&1; cat log got"
    return _served(f"stunnel4 {settings} >log 2>&1", port, client)


_VPN_UP = "Initialization Sequence Completed"
_VPN_KEY = "\n".join(
    [
        "-----BEGIN OpenVPN Static key V1-----",
        *(f"{n:02x}" * 16 for n in range(16)),
        "-----END OpenVPN Static key V1-----",
    ]
)


def _openvpn(task: Task) -> Sequence[str]:
    """Both ends of a network without a device."""
    port, key = free_port(), task.file("key", _VPN_KEY)
    (host, proxy_port), user = task.address, task.file("user", f"{task.username}\n{task.password}\n")
    common = f"openvpn --dev null --secret {key} --cipher AES-256-CBC --ping 5 --verb 3"
    server = f"{common} --proto tcp-server --local 127.0.0.1 --port {port} >/dev/null"
    client = f"{common} --proto tcp-client --remote 127.0.0.1 {port} --http-proxy {host} {proxy_port} {user} basic"
    client += " --connect-retry-max 1"
    waiting = f"for i in $(seq 100); do grep -q '{_VPN_UP}' got && echo {SHAKEN} && break; kill -0 $c || break; sleep 0.1; done"
    return _served(server, port, f"{client} >got 2>&1 & c=$!; {waiting} 2>/dev/null; cat got; kill $c 2>/dev/null")


def _go(*words: str) -> Program:
    """One of Go's, which ask no proxy for 127.0.0.1 and localhost, and take this one for another name."""
    return Program(
        words[0],
        lambda t: [word.replace("URL", t.url.replace("127.0.0.1", "localhost.").rpartition("/")[0]) for word in words],
        environment=lambda t: {**by_environment(t), "RESTIC_PASSWORD": "x"},
    )


GIT_SOCKS = Program(
    "git", lambda t: ["git", "-c", f"http.proxy={_socks_url(t)}", "ls-remote", t.url.replace("/echo", "/repository")],
    environment=lambda t: {"GIT_SSL_CAINFO": authority().file},
)  # fmt: skip
NCAT_SOCKS = Program(
    "ncat", lambda t: ["ncat", "--proxy", t.proxy, "--proxy-type", "socks5", "--proxy-auth", t.raw, *t.origin.split(":")],
    ("http",), talks=True,
)  # fmt: skip
RSYNC = Program("rsync", _rsync, ("http",), lambda t: {"RSYNC_PROXY": f"{t.raw}@{t.proxy}"})
WGET2 = Program(
    "wget2", lambda t: ["wget2", "-O-", "--tries=1", "--timeout=20", "--no-check-certificate",
                        f"--http-proxy=http://{t.proxy}", f"--https-proxy=http://{t.proxy}",
                        f"--http-proxy-user={t.username}", f"--http-proxy-password={t.password}", t.url],
)  # fmt: skip

DEBIAN = (
    program("curl", "curl", "`-U name:password`", "curl, by its option", PROGRAMS["curl by SOCKS5"]),
    program("wget", "wget", f"{URL} (`http_proxy`), or `--proxy-user`, `--proxy-password`", "wget, from the environment"),
    program("wget2", "wget2", "`--http-proxy-user`, `--http-proxy-password`; what stands in the URL is not sent", WGET2,
            note="Take wget or curl: for http it loses the port of the page's URL, for https it speaks TLS to the proxy"),
    program("git", "git", f"{URL} (`http.proxy`)", "git", GIT_SOCKS),
    program("svn", "subversion", "`servers:global:http-proxy-username`, `…-password`", "svn"),
    program("apt", "apt", f"{URL} (`Acquire::http::Proxy`)", "apt-helper", Program("/usr/lib/apt/apt-helper", _apt_socks)),
    program("aria2c", "aria2", f"{URL} (`--all-proxy`)", "aria2c"),
    program("axel", "axel", f"{URL} (`http_proxy`)", "axel", note="For https it asks the proxy for `GET https://…`", both=True),
    program("lftp", "lftp", f"{URL} (`http_proxy`)", "lftp"),
    program("lynx", "lynx", "`-pauth=name:password`; not in the URL", "lynx", both=True),
    program("w3m", "w3m", f"{URL} (`http_proxy`)", "w3m", both=True),
    program("links2", "links2", "`-http-proxy name:password@host:port`, `-https-proxy` alike, not escaped", "links2"),
    program("elinks", "elinks", "`protocol.http.proxy.user`, `protocol.http.proxy.passwd`, for https too", "elinks"),
    program("ffmpeg", "ffmpeg", f"{URL} (`-http_proxy`)", "ffmpeg", both=True),
    program("rsync", "rsync", "`RSYNC_PROXY=name:password@host:port`, not escaped", RSYNC, note="A tunnel to a daemon of rsync", serves=True),
    program("rclone", "rclone", f"{URL} (`HTTP_PROXY`)", _go("rclone", "copyurl", "--retries=1", "--stdout", "URL/echo", "-")),
    program("restic", "restic", f"{URL} (`HTTP_PROXY`)", replace(_go("restic", "--no-lock", "-r", "rest:URL", "cat", "config"), shows=False)),
    program("socat", "socat", "`PROXY:…,proxyauth=name:password`", "socat", note=TUNNEL),
    program("nc", "netcat-openbsd", "name in `-X connect -P name`; the password is asked for at the terminal", Program("nc", _at_terminal, ("http",), talks=True),
            note=f"{TUNNEL}. By SOCKS5 it offers no login"),
    program("ncat", "ncat", "`--proxy-auth name:password`", "ncat", NCAT_SOCKS, TUNNEL),
    program("proxytunnel", "proxytunnel", "`-P name:password`", "proxytunnel", note=TUNNEL + "; it says nothing without `-v`"),
    program("corkscrew", "corkscrew", "`name:password` in a file", "corkscrew", note=TUNNEL),
    program("connect-proxy", "connect-proxy", "name in `-H name@host:port`, `HTTP_PROXY_PASSWORD`", "connect-proxy", note=TUNNEL),
    program("openssl s_client", "openssl", "`-proxy_user`, `-proxy_pass pass:…`", "openssl s_client"),
    program("stunnel", "stunnel4", "`protocol = connect`, `protocolUsername`, `protocolPassword`", Program("stunnel4", _stunnel, ("https",)),
            note="Who asks it is only cut off, and its log says no more than `CONNECT request rejected`"),
    program("openvpn", "openvpn", "two lines of the file in `http-proxy host port FILE basic`", Program("openvpn", _openvpn, ("http",)),
            note="Left to itself it tries again for ever", serves=True),
    Client("proxychains4", "proxychains4", "in its list: `socks5 host port name password`",
           {"SOCKS5": Program("proxychains4", _chained)}, "No blanks in a password. Run with curl"),
    program("Ruby's Net::HTTP", "ruby", "`Net::HTTP.new(host, port, proxy, port, name, password)`", "Ruby's Net::HTTP"),
    program("Ruby's open-uri", "ruby", "`proxy_http_basic_authentication: [proxy, name, password]`", "Ruby's open-uri"),
    program("PHP's streams", "php-cli", "a header of the context, made by hand", "PHP's streams"),
    program("Perl's LWP", "libwww-perl", f"{URL} (`$ua->proxy`)", "LWP"),
    program("Tcl's http", "tcl", "a header, made by hand", "Tcl's http", note="For https it speaks TLS to the proxy", both=True),
    program("Go's net/http", "golang-go", f"{URL} (`HTTP_PROXY`)", "Go's net/http", both=True),
    program("Java's HttpURLConnection", "default-jdk-headless", "`Authenticator`; for https `-Djdk.http.auth.tunneling.disabledSchemes=`",
            "Java's HttpURLConnection", PROGRAMS["Java by SOCKS5"]),
    program("Java's HttpClient", "default-jdk-headless", "`Authenticator`; for https `-Djdk.http.auth.tunneling.disabledSchemes=`", "Java's HttpClient"),
    program("Node's http", "nodejs", "a header, made by hand", "Node's http"),
)  # fmt: skip
