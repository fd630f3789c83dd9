"""An origin for load, in a process of its own: `python -m tests.support.echoes` prints its two ports.

HTTP      /n/SIZE/MARKER   the marker, filled up to SIZE bytes, with a length      /c/SIZE/MARKER   the same in chunks
          /p/MARKER        sends back the request's body
          Every answer has the marker in a field too.
raw       the first byte of a connection says what follows: E sends back what comes, P pours without end, S is silent
          and stays open whatever the other side does, L pours LIMITED bytes and ends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, cast

from tests.support.daemon import at_end_of, beside, end_with_input

FILL = bytes(range(97, 123)) * 40_000
POURED = FILL[:65536]
LIMITED = 400_000


def body_of(marker: bytes, size: int) -> bytes:
    """What /n and /c answer."""
    return (marker + b":" + FILL[: max(0, size)])[: max(size, len(marker) + 1)]


class Echoes:
    """The process, from the outside."""

    def __init__(self, owner: Any = None) -> None:
        self._process = beside("tests.support.echoes")
        assert self._process.stdout is not None
        self.http, self.raw = (int(word) for word in self._process.stdout.readline().split())
        if owner is not None:
            at_end_of(owner, self.close)

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        end_with_input(self._process)


class Http(asyncio.Protocol):
    """Requests off one connection, answered when whole."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            found = _body(head, self._buffer[end + 4 :])
            if found is None:
                return
            body, self._buffer = found
            self._transport.write(_answer(head, body))


def _body(head: bytes, data: bytes) -> tuple[bytes, bytes] | None:
    """The body and what follows it; None while it is not whole."""
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lower:
        return _chunks(data)
    at = lower.find(b"\r\ncontent-length:")
    size = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return (data[:size], data[size:]) if len(data) >= size else None


def _chunks(data: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while True:
        line, found, rest = data.partition(b"\r\n")
        if not found:
            return None
        size = int(line, 16)
        if len(rest) < size + 2:
            return None
        data = rest[size + 2 :]
        if size == 0:
            return body, data
        body += rest[:size]


def _answer(head: bytes, sent: bytes) -> bytes:
    kind, *words = head.split(b" ", 2)[1].lstrip(b"/").split(b"/")
    marker = words[-1]
    body = sent if kind == b"p" else body_of(marker, int(words[0]))
    begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Marker: %b\r\n" % marker
    if kind != b"c":
        return begun + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return begun + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


class Raw(asyncio.Protocol):
    """What a tunnel leads to."""

    def __init__(self) -> None:
        self._kind = b""
        self._flowing = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._kind:
            self._kind, data = data[:1], data[1:]
            if self._kind == b"L":
                self._transport.write(FILL[:LIMITED])
                self._transport.write_eof()
            self._pour()
        if self._kind == b"E":
            self._transport.write(data)

    def eof_received(self) -> bool:
        if self._kind == b"E":
            self._transport.write_eof()
        return self._kind == b"S"

    def pause_writing(self) -> None:
        self._flowing = False

    def resume_writing(self) -> None:
        self._flowing = True
        self._pour()

    def _pour(self) -> None:
        if self._kind == b"P" and not self._transport.is_closing():
            self._transport.write(POURED)
            if self._flowing:
                asyncio.get_running_loop().call_soon(self._pour)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(kind, "127.0.0.1", 0, backlog=4096) for kind in (Http, Raw)]
    ports = [cast(socket.socket, server.sockets[0]).getsockname()[1] for server in servers]
    print(*ports, flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
