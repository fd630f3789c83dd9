"""What a head costs before anybody is known, beside a plain one of as many bytes: `python bench/unknown.py`.

Each kind of head that makes much of few bytes is sent by nobody, in turn with a plain one of its size, so that a busy
moment of the machine touches both.  Where the kind's connection is not kept after the answer, the plain head is one
that is refused and loses its connection too.  Counted is the daemon's own CPU time, in all its threads.
Status 0 where no kind costs more than thrice what the plain one does.  `--write` puts the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.asking import trusting  # noqa: E402
from bench.machine import description  # noqa: E402
from bench.table import grouped, replaced  # noqa: E402
from tests.support.daemon import LiveDaemon  # noqa: E402

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- unknown: made by bench/unknown.py --write -->", "<!-- end of unknown -->"

BOUND = 3.0
SIZE = 15_000
"""Bytes of most heads: one field of almost the longest line."""
LINE = 4_000
"""Bytes of a plain head's longest field: as a long cookie."""
BALANCER = "127.0.0.9"
"""Where connections begin with a PROXY header."""
CONFIG = f"""
[proxies.local]
proxy_protocol_from = ["{BALANCER}"]
[limits]
failures = 1000
names_per_address = 1000000
"""
"""Nobody is banned while it is measured."""

GET = b"GET http://www.example.com/ HTTP/1.1\r\nHost: www.example.com\r\n"
ASKING = b"GET /api/proxies/ HTTP/1.1\r\nHost: localhost\r\n"
SENDING = b"POST /api/sub/create/ HTTP/1.1\r\nHost: localhost\r\n"


Heads = Callable[[int], bytes]
"""The head of that number."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to make much of few bytes, and the plain way to say as much."""

    name: str
    sent: Heads
    plain: bytes
    refused: bytes = b""
    """A plain one that ends its connection; b"" where all do."""
    place: str = "proxy"
    """Or api (by TLS), redirect (the API's port without TLS), socks, or balancer (behind a PROXY header)."""
    guess: Heads | None = None
    """What it is compared with in the place of the plain ones: a plain guess, where each is another guess."""


@dataclass(frozen=True, slots=True)
class Found:
    """Microseconds of CPU for one head, of the kind and of the plain one."""

    name: str
    size: int
    kind: float
    plain: float

    @property
    def ratio(self) -> float:
        return self.kind / self.plain


