"""The same odd answers of an origin through meshd, Squid and tinyproxy, as a table of the manual.

    python -m tools.answers docs/proxy.md

Everything is on loopback, each request has five seconds, and the table stands between two marks in the file.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.peers import program, started
from tests.live.test_exit_answers import HAND_MADE, REFUSED, UNAUTHORIZED, ScriptedProxy
from tests.live.test_kept_origins import ENDS, End, FickleOrigin
from tests.support import peers
from tests.support.daemon import LiveDaemon, free_port
from tests.support.origin import RecordingOrigin, Script
from tests.threats.test_hostile_origin import ANSWERED_FOR, CUT, MENDED, MENDED_CHUNKS

SECONDS = 5.0
"""For one request, after which it counts as one without an answer."""
NAME, PASSWORD = "alice", "correct horse"
TRIES = 5
"""Of what may depend on the moment."""
HEAD_END = re.compile(rb"(?<=\n)\r?\n")
BEGIN, END = "<!-- answers: python -m tools.answers docs/proxy.md -->", "<!-- the end of answers -->"


@dataclass(frozen=True)
class Way:
    """A proxy that the origin is asked through."""

    name: str
    host: str
    port: int
    username: str
    password: str

    @property
    def credential(self) -> bytes:
        pair = b64encode(f"{self.username}:{self.password}".encode())
        return b"Proxy-Authorization: Basic " + pair + b"\r\n" if self.username else b""

    def ask(self, *requests: bytes, between: Callable[[], None] = lambda: None) -> tuple[bytes, str]:
        """All that comes back for requests on one connection, and how that ends: "end", "reset" or "time"."""
        got = b""
        try:
            with socket.create_connection((self.host, self.port), SECONDS) as sock:
                sock.settimeout(SECONDS)
                for request in requests:
                    sock.sendall(request)
                    if request is not requests[-1]:
                        while not got.endswith(b"ok") and (data := sock.recv(65536)):
                            got += data
                        between()
                        got = b""
                while data := sock.recv(65536):
                    got += data
        except TimeoutError:
            return got, "time"
        except OSError:
            return got, "reset"
        return got, "end"


def told(got: bytes, how: str) -> str:
    """What a client makes of it, in a few words."""
    while (head := re.match(rb"HTTP/1\.[01] 1\d\d[^\n]*\n(?:[^\n]+\n)*?\r?\n", got)) is not None:
        got = got[head.end() :]
    line = re.match(rb"HTTP/\d\.\d (\d{3})", got)
    if line is None:
        return {"time": "no answer", "reset": "reset", "end": "an end"}[how] if not got else "no HTTP"
    status = line[1].decode()
    rule = re.search(rb'details="[a-z-]+: ([^"]*)"', got)
    if rule is not None:
        return f"{status}: {rule[1].decode()}"
    if status != "200":
        return status
    head, _, body = got.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        return "200" if body.endswith(b"0\r\n\r\n") and how != "reset" else "200, cut off"
    length = re.search(rb"(?im)^content-length: *(\d+)\r?$", head)
    if length is not None and int(length[1]) > len(body):
        return "200, cut off"
    return "200" if how != "reset" else "200, reset"


def answers(ways: list[Way], origin: RecordingOrigin) -> list[str]:
    """A row for each answer."""
    scripts: dict[str, Script] = {what: lie.script for what, lie in {**ANSWERED_FOR, **CUT}.items()}
    scripts |= {what: mended[0] for what, mended in MENDED.items()} | MENDED_CHUNKS
    rows = []
    for what, script in scripts.items():
        cells = []
        for way in ways:
            origin.script("/odd", script)
            request = b"GET " + origin.url("/odd").encode() + b" HTTP/1.1\r\nHost: " + origin.authority.encode()
            cells.append(told(*way.ask(request + b"\r\nConnection: close\r\n" + way.credential + b"\r\n")))
            origin.hang_up()
        rows.append(f"| {what} | {' | '.join(cells)} |")
    return rows


class _Owner:
    """Closes what was opened for it."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], object]] = []

    def addCleanup(self, call: Callable[[], object]) -> None:
        self._calls.append(call)

    def close(self) -> None:
        for call in reversed(self._calls):
            call()


def stale(ways: list[Way], owner: _Owner) -> list[str]:
    """A row for each kind of connection that ends while it is kept, and each method."""
    rows = []
    for end in ENDS:
        for method, body in ((b"POST", b"hello"), (b"PUT", b"hello"), (b"GET", b"")):
            cells = [_each_time(way, owner, end, method, body) for way in ways]
            rows.append(f"| {_NAMES[end]}, then {method.decode()} | {' | '.join(cells)} |")
    return rows


def _each_time(way: Way, owner: _Owner, end: End, method: bytes, body: bytes) -> str:
    """What comes of several tries: it may depend on the moment at which a proxy hears of the end."""
    origins = [FickleOrigin(owner, end) for _ in range(TRIES)]  # type: ignore[arg-type]
    return " or ".join(sorted({_again(way, origin, method, body) for origin in origins}))


_NAMES: dict[End, str] = {
    "end": "kept, and ended without a word",
    "reset": "kept, and reset",
    "408": "kept, and ended with a 408",
    "told": "kept with `Keep-Alive: timeout=0`, and ended",
}


