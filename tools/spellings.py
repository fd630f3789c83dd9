"""Each spelling of a request's target and head, through meshd, Squid and tinyproxy: the table in docs/proxy.md.

    python -m tools.spellings            # runs all three on loopback, and prints the table
    python -m tools.spellings --write    # and puts it into docs/proxy.md

For each that is refused here the table says which two readings there are.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench import peers
from tests.support.daemon import LiveDaemon

PATIENCE = 3.0
"""Seconds for one spelling: nothing waits for anything but loopback."""
AT_ONCE = 8
YES = "carried"
MANUAL = Path(__file__).parents[1] / "docs" / "proxy.md"
BEGIN, END = "<!-- spellings -->\n", "<!-- end of spellings -->\n"

PING = b"PING / HTTP/1.1\r\n\r\n"
URL = b"http://localhost:@P/x"
HOST = b"Host: localhost:@P\r\n"
HEAD = b"GET " + URL + b" HTTP/1.1\r\n"


@dataclass(frozen=True)
class Spelling:
    """One way to write something."""

    what: str
    text: bytes
    """With @P for the origin's port."""
    readings: str = ""
    """Which two readings there are; "" where there is one."""
    urgent: tuple[bool, bytes] | None = None
    """Whether upward, and the bytes behind the urgent byte: played in the tunnel, or as the answer."""


@dataclass
class Outcome:
    """What became of each spelling through one proxy, in the order of SPELLINGS."""

    name: str
    version: str
    cells: list[str] = field(default_factory=list)


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"


def at(path: bytes) -> bytes:
    return get(b"http://localhost:@P" + path)


def head(fields: bytes) -> bytes:
    return HEAD + fields + b"\r\n"


def connect(target: bytes, fields: bytes = b"Host: a\r\n") -> bytes:
    return b"CONNECT " + target + b" HTTP/1.1\r\n" + fields + b"\r\n"


def post(fields: bytes, body: bytes = b"") -> bytes:
    return HEAD.replace(b"GET", b"POST") + HOST + fields + b"\r\n" + body


def line(text: bytes) -> bytes:
    return text.replace(b"@U", URL) + b"\r\n" + HOST + b"\r\n"


TWO_HOSTS = "the first, or the last; RFC 9112, 3.2 wants 400"
NO_HOST = "its odd part is left out, or belongs to the name; RFC 9112, 3.2 wants 400"
END_OF_LINE = "a line ends there, or it is a byte of the line"
BLANK = "a blank that separates, or a byte of what it stands in"
FOLDED = "a line of its own, or the end of the one before; RFC 9112, 5.2 wants 400"
CONTROL = "a blank, an end, or a byte of the value"
NUMBER = "a number as some function of C reads it, or none"
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"