def repeated(piece: bytes, size: int = SIZE) -> bytes:
    return piece * (size // len(piece))


def filled(start: bytes, size: int, end: bytes = b"") -> bytes:
    """A head of so many bytes with plain fields, the last one given."""
    left = size - len(start) - len(end) - 2
    fields = b""
    while left >= 4:
        # What is left for another line has to be room for one.
        length = left if left <= LINE else min(LINE, left - 4)
        fields += b"A: " + b"a" * (length - 5) + b"\r\n" if length > 4 else b"A:\r\n"
        left = size - len(start) - len(end) - 2 - len(fields)
    return start + fields + end + b"\r\n"


def headed(name: str, fields: bytes, start: bytes = GET, place: str = "proxy") -> Kind:
    """A head with these fields."""
    return started(name, start + fields + b"\r\n", start, place)


def started(name: str, sent: bytes, start: bytes = GET, place: str = "proxy") -> Kind:
    """A head, and what a plain one of its size begins with."""
    twice = b"Host: again\r\n"
    return Kind(name, lambda _: sent, filled(start, len(sent)), filled(start, len(sent), twice), place)


def basic(userinfo: bytes) -> bytes:
    return b"Proxy-Authorization: Basic " + b64encode(userinfo) + b"\r\n"


def of_proxy() -> Iterator[Kind]:
    yield headed("X-ProxyMesh-Not-IP with many names", b"X-ProxyMesh-Not-IP: " + repeated(b"a,") + b"\r\n")
    yield headed("X-ProxyMesh-Not-IP with many addresses", b"X-ProxyMesh-Not-IP: " + repeated(b"::1,") + b"\r\n")
    yield headed("a long X-ProxyMesh-Session", b"X-ProxyMesh-Session: " + repeated(b"a") + b"\r\n")
    yield headed("Connection with many options", b"Connection: " + repeated(b"a,") + b"\r\n")
    yield headed("Connection with blank options", b"Connection: " + repeated(b" ,") + b"\r\n")
    yield headed("Connection of many lines", repeated(b"Connection: keep-alive, a\r\n", 5_000))
    yield headed("many short fields", repeated(b"a:\r\n", 760))
    yield headed("many long names", repeated(b"a" * 60 + b":\r\n", 11_500))
    yield headed("many fields, longer than a line may be", repeated(b"a" * 110 + b":\r\n", 22_000))
    yield headed("many of one name", repeated(b"Cookie: a=b\r\n", 2_400))
    yield headed("Transfer-Encoding with many codings", b"Transfer-Encoding: " + repeated(b"a,") + b"\r\n")
    yield headed("Upgrade and Connection, long", UPGRADE + b"Connection: " + repeated(b"upgrade,") + b"\r\n")
    yield headed("a long number of bytes", b"Content-Length: " + repeated(b"9") + b"\r\n")
    yield headed("a field line without an end", b"a" * SIZE + b"\r\n")
    yield headed("a control at the end", b"a:" + b"b" * SIZE + b"\x01\r\n")
    labels = repeated(b"a.")
    yield started("a host of many labels", b"GET http://" + labels + b"/ HTTP/1.1\r\nHost: a\r\n\r\n")
    yield started("a host of many labels, malformed", b"GET http://" + labels + b"!/ HTTP/1.1\r\nHost: a\r\n\r\n")
    yield started("a long authority", b"CONNECT " + repeated(b"a" * 63 + b".") + b"?:443 HTTP/1.1\r\n\r\n")
    yield started("a Host field of many labels", b"GET http://a/ HTTP/1.1\r\nHost: " + labels + b"!\r\n\r\n")
    yield started("a long path", b"GET http://a" + repeated(b"/") + b"# HTTP/1.1\r\nHost: a\r\n\r\n")
    yield started("a long query", b"GET http://a/?" + repeated(b"%&=") + b"# HTTP/1.1\r\nHost: a\r\n\r\n")


UPGRADE = b"Upgrade: websocket\r\n"


def of_credentials() -> Iterator[Kind]:
    """First what is refused from memory the second time, then guesses, which are hashed."""
    yield headed("a user name of many keys", basic(b"a" + repeated(b"-not", 250) + b":wrong"))
    yield headed("a password with many colons", basic(b"nobody:" + repeated(b":", 11_000)))
    yield headed("a password that is long", basic(b"nobody-not-a-ttl-1:k:" + repeated(b"a", 11_000)))
    yield headed("Basic that is long", b"Proxy-Authorization: Basic " + repeated(b"YWFh") + b"\r\n")
    yield headed("Basic that is none", b"Proxy-Authorization: Basic " + repeated(b"!") + b"\r\n")
    yield headed("Bearer that is long", b"Proxy-Authorization: Bearer " + repeated(b"a") + b"\r\n")
    yield headed("Bearer that is none", b"Proxy-Authorization: Bearer " + repeated(b"a") + b"!\r\n")
    yield headed("Authorization, a long token", b"Authorization: Bearer pm_" + repeated(b"a") + b"\r\n")
    for name, text in (("with many colons", b":" * 11_000), ("of many accents", "\u0301\u0327".encode() * 2_750)):
        yield guessed(name, text)


def guessed(name: str, text: bytes) -> Kind:
    """A password that was not tried before, beside one of plain letters behind one colon."""

    def sent(number: int) -> bytes:
        return GET + basic(b"nobody:x:%010d%b" % (number, text)) + b"\r\n"

    def plain(number: int) -> bytes:
        return GET + basic(b"nobody:x:%010d" % -number + b"a" * len(text)) + b"\r\n"

    return Kind(f"a guess {name}", sent, b"", guess=plain)


def of_api() -> Iterator[Kind]:
    place = "api"
    yield headed("a Cookie of many parts", b"Cookie: " + repeated(b"a=b;") + b"\r\n", ASKING, place)
    yield headed("many short fields", repeated(b"a:\r\n", 380), ASKING, place)
    yield headed("many long names", repeated(b"a" * 140 + b":\r\n", 12_500), ASKING, place)
    yield headed("Connection with many options", b"Connection: " + repeated(b"a,") + b"\r\n", ASKING, place)
    yield headed("Accept with many types", b"Accept: " + repeated(b"a/b,") + b"\r\n", ASKING, place)
    yield headed("Basic that is long", b"Authorization: Basic " + repeated(b"YWFh") + b"\r\n", ASKING, place)
    yield headed("a long number of bytes", b"Content-Length: " + repeated(b"9", 4_000) + b"\r\n", ASKING, place)
    for name, query in (("fields", b"a&"), ("escapes", b"%61"), ("semicolons", b"a;")):
        sent = b"GET /api/proxies/?" + repeated(query) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        yield started(f"a query of many {name}", sent, ASKING, place)
    for name, path in (("parts", b"/a"), ("escapes", b"/%2f"), ("dots", b"/.")):
        sent = b"GET /api/" + repeated(path) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        yield started(f"a path of many {name}", sent, ASKING.replace(b"proxies", b"nothing"), place)
    for name, body in (
        ("chunks", repeated(b"1\r\na\r\n") + b"0\r\n\r\n"),
        ("chunks with extensions", repeated(b"1;a=b\r\na\r\n") + b"0\r\n\r\n"),
        ("trailers", b"0\r\n" + repeated(b"a:\r\n") + b"\r\n"),
    ):
        sent = SENDING + b"Transfer-Encoding: chunked\r\n\r\n" + body
        yield started(f"a body of many {name}", sent, ASKING, place)


def elsewhere() -> Iterator[Kind]:
    """By other protocols; without TLS at the API's port."""
    sent = b"GET /api/proxies/?" + repeated(b"a&") + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield started("a query of many fields", sent, ASKING, "redirect")
    yield headed("Connection with many options", b"Connection: " + repeated(b"a,") + b"\r\n", ASKING, "redirect")
    for name, user in (("of many keys", b"a" + repeated(b"-not", 250)), ("of dots", b"." * 250)):
        sent = greeting(*range(1, 256)) + login(user, b":" * 255)
        plain = greeting(*range(1, 256)) + login(b"a" * len(user), b"a" * 255)
        yield Kind(f"many methods, a user name {name}", lambda _, sent=sent: sent, plain, place="socks")  # type: ignore[misc]
    usual = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n"
    for name, line in (
        ("a long line", b"PROXY TCP6 " + b"1:2:3:4:5:6:7:8 " * 2 + b"60000 60000\r\n"),
        ("what is unknown", b"PROXY UNKNOWN " + b"a" * 80 + b"\r\n"),
    ):
        yield started(f"PROXY, {name}", line + filled(GET, 200), usual + GET, "balancer")


def greeting(*methods: int) -> bytes:
    return bytes([5, len(methods), *methods])


def login(user: bytes, password: bytes) -> bytes:
    return bytes([1, len(user)]) + user + bytes([len(password)]) + password


class Nobody:
    """Sends heads on one connection for as long as it is kept, then on another."""

    def __init__(self, daemon: LiveDaemon, place: str) -> None:
        self._daemon = daemon
        self._place = place
        self._socket: socket.socket | None = None
        self._trusted = trusting(str(daemon.certificate))

    def send(self, head: bytes) -> bool:
        """One, and its answer to the end; whether the connection is kept."""
        for _ in range(2):
            connection = self._socket or self._connected()
            fresh, self._socket = self._socket is None, None
            try:
                connection.sendall(head)
                kept = _answered(connection, self._place)
            except ConnectionError:
                kept = None
            if kept:
                self._socket = connection
                return True
            _close(connection)
            if kept is not None or fresh:
                return False
        return False

    def close(self) -> None:
        if self._socket is not None:
            _close(self._socket)

    def _connected(self) -> socket.socket:
        port = self._daemon.api_port if self._place in ("api", "redirect") else self._daemon.proxy_port
        source = (BALANCER, 0) if self._place == "balancer" else None
        plain = socket.create_connection(("127.0.0.1", port), 20, source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._trusted.wrap_socket(plain, server_hostname="localhost") if self._place == "api" else plain


def _answered(connection: socket.socket, place: str) -> bool | None:
    """Whether the connection goes on after the answer; None where there was none."""
    said = b""
    while True:
        data = connection.recv(65536)
        said += data
        if not data:
            return False if said else None
        head, blank, body = said.partition(b"\r\n\r\n")
        if place == "socks" or not blank:
            continue
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) >= length:
            return b"connection: close" not in lines


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def cpu_of(pid: int) -> float:
    """Seconds of CPU of the process so far, all threads, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def measured(daemon: LiveDaemon, kind: Kind, heads: int, rounds: int) -> Found:
    """Medians of the rounds."""
    first, second = Nobody(daemon, kind.place), Nobody(daemon, kind.place)
    kept = first.send(kind.sent(0))
    plain = kind.plain if kept or not kind.refused else kind.refused
    figures: list[list[float]] = [[], []]
    for turn in range(rounds):
        for took, client, said in zip(
            figures, (first, second), (kind.sent, kind.guess or (lambda _: plain)), strict=True
        ):
            client.send(said(turn * (heads + 1) + 1))  # the connection, and what is remembered from the first time
            before = cpu_of(daemon.pid)
            for number in range(heads):
                client.send(said(turn * (heads + 1) + number + 2))
            took.append((cpu_of(daemon.pid) - before) / heads * 1e6)
    for client in (first, second):
        client.close()
    return Found(f"{kind.place}: {kind.name}", len(kind.sent(0)), *map(median, figures))


def table(found: Iterable[Found]) -> str:
    lines = ["| what nobody sends | bytes | µs of CPU | a plain one | ratio |", "| --- | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {each.name} | {each.size:,} | {grouped(each.kind)} | {grouped(each.plain)} | {each.ratio:.1f} |"
        for each in found
    ]
    return "\n".join(lines)


def kinds() -> list[Kind]:
    return [*of_proxy(), *of_credentials(), *of_api(), *elsewhere()]


def compare(heads: int, rounds: int, only: str = "") -> Sequence[Found]:
    daemon = LiveDaemon(None, CONFIG)
    try:
        found = []
        for kind in kinds():
            if only in f"{kind.place}: {kind.name}":
                found.append(measured(daemon, kind, heads, rounds))
                print(f"{found[-1].name}: {found[-1].ratio:.1f}", file=sys.stderr, flush=True)
        return found
    finally:
        daemon.close()


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=40, help="of each kind in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="TEXT", help="kinds with this in their name")
    parser.add_argument("--write", action="store_true", help=f"replace the table in docs/{DOCUMENT.name}")
    options = parser.parse_args(given)
    found = compare(options.heads, options.rounds, options.only)
    command = f"python bench/unknown.py --heads {options.heads} --rounds {options.rounds}"
    text = f"`{command}` on {description()}.\n\n{table(found)}"
    print(text)
    if options.write:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), text, BEGIN, END))
    return 1 if any(each.ratio > BOUND for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