def _again(way: Way, origin: FickleOrigin, method: bytes, body: bytes) -> str:
    """The status of a second request on a client's connection, right behind its origin's end."""
    url = b"http://127.0.0.1:%d/" % origin.port
    first = b"GET " + url + b"first HTTP/1.1\r\nHost: x\r\n" + way.credential + b"\r\n"
    framing = b"Content-Length: %d\r\n" % len(body) if body else b""
    second = method + b" " + url + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + way.credential + framing
    return told(*way.ask(first, second + b"\r\n" + body, between=lambda: (origin.go.set(), None)[1]))


SQUID = """
http_port 127.0.0.1:{port}
http_access allow all
cache_peer 127.0.0.1 parent {parent} 0 no-query no-digest default login=us:pw
never_direct allow all
cache deny all
access_log none
cache_log {folder}/cache.log
pid_filename none
coredump_dir {folder}
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
"""
TINYPROXY = """
Listen 127.0.0.1
Port {port}
MaxClients 50
Timeout 60
LogFile "{folder}/tinyproxy.log"
LogLevel Connect
Upstream http us:pw@127.0.0.1:{parent}
"""


def parents(daemon: LiveDaemon, owner: _Owner) -> list[str]:
    """A row for each answer of an exit to CONNECT, and for a wrong password of a plain request."""
    exit_ = ScriptedProxy(owner, b"")  # type: ignore[arg-type]
    daemon.reload(exit_.toml("sold") + "[timeouts]\nfirst_byte = 2\n")
    ways = [Way("meshd", "127.0.0.1", daemon.proxy_port, NAME, PASSWORD)]
    for name, text, words in (("squid", SQUID, ("-N", "-n", "answers", "-f")), ("tinyproxy", TINYPROXY, ("-d", "-c"))):
        folder, port = Path(tempfile.mkdtemp(prefix="meshd-answers-", dir="/tmp")), free_port()
        folder.chmod(0o777)
        (folder / "conf").write_text(text.format(port=port, parent=exit_.port, folder=folder))
        proxy = started([program(name), *words, str(folder / "conf")], port, folder)
        owner.addCleanup(proxy.close)
        ways.append(Way(name, "127.0.0.1", port, "", ""))
    rows = []
    for what, answer in HAND_MADE.items():
        exit_.connect = answer
        rows.append(f"| an exit answers CONNECT with {what} | {' | '.join(_tunnelled(way) for way in ways)} |")
    for what, answer in (("407", REFUSED), ("401", UNAUTHORIZED)):
        exit_.connect = exit_.plain = answer
        request = b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        cells = [told(*way.ask(request.replace(b":9/", b":8080/") + way.credential + b"\r\n")) for way in ways]
        rows.append(f"| an exit answers {what} to a plain request, as its password is wrong | {' | '.join(cells)} |")
    return rows


def _head(sock: socket.socket) -> tuple[bytes, bytes]:
    """An answer's head, which some proxies send on in pieces, and what came behind the head."""
    data = b""
    while not (end := HEAD_END.search(data)) and (more := sock.recv(65536)):
        data += more
    return (data[: end.end()], data[end.end() :]) if end else (data, b"")


def _tunnelled(way: Way) -> str:
    """Whether a tunnel stands: what is sent comes back."""
    with socket.create_connection((way.host, way.port), SECONDS) as sock:
        sock.settimeout(SECONDS)
        try:
            sock.sendall(b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n" + way.credential + b"\r\n")
            head, got = _head(sock)
            if b" 200" not in head[:13]:
                return told(head, "end")
            sock.sendall(b"hello, tunnel")
            while b"hello, tunnel" not in got and (data := sock.recv(65536)):
                got += data
        except OSError:
            return "no answer"
    return (
        "carried"
        if got == b"hello, tunnel"
        else "carried, with bytes that are not the destination's"
        if got
        else "an end"
    )


def table() -> str:
    """Both tables, as the manual has them."""
    owner = _Owner()
    daemon = LiveDaemon(config="[timeouts]\nfirst_byte = 2\n")
    daemon.account(NAME, PASSWORD)
    origin = RecordingOrigin()
    squid, tinyproxy = peers.start("squid"), peers.start("tinyproxy")
    try:
        ways = [Way("meshd", "127.0.0.1", daemon.proxy_port, NAME, PASSWORD)]
        for name, peer in (("Squid", squid), ("tinyproxy", tinyproxy)):
            host, _, port = peer.proxy.address.rpartition(":")
            ways.append(Way(name, host, int(port), peer.username, peer.password))
        heading = "| what the origin does | meshd | Squid | tinyproxy |\n|---|---|---|---|"
        rows = [*answers(ways, origin), *stale(ways, owner), *parents(daemon, owner)]
    finally:
        for each in (owner, squid, tinyproxy, origin, daemon):
            each.close()
    made = f"Made on {datetime.now(UTC):%Y-%m-%d} with {_version('squid')} and {_version('tinyproxy-bin')} of Debian."
    return "\n".join([made, "", heading, *rows])


def _version(package: str) -> str:
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    found = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    return f"{package} {found}" if found else package


def main(path: str) -> None:
    file = Path(path)
    before, _, rest = file.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}")


if __name__ == "__main__":
    main(sys.argv[1])
