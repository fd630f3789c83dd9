"""A request's body on its way to the origin: chunked anew, but counted as the client framed it."""

from __future__ import annotations

from meshd.http1.framing import LAST_CHUNK, BodyFraming, ChunkReader, Length, LengthReader, chunk
from meshd.http1.keep import end_to_end

OURS = (b"x-proxymesh-",)
"""The beginnings of names of fields that mean something to a proxy alone, and end there."""

_PROXIES_ALONE = (b"proxy-", *OURS)
"""Beginnings of names that no trailer passes on, of a request or of an answer: `Proxy-Status` may be one (RFC 9209)."""

Reader = ChunkReader | LengthReader


class Upload:
    """Reads one request body."""

    __slots__ = ("_reader", "pieces")

    def __init__(self, framing: BodyFraming) -> None:
        self._reader: Reader = LengthReader(framing.n) if isinstance(framing, Length) else ChunkReader()
        self.pieces = 0
        """The number of chunks, or parts of one, in the data of the last `take`."""

    def take(self, data: bytes) -> bytes:
        """The bytes that the origin is sent for data.  Raises: BadMessage where the client's chunks are malformed."""
        pieces = self._reader.feed(data)
        self.pieces = len(pieces)
        return b"".join(pieces) if isinstance(self._reader, LengthReader) else framed(self._reader, pieces)

    @property
    def done(self) -> bool:
        return self._reader.done

    @property
    def unused(self) -> bytes:
        """Bytes that came after the body: the next request's."""
        return self._reader.unused


def framed(reader: ChunkReader, pieces: list[bytes]) -> bytes:
    """One chunk with these pieces of a body; after the last also the end and the trailers that may be passed on."""
    body = chunk(b"".join(pieces)) if pieces else b""
    if not reader.done:
        return body
    if not reader.trailers:
        return body + LAST_CHUNK
    trailers = end_to_end(reader.trailers, frozenset(), _PROXIES_ALONE)
    return body + b"0\r\n" + b"".join(b"%b: %b\r\n" % field for field in trailers) + b"\r\n"
