"""What a client sends by a stream, framed as HTTP/1.1 has it when it is written on.  Pure."""

from __future__ import annotations

from meshd.http1.framing import LAST_CHUNK, chunk
from meshd.http2.requests import Header

FRAMED = 32 * 1024
"""Bytes that are framed at once, as a chunk where the body has no length."""


class Body:
    """A body, or a direction of a tunnel: bytes that wait as they came, at most the stream's window of them."""

    __slots__ = ("_came", "_chunked", "_last")

    def __init__(self, *, chunked: bool) -> None:
        self._chunked = chunked
        self._came = bytearray()
        self._last = b""
        """What is written behind the body."""

    def __len__(self) -> int:
        """Bytes that wait, without their framing."""
        return len(self._came)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._came or self._last)

    def add(self, data: bytes) -> None:
        self._came += data

    def end(self, trailers: list[Header] | None = None) -> None:
        """Note that nothing more comes; trailers: the fields behind a body."""
        if self._chunked:
            lines = b"".join(b"%b: %b\r\n" % pair for pair in trailers or ())
            self._last = b"0\r\n%b\r\n" % lines if lines else LAST_CHUNK

    def take(self) -> bytes:
        """What is written next; b"" for nothing."""
        if not self._came:
            last, self._last = self._last, b""
            return last
        data = bytes(self._came[:FRAMED])
        del self._came[:FRAMED]
        return chunk(data) if self._chunked else data

    def drop(self) -> None:
        """Forget what waits, since nobody reads it."""
        self._came.clear()
        self._last = b""