TARGETS = (
    Spelling("a plain target", get(URL)),
    Spelling("UTF-8 in the path", at("/ü".encode())),
    Spelling("UTF-8 in the query", at("/?q=ü".encode())),
    Spelling("other bytes above ASCII", at(b"/\xfc"), "which character it is depends on the reader's charset"),
    Spelling("an overlong slash, `C0 AF`", at(b"/\xc0\xaf"), "a slash, or no character"),
    Spelling("a backslash in the path", at(b"/a\\b")),
    Spelling("a backslash behind the host", at(b"\\x"), "the host ends there, or goes on"),
    Spelling("a backslash before `@`", get(b"http://b.test\\@localhost:@P/"), "the host is before it, or behind `@`"),
    Spelling("`{}|\"^<>[]` and a backtick in the path", at(b'/{a}|"^`<>[]')),
    Spelling("escapes, good and bad", at(b"/%00%2f%zz")),
    Spelling("dots in the path", at(b"/../x")),
    Spelling("a name and a password", get(b"http://u:p@localhost:@P/x")),
    Spelling("a name alone", get(b"http://u@localhost:@P/x")),
    Spelling("nothing before `@`", get(b"http://@localhost:@P/x")),
    Spelling("colons, quotes and escapes in a password", get(b"http://u%40x:p:\"'%3A@localhost:@P/x")),
    Spelling("a host, or a host and a port, before `@`", get(b"http://127.0.0.1:1@localhost:@P/x"), "that host, for who looks for the first colon, or the one behind `@`"),
    Spelling("two `@`", get(b"http://u@v@localhost:@P/x"), "the host is behind the first, or behind the last"),
    Spelling("a fragment", at(b"/x#f"), "it is cut off, or belongs to the path"),
    Spelling("a fragment behind the host", at(b"#f"), "it is cut off, or belongs to the host"),
    Spelling("a blank in the path", at(b"/a b"), BLANK),
    Spelling("a tab in the path", at(b"/a\tb"), BLANK),
    Spelling("CR in the path", at(b"/a\rb"), END_OF_LINE),
    Spelling("NUL in the path", at(b"/a\x00b"), "the path ends there, or goes on"),
    Spelling("a port with a zero before it", get(b"http://localhost:0@P/x"), "decimal, or octal"),
    Spelling("a port with a sign", get(b"http://localhost:+@P/x"), NUMBER),
    Spelling("a port above 65535", get(b"http://localhost:@P99/x"), "an error, or what is left of it in 16 bits"),
    Spelling("capitals in scheme and host", get(b"HTTP://LOCALHOST:@P/x")),
    Spelling("a final dot", get(b"http://localhost.:@P/x")),
    Spelling("an escape in the host", get(b"http://local%68ost:@P/x"), "decoded, or a name as it stands"),
    Spelling("UTF-8 in the host", get("http://löcalhost:@P/x".encode()), "IDNA 2003, IDNA 2008, or bytes"),
    Spelling("an IPv6 address", get(b"http://[::1]:@P/x")),
    Spelling("an IPv6 address without brackets", get(b"http://::1:@P/x"), "the last group is a port, or belongs to the address"),
    Spelling("an IPv6 address with a zone", get(b"http://[::1%25lo]:@P/x"), "an interface of yours, or one of the proxy's"),
    Spelling("an IPv4 address in hexadecimal", get(b"http://0x7f000001:@P/x")),
    Spelling("no path", at(b"")),
    Spelling("a query without a path", at(b"?a")),
    Spelling("no slashes behind the scheme", get(b"http:localhost:@P/x"), "a path, or a host"),
    Spelling("two slashes and no scheme", get(b"//localhost:@P/x"), "a host, or a path of whom `Host` names"),
    Spelling("a path alone", get(b"/x"), "whom `Host` names, or this proxy"),
    Spelling("a `https://` target", get(b"https://localhost:@P/x"), "TLS is the proxy's to speak, or nobody speaks it"),
    Spelling("`CONNECT`", connect(b"localhost:@P")),
    Spelling("`CONNECT` to an IPv6 address", connect(b"[::1]:@P")),
    Spelling("the same without brackets", connect(b"::1:4443"), "port 4443, or the address `::1:4443` and a port that is not told"),
    Spelling("the same, with a port of five digits, which is no group", connect(b"::1:@P", b"Host: ::1:@P\r\n")),
    Spelling("the same, all eight groups", connect(b"0:0:0:0:0:0:0:1:@P")),
    Spelling("the same with a mapped address", connect(b"::ffff:127.0.0.1:@P")),
    Spelling("`CONNECT` without a port", connect(b"localhost"), "443, 80, or none"),
    Spelling("`CONNECT` with a slash at the end", connect(b"localhost:@P/"), "the port ends before it, or is no number and so 443"),
    Spelling("`CONNECT` with a path", connect(b"localhost:@P/x"), "it is left out, or is part of the port"),
    Spelling("`CONNECT` with a name before `@`", connect(b"u:p@localhost:@P"), "the host is before the colon, or behind `@`"),
    Spelling("`CONNECT` with a zero before the port", connect(b"localhost:0@P"), "decimal, or octal"),
    Spelling("`CONNECT` to a URL", connect(b"http://localhost:@P"), "the scheme is the host, or is left out"),
    Spelling("`CONNECT` to an IPv6 address with a zone", connect(b"[::1%25lo]:@P"), "an interface of yours, or one of the proxy's"),
)  # fmt: skip

