"""A response's body on its way to the client, as it comes from the origin."""

from __future__ import annotations

from meshd.http1.errors import BadMessage
from meshd.http1.framing import BodyFraming, Chunked, ChunkReader, Length
from meshd.model import Refusal
from meshd.passing.client import Recipient
from meshd.passing.metered import PIECE
from meshd.passing.upload import framed
from meshd.sockets.ends import Stopped
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import Wire

AT_ONCE = 0.02
"""Seconds for which the head of a chunked answer waits for its first chunk: many origins send them one by one."""


class Delivery:
    """Delivers one body.  While the client does not read, no more is read of the origin."""

    __slots__ = ("_begun", "_client", "_minor", "_origin", "_pieces", "_reader")

    def __init__(self, client: Recipient, origin: Wire, minor: int, begun: bytes) -> None:
        """minor: 0 or 1, of the client's HTTP version; begun: bytes of the body that came with the response's head."""
        self._begun = begun
        self._client = client
        self._origin = origin
        self._minor = minor
        self._reader: ChunkReader | None = None
        self._pieces = 0
        """The number of chunks, or parts of one, that were read before the answer began."""

    async def look(self, wheel: Wheel) -> None:
        """Read the beginning of a chunked body, if it is here or comes at once: a fault in it can still be answered.

        Raises: Stopped.
        """
        self._reader = reader = ChunkReader(bad=502)
        try:
            came = self._came() or await self._origin.receive_within(wheel, AT_ONCE)
            if came is not None and not came:
                raise Stopped(Refusal("response-incomplete"))
            while came:
                self._begun, self._pieces = self._reframed(reader, came)
                if self._pieces or reader.done:
                    return
                came = await self._more()  # a line has begun, and will be whole soon
        except OSError:
            raise Stopped(Refusal("response-incomplete")) from None

    async def run(self, framing: BodyFraming, head: bytes) -> bool:
        """Deliver the head and the body; whether the body was complete and no byte came after it.
        Raises: ClientGone, Stopped.
        """
        try:
            if type(framing) is Length:
                left = framing.n - len(self._begun)
                return await self._length(head + self._came(), left)
            if type(framing) is Chunked:
                return await self._chunked(head + self._came())
            return await self._until_close(head + self._came())
        except OSError:
            raise Stopped(Refusal("response-incomplete")) from None

    def _came(self) -> bytes:
        came, self._begun = self._begun, b""
        return came

    async def _length(self, data: bytes, left: int) -> bool:
        await self._client.deliver(data)
        while left > 0:
            data = await self._more()
            await self._client.deliver(data if len(data) <= left else data[:left])
            left -= len(data)
        return left == 0

    async def _chunked(self, data: bytes) -> bool:
        reader, pieces = self._reader, self._pieces
        assert reader is not None  # `look` comes first
        while True:
            if data:
                await self._client.deliver(data)
            await self._client.worked(PIECE * pieces)
            if reader.done:
                return not reader.unused
            data, pieces = self._reframed(reader, await self._more())

    def _reframed(self, reader: ChunkReader, data: bytes) -> tuple[bytes, int]:
        """The body bytes in data, chunked anew for HTTP/1.1, bare for HTTP/1.0; and the number of chunks read."""
        try:
            pieces = reader.feed(data)
        except BadMessage as bad:
            raise Stopped(Refusal("bad-response", bad.rule)) from None
        return framed(reader, pieces) if self._minor == 1 else b"".join(pieces), len(pieces)

    async def _until_close(self, data: bytes) -> bool:
        await self._client.deliver(data)
        while data := await self._origin.receive():
            await self._client.deliver(data)
        return False

    async def _more(self) -> bytes:
        data = await self._origin.receive()
        if not data:
            raise Stopped(Refusal("response-incomplete"))
        return data
