"""For differential tests: a client that repeats itself or not, and an origin that answers in every way."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.daemon import LiveDaemon
from tests.support.served import Served
from tests.threats.support import Answer, Talk

HELLO = b"HTTP/1.1 200 OK\r\nServer: o\r\nContent-Length: 5\r\n\r\nhello"
OTHER = b"HTTP/1.1 200 OK\r\nServer: p\r\nContent-Length: 3\r\n\r\nyou"

Script = tuple[bytes, ...]
"""What an origin sends, piece by piece; after an empty piece it ends the connection."""

ANSWERS: dict[str, Script] = {
    "/hello": (HELLO,),
    "/other": (OTHER,),
    "/in-pieces": (HELLO[:-5], b"he", b"llo"),
    "/torn-head": (HELLO[:20], HELLO[20:]),
    "/chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",),
    "/chunked-later": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    "/long": (b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", b"x" * 300_000),
    "/nothing": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "/as-before": (b"HTTP/1.1 304 Not Modified\r\nETag: e\r\n\r\n",),
    "/missing": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone",),
    "/interim": (b"HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n" + HELLO,),
    "/last": (HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b""),
    "/until-end": (b"HTTP/1.1 200 OK\r\n\r\nhello", b""),
    "/too-much": (HELLO + b"more",),
    "/too-little": (HELLO[:-2], b""),
    "/no-http": (b"SSH-2.0-OpenSSH\r\n\r\n", b""),
    "/gone": (b"",),
    "/silent": (),
    "/time-is-up": (b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", b""),
}

SETTINGS = """
[limits]
flush_seconds = 0.1
requests_per_second = 0
"""


class Origin(Served):
    """Answers each request as its path says."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.answers = ANSWERS
        self.begin()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request = b""
            while data := client.recv(65536):
                request += data
                if not request.endswith(b"\r\n\r\n"):
                    continue
                self.asked.append(request)
                path = "/" + request.split(b" ")[1].partition(b"?")[0].decode().rpartition("/")[2]
                request = b""
                for piece in self.answers[path]:
                    if not piece:
                        return
                    client.sendall(piece)


class Client:
    """Asks for one path after the other; on another connection where the last was ended."""

    def __init__(
        self,
        daemon: LiveDaemon,
        beginning: str,
        credentials: Sequence[bytes] = (b"",),
        *,
        varies: bool,
        port: int = 0,
        secure: bool = False,
    ) -> None:
        """beginning: that of all targets, before their paths; credentials: lines of fields, used in turn; varies:
        whether another field differs with each request; port: that of the hosts, 0 for the proxy's; secure: by TLS.
        """
        self._daemon = daemon
        self._beginning = beginning
        self._port = port
        self._credentials = credentials
        self._varies = varies
        self._secure = secure
        self._talk = self._begin()
        self.asked = 0

    def _begin(self) -> Talk:
        talk = Talk(self._daemon, port=self._port)
        if self._secure:
            context = ssl.create_default_context(cafile=str(self._daemon.certificate))
            talk.sock = context.wrap_socket(talk.sock, server_hostname="127.0.0.1")
        return talk

    def ask(self, path: str, method: str) -> list[tuple[Any, ...]]:
        """What came back: of each response all but the request's id."""
        number = self.asked
        self.asked += 1
        varying = number % 2 if self._varies else 0
        head = f"{method} {self._beginning}{path}?{number % 7} HTTP/1.1\r\nHost: h.test\r\nX-N: {varying}\r\n"
        self._talk.send(head.encode() + self._credentials[number % len(self._credentials)] + b"\r\n")
        found: list[tuple[Any, ...]] = []
        while (answer := self._talk.answer(method)) is not None:
            fields = [(name, value) for name, value in answer.fields if name.lower() not in _OF_ONE_REQUEST]
            found.append((answer.status, answer.reason, fields, answer.body if not answer.own else b"", answer.whole))
            if answer.status >= 200:
                break
        if answer is None or _ends(answer):
            self.close()
            self._talk = self._begin()
        return found

    def close(self) -> None:
        self._talk.sock.close()


_OF_ONE_REQUEST = {"proxy-status", "date", "x-proxymesh-request-id", "content-length"}


def _ends(answer: Answer) -> bool:
    return (answer.field("connection") or "").lower() == "close" or not answer.whole


def told(lines: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    facts = ("method", "host", "port", "exit", "status", "reason", "up", "down")
    return [tuple(line[fact] for fact in facts) for line in lines]


def walk(client: Client, between: Callable[[], object] = lambda: None) -> list[object]:
    """Each answer after two plain ones, by GET and by HEAD; what is done between two answers and the next."""
    found: list[object] = []
    for method in ("GET", "HEAD"):
        for path, pieces in ANSWERS.items():
            if not pieces:
                continue  # to be waited for
            if method == "HEAD" and b"".join(pieces).partition(b"\r\n\r\n")[2]:
                continue  # an answer to HEAD has no body
            for each in ("/hello", "/hello", path) if method == "GET" else (path, path):
                found.append((method, each, client.ask(each, method)))
            between()
    return found


def unvaried(request: bytes) -> bytes:
    return request.replace(b"X-N: 1", b"X-N: 0")