HEADS = (
    Spelling("no `Host` in HTTP/1.1", head(b""), "the target's, or that of the connection; RFC 9112, 3.2 wants 400"),
    Spelling("no `Host` in HTTP/1.0", head(b"").replace(b"1.1", b"1.0")),
    Spelling("no `Host` with `CONNECT`", connect(b"localhost:@P", b"")),
    Spelling("another `Host` than the target's: the target counts", head(b"Host: other.test\r\n")),
    Spelling("an empty `Host`", head(b"Host:\r\n")),
    Spelling("two `Host`", head(HOST + b"Host: other.test\r\n"), TWO_HOSTS),
    Spelling("the same `Host` twice", head(HOST + HOST), TWO_HOSTS),
    Spelling("two `Host` with `CONNECT`", connect(b"localhost:@P", b"Host: a\r\nHost: b\r\n"), TWO_HOSTS),
    Spelling("an IPv6 address without brackets in `Host`", head(b"Host: ::1:@P\r\n")),
    *(
        Spelling(f"`Host: {value}`", head(b"Host: " + value.encode() + b"\r\n"), NO_HOST)
        for value in ("a, b", "u:p@a", "a/x", "http://a", "a b", "a:http", "a:123456", "a%20b", "*.a", "[fe80::1%25eth0]", "ä")
    ),
    Spelling("lines that end in a bare LF", head(HOST).replace(b"\r\n", b"\n"), END_OF_LINE),
    Spelling("one line that does", HEAD + b"Host: a\nX: y\r\n\r\n", END_OF_LINE),
    Spelling("an empty line that does", HEAD + b"Host: a\r\n\n", END_OF_LINE),
    Spelling("a bare CR in a line", head(HOST + b"X: a\rb\r\n"), END_OF_LINE),
    Spelling("CR CR LF", head(HOST + b"X: a\r\r\n"), END_OF_LINE),
    Spelling("an empty line before the request", b"\r\n" + head(HOST)),
    Spelling("two of them", b"\r\n\r\n" + head(HOST), "they are skipped, or the second is an empty request"),
    Spelling("a bare LF before it", b"\n" + head(HOST), END_OF_LINE),
    Spelling("a folded line", head(HOST + b"X: a\r\n b\r\n"), FOLDED),
    Spelling("a blank before the first field", head(b" X: a\r\n" + HOST), FOLDED),
    Spelling("a blank before a colon", head(HOST + b"X : a\r\n"), "the name has a blank in it, or not; RFC 9112, 5.1 wants 400"),
    Spelling("no colon", head(HOST + b"X\r\n"), "a field without a value, or an end of the head"),
    Spelling("no name", head(HOST + b": a\r\n"), "a field without a name, or the line before goes on"),
    Spelling("`(`, `/`, `@`, `[` or a blank in a name", head(HOST + b"X(Y): a\r\n"), "part of the name, or its end"),
    Spelling("bytes above ASCII in a name", head(HOST + "Xü: a\r\n".encode()), "letters in one charset, blanks in another"),
    Spelling("`_` and `.` in a name", head(HOST + b"X_Y.Z: a\r\n")),
    Spelling("bytes above ASCII in a value", head(HOST + b"X: \xfc\r\n")),
    Spelling("a tab in a value", head(HOST + b"X: a\tb\r\n")),
    Spelling("NUL in a value", head(HOST + b"X: a\x00b\r\n"), "the value ends there, or goes on"),
    Spelling("another control byte in a value", head(HOST + b"X: a\x0bb\r\n"), CONTROL),
    Spelling("DEL in a value", head(HOST + b"X: a\x7fb\r\n"), CONTROL),
    Spelling("HTTP/1.2", line(b"GET @U HTTP/1.2"), "1.1, or a version that nobody has written down"),
    Spelling("HTTP/2.0", line(b"GET @U HTTP/2.0"), "1.1, or the preface of frames"),
    Spelling("no version", line(b"GET @U"), "HTTP/0.9 without fields, or a head"),
    Spelling("`http/1.1`", line(b"GET @U http/1.1"), "a version, or the end of the target"),
    Spelling("two blanks behind the method", line(b"GET  @U HTTP/1.1"), "one separator, or an empty target"),
    Spelling("two blanks before the version", line(b"GET @U  HTTP/1.1"), "one separator, or a blank at the target's end"),
    Spelling("tabs for blanks", line(b"GET\t@U\tHTTP/1.1"), BLANK),
    Spelling("a blank behind the version", line(b"GET @U HTTP/1.1 "), "it is left out, or the version belongs to the target"),
    Spelling("a method in small letters, or unknown", line(b"get @U HTTP/1.1")),
    Spelling("`(` in a method", line(b"G(T @U HTTP/1.1"), "part of the method, or its end"),
    Spelling("two `Proxy-Authorization`", head(HOST + b"Proxy-Authorization: Basic YTpi\r\n" * 2), "the first is who asks, or the last"),
    Spelling("`Max-Forwards` that is no number", line(b"OPTIONS @U HTTP/1.1\r\nMax-Forwards: a"), "it ends here, or goes on for ever"),
)  # fmt: skip

