"""A request's body on its way to the origin, framed anew and counted as the client framed it."""

from __future__ import annotations

from meshd.http1.framing import LAST_CHUNK, BodyFraming, ChunkReader, Length, LengthReader, chunk
from meshd.http1.keep import end_to_end
from meshd.proxy.response import OURS

Reader = ChunkReader | LengthReader


class Upload:
    """Reads one body."""

    __slots__ = ("_reader", "pieces")

    def __init__(self, framing: BodyFraming) -> None:
        self._reader: Reader = LengthReader(framing.n) if isinstance(framing, Length) else ChunkReader()
        self.pieces = 0
        """How many the last bytes were cut into."""

    def take(self, data: bytes) -> bytes:
        """What the origin gets for data.  BadMessage where the client's chunks are malformed."""
        pieces = self._reader.feed(data)
        self.pieces = len(pieces)
        return b"".join(pieces) if isinstance(self._reader, LengthReader) else framed(self._reader, pieces)

    @property
    def done(self) -> bool:
        return self._reader.done

    @property
    def unused(self) -> bytes:
        """What came after the body: the next request."""
        return self._reader.unused


def framed(reader: ChunkReader, pieces: list[bytes]) -> bytes:
    """Pieces of a body in a chunk of ours; where it is complete, with the end and what trailers may be passed on."""
    body = chunk(b"".join(pieces)) if pieces else b""
    if not reader.done:
        return body
    if not reader.trailers:
        return body + LAST_CHUNK
    trailers = end_to_end(reader.trailers, frozenset(), OURS)
    return body + b"0\r\n" + b"".join(b"%b: %b\r\n" % field for field in trailers) + b"\r\n"
