"""Requests written by hand, on sockets that a test keeps."""

from __future__ import annotations

import socket
from base64 import b64encode

TIMEOUT = 60.0


def basic(username: str, password: str) -> bytes:
    """The field with its end."""
    return b"Proxy-Authorization: Basic " + b64encode(f"{username}:{password}".encode()) + b"\r\n"


def bearer(token: str) -> bytes:
    return f"Proxy-Authorization: Bearer {token}\r\n".encode()


class Raw:
    """One connection to the proxy; `close`, or the owner's clean-up, ends it."""

    def __init__(self, owner: object, at: int | socket.socket, host: str = "127.0.0.1", source: str = "") -> None:
        """at: a port, or a socket that is connected already."""
        if isinstance(at, int):
            at = socket.create_connection((host, at), TIMEOUT, (source, 0) if source else None)
        self.socket = at
        self.socket.settimeout(TIMEOUT)
        getattr(owner, "addCleanup")(self.socket.close)  # noqa: B009
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self) -> bytes:
        """The next head with its empty line; what has come of it when the connection ends."""
        while b"\r\n\r\n" not in self._buffer:
            data = self._more()
            if not data:
                break
        head, mark, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head + mark

    def exactly(self, size: int) -> bytes:
        """EOFError when the connection ends before."""
        while len(self._buffer) < size:
            if not self._more():
                raise EOFError(self._buffer)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def rest(self) -> bytes:
        """All that comes until the end; a reset is an end."""
        while self._more():
            pass
        data, self._buffer = self._buffer, b""
        return data

    def ends(self, within: float = TIMEOUT) -> bool:
        """Whether the other side ends the connection in that time."""
        self.socket.settimeout(within)
        try:
            while self._more():
                pass
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(TIMEOUT)
        return True

    def get(self, url: str, field: bytes = b"") -> int:
        """The status of one request; its body is read if it has a length."""
        authority = url.split("/")[2].encode()
        self.send(b"GET " + url.encode() + b" HTTP/1.1\r\nHost: " + authority + b"\r\n" + field + b"\r\n")
        head = self.head()
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self.exactly(int(line[15:]))
        return int(head.split(b" ")[1])

    def tunnel(self, authority: str, field: bytes = b"") -> int:
        """The status of a CONNECT."""
        name = authority.encode()
        self.send(b"CONNECT " + name + b" HTTP/1.1\r\nHost: " + name + b"\r\n" + field + b"\r\n")
        return int(self.head().split(b" ")[1])

    def echoes(self, word: bytes = b"are you there") -> bool:
        """Whether an echoing origin behind the tunnel answers."""
        self.send(word)
        return self.exactly(len(word)) == word

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> bytes:
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return b""
        self._buffer += data
        return data
