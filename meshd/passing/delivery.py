"""A response's body on its way to the client, as it comes from the origin."""

from __future__ import annotations

from meshd.http1.errors import BadMessage
from meshd.http1.framing import BodyFraming, Chunked, ChunkReader, Length
from meshd.model import Refusal
from meshd.passing.client import Recipient
from meshd.passing.metered import PIECE
from meshd.passing.upload import framed
from meshd.sockets.ends import Stopped
from meshd.sockets.wire import Wire


class Delivery:
    """Delivers one body.  While the client does not read, no more is read of the origin."""

    __slots__ = ("_begun", "_client", "_minor", "_origin")

    def __init__(self, client: Recipient, origin: Wire, minor: int, begun: bytes) -> None:
        """minor: 0 or 1, of the client's HTTP version; begun: bytes of the body that came with the response's head."""
        self._begun = begun
        self._client = client
        self._origin = origin
        self._minor = minor

    async def run(self, framing: BodyFraming, head: bytes) -> bool:
        """Deliver the head and the body; whether the body was complete and no byte came after it.
        Raises: ClientGone, Stopped.
        """
        try:
            if type(framing) is Length:
                left = framing.n - len(self._begun)
                return await self._length(head + self._came(), left)
            if type(framing) is Chunked:
                return await self._chunked(head)
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

    async def _chunked(self, head: bytes) -> bool:
        reader = ChunkReader(bad=502)
        data, pieces = self._reframed(reader, self._came())
        while True:
            data = head + data if head else data
            head = b""
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
        except BadMessage:
            raise Stopped(Refusal("bad-response")) from None
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
