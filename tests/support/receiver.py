"""A receiver of webhooks on loopback that does as it is told: takes notices, hangs, lies, goes on for ever.

Every connection has a thread; all end with `close`, and what goes on for ever ends when nobody reads it any more.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

ANSWERS = {
    "take": b"HTTP/1.1 204 No Content\r\n\r\n",
    "busy": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    "fail": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "gone": b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nless",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Le",
    "nonsense": b"\x00\x01\x02 no HTTP at all\r\n\r\n",
}
"""What is said, before the connection is closed."""

ENDLESS = {
    "body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 0x1000 + b"\r\n"),
    "head": (b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"y" * 1000 + b"\r\n"),
    "line": (b"HTTP/1.1 200 ", b"z" * 4096),
    "hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}
"""What is said first, and then without end."""


@dataclass
class Post:
    """One request that came."""

    fields: dict[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        return self.fields["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """Listens from the start; `manner` may be changed at any time and holds for requests that come from then on."""

    manner: str = "take"
    """One of ANSWERS or ENDLESS; "hang" for no answer, "silent" for not even reading, "early" for one before that,
    "redirect" for one that leads to `elsewhere`.
    """
    elsewhere: str = ""
    tls: ssl.SSLContext | None = None
    posts: list[Post] = field(default_factory=list)
    """In the order in which they came, whatever was answered."""
    taken: list[Post] = field(default_factory=list)
    """Those that were answered by a 2xx."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.asked = threading.Event()
        """Set once a request has come."""
        self.idle = threading.Event()
        """Set whenever a connection has ended."""
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook?key=hidden"

    def close(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.let_go()
        self._thread.join(60)

    def let_go(self) -> None:
        """End every connection that is open."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def of(self, kind: str) -> list[Post]:
        """What was taken of a kind."""
        return [post for post in list(self.taken) if post.told["type"] == kind]

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
        try:
            with contextlib.suppress(OSError, ValueError, IndexError):
                if self.manner == "silent":
                    self._over.wait(60)
                    return
                if self.manner == "early":
                    sock.sendall(b"HTTP/1.1 400 What\r\n\r\n")
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):  # closed with bytes unread, it would be reset, answer and all
                        pass
                    return
                self._answer(self.tls.wrap_socket(sock, server_side=True) if self.tls else sock)
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()
            self.idle.set()

    def _answer(self, sock: Any) -> None:
        post = _read(sock)
        manner = self.manner
        self.posts.append(post)
        self.asked.set()
        if manner in ENDLESS:
            first, more = ENDLESS[manner]
            if manner == "body":  # its head is whole: an answer, whatever follows
                self.taken.append(post)
            sock.sendall(first)
            while not self._over.is_set():
                sock.sendall(more)
        elif manner == "hang":
            self._over.wait(60)
        elif manner == "redirect":
            sock.sendall(f"HTTP/1.1 307 Away\r\nLocation: {self.elsewhere}\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            if b" 2" in ANSWERS[manner][:12] and manner != "cut":
                self.taken.append(post)
            sock.sendall(ANSWERS[manner])
        sock.close()


def _read(sock: Any) -> Post:
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += _some(sock)
    head, _, body = heard.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(fields["content-length"]):
        body += _some(sock)
    return Post(fields, body, first.split()[1])


def _some(sock: Any) -> bytes:
    found: bytes = sock.recv(65536)
    if not found:
        raise OSError("it ended early")
    return found