BODIES = (
    Spelling("a length", post(b"Content-Length: 3\r\n", b"abc")),
    Spelling("zeros before a length", post(b"Content-Length: 03\r\n", b"abc")),
    Spelling("a body with `GET`", head(HOST + b"Content-Length: 3\r\n") + b"abc"),
    Spelling("no length with `POST`: no body", post(b"")),
    Spelling("the same length twice", post(b"Content-Length: 3\r\n" * 2, b"abc"), "that length, or a list, which is no number and so no body"),
    Spelling("the same as a list", post(b"Content-Length: 3, 3\r\n", b"abc"), "that length, or no number and so no body"),
    Spelling("two lengths", post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"), "the first, or the last"),
    Spelling("a length with a sign, in hexadecimal, or empty", post(b"Content-Length: +3\r\n", b"abc"), NUMBER),
    Spelling("chunks", post(b"Transfer-Encoding: Chunked\r\n", CHUNKS)),
    Spelling("chunks with extensions", post(b"Transfer-Encoding: chunked\r\n", CHUNKS.replace(b"3", b"003;a=b"))),
    Spelling("a length and chunks", post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", CHUNKS), "the length, or the chunks"),
    Spelling("`Transfer-Encoding: identity`", post(b"Transfer-Encoding: identity\r\n"), "no body, or one until the connection's end; RFC 9112 knows no such coding"),
    Spelling("the same beside a length", post(b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n", b"abc"), "the length, or a coding that is unknown"),
    Spelling("chunks in HTTP/1.0", post(b"Transfer-Encoding: chunked\r\n", CHUNKS).replace(b"1.1", b"1.0"), "chunks, or a body without a length; RFC 9112, 6.1"),
    Spelling("chunked twice", post(b"Transfer-Encoding: chunked\r\n" * 2, CHUNKS), "chunks, or chunks in chunks"),
    Spelling("a comma beside `chunked`", post(b"Transfer-Encoding: chunked,\r\n", CHUNKS), "chunks, or an unknown coding"),
    Spelling("another coding and chunks", post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS), "decoded on the way, or passed on"),
    Spelling("a bare LF in chunks", post(b"Transfer-Encoding: chunked\r\n", CHUNKS.replace(b"\r\n", b"\n")), END_OF_LINE),
    Spelling("a blank behind a chunk's size", post(b"Transfer-Encoding: chunked\r\n", CHUNKS.replace(b"3\r", b"3 \r")), BLANK),
    Spelling("a chunk's size with `0x`", post(b"Transfer-Encoding: chunked\r\n", CHUNKS.replace(b"3\r", b"0x3\r")), "hexadecimal, or 0"),
    Spelling("a length with `CONNECT`", connect(b"localhost:@P", b"Host: a\r\nContent-Length: 5\r\n") + b"hello", "a body, or the tunnel's first bytes"),
    Spelling("chunks with `CONNECT`", connect(b"localhost:@P", b"Host: a\r\nTransfer-Encoding: chunked\r\n"), "a body, or the tunnel's first bytes"),
    Spelling("a length of 0 with `CONNECT`", connect(b"localhost:@P", b"Host: a\r\nContent-Length: 0\r\n")),
    Spelling("urgent data up a tunnel", connect(b"localhost:@P"), urgent=(True, b"bc")),
    Spelling("urgent data down a tunnel", connect(b"localhost:@P"), urgent=(False, b"bc")),
    Spelling("urgent data within an answer", get(URL), urgent=(False, b"bc")),
    Spelling("urgent data within an upload", post(b"Content-Length: 3\r\n"), urgent=(True, b"bc")),
)  # fmt: skip

SPELLINGS = (*TARGETS, *HEADS, *BODIES)


class Origin:
    """Answers on both loopback addresses at one port, for one spelling; remembers what it was sent."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._listeners = [socket.create_server(("127.0.0.1", 0))]
        self.port: int = self._listeners[0].getsockname()[1]
        with contextlib.suppress(OSError):
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        self.received = b""
        self.heard = threading.Event()
        """That a whole head has come, or what is looked for instead."""
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(PATIENCE)
            urgent = self._spelling.urgent
            wanted = b"abc" if urgent and urgent[0] else b"\r\n\r\n"
            while wanted not in self.received:
                data = client.recv(65536)
                if not data:
                    return
                self.received += data
            self.heard.set()
            answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
            if urgent and not urgent[0]:
                say(client, answer + b"a", urgent[1])
                client.recv(1)
            else:
                client.sendall(answer + b"abc")


def say(sock: socket.socket, before: bytes, behind: bytes) -> None:
    """Both with an urgent byte between them."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(before)
    sock.send(b"!", socket.MSG_OOB)
    sock.sendall(behind)


def tried(port: int, spelling: Spelling) -> str:
    """YES where the origin got it; else the proxy's status, or what else it did."""
    origin = Origin(spelling)
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            client.settimeout(PATIENCE)
            client.sendall(spelling.text.replace(b"@P", b"%d" % origin.port))
            return _played(client, origin, spelling)
    except TimeoutError:
        return "silence"
    except OSError:
        return "reset"
    finally:
        origin.close()


def _played(client: socket.socket, origin: Origin, spelling: Spelling) -> str:
    urgent, got = spelling.urgent, b""
    tunnel = spelling.text.startswith(b"CONNECT")
    if urgent and urgent[0] and not tunnel:
        say(client, b"a", urgent[1])
    while b"\r\n\r\n" not in got:
        data = client.recv(65536)
        if not data:
            return "no answer"
        got += data
    status = got.split(b" ")[1].decode("latin-1")
    if status != "200":
        return status
    if tunnel:
        got = b""
        if urgent and urgent[0]:
            say(client, b"a", urgent[1])
        else:
            client.sendall(PING)
    if not origin.heard.wait(PATIENCE):
        return "not carried"
    while not got.endswith(b"abc"):
        data = client.recv(65536)
        if not data:
            return "cut short"
        got += data
    return YES


def run(name: str, version: str, port: int) -> Outcome:
    """Every spelling through the proxy at this port."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cells = pool.map(lambda spelling: tried(port, spelling), SPELLINGS)
    return Outcome(name, version, list(cells))


def through_meshd() -> Outcome:
    """From an address that is on a list: the very same bytes as for the others."""
    daemon = LiveDaemon(config="")
    try:
        daemon.account("anna")
        daemon.cli("ip", "add", "anna", "127.0.0.1")
        return run("meshd", "", daemon.proxy_port)
    finally:
        daemon.close()


def through_peer(maker: str) -> Outcome:
    """maker: squid or tinyproxy.  Raises: peers.Missing."""
    start: Callable[[Path], peers.Proxy] = {"squid": peers.squid, "tinyproxy": peers.tinyproxy}[maker]
    with folder() as place:
        proxy = start(place)
        try:
            words = peers.said_by([peers.program(maker), "-v"]).split()
            version = next(word for word in words if word[0].isdigit())
            return run(maker.capitalize() if maker == "squid" else maker, version, proxy.port)
        finally:
            proxy.close()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="meshd-spellings-", dir="/tmp"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def table(outcomes: list[Outcome]) -> str:
    """As docs/proxy.md has it."""
    names = [f"{each.name} {each.version}".strip() for each in outcomes]
    lines = [f"| spelling | two readings | {' | '.join(names)} |", "|---" * (2 + len(outcomes)) + "|"]
    for number, spelling in enumerate(SPELLINGS):
        cells = [spelling.what, spelling.readings or "one", *(each.cells[number] for each in outcomes)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def put(text: str, made: str) -> str:
    """The manual with another table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, behind = rest.partition(END)
    return before + begin + made + end + behind


def main(arguments: list[str]) -> int:
    made = table([through_meshd(), through_peer("squid"), through_peer("tinyproxy")])
    sys.stdout.write(made)
    if "--write" in arguments:
        MANUAL.write_text(put(MANUAL.read_text(), made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
