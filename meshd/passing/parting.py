"""How a client's connection is closed: so that the last answer arrives, and a truncated one is seen to be truncated."""

from __future__ import annotations

from contextlib import suppress

from meshd.passing.metered import MeteredConnection
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import WRITING, parked

LINGER_BYTES = 4 * 1024 * 1024
"""Bytes of a refused request's body that are read, so that no reset overtakes the answer."""

LINGER_SECONDS = 2.0
"""Seconds that a client has for reading the last answer."""


class PartingConnection(MeteredConnection):
    """Closes the connection after the last answer, or in the midst of it."""

    __slots__ = ("framed",)

    framed: bool
    """Whether the client can tell where the present answer ends, by its length or its chunks."""

    def phase(self, reason: str, seconds: float) -> None:
        """Bound what follows: without another call within so many seconds the exchange ends with that reason."""
        raise NotImplementedError

    async def let_it_read(self) -> None:
        """Read and drop what the client still sends, for LINGER_SECONDS: unread bytes would reset the answer away.

        Bytes of an admitted request's body are counted even then.
        """
        self.phase("kept", LINGER_SECONDS)
        self.wire.end()
        left = LINGER_BYTES
        with suppress(OSError, ClientGone):  # the client may leave
            while left > 0 and (data := await self._unwanted()):
                left -= len(data)

    async def _unwanted(self) -> bytes:
        """Read bytes to drop; b"" where no more are to be read.  Raises: OSError, ClientGone."""
        if self.meter is None:
            return await self.wire.receive()
        try:
            data = await self.take()
            await self.took(len(data))
        except Stopped:  # no more is read of the client, which may still read the answer
            while not self.wire.ending:
                await self.wire.wait_readable()
            return b""
        return data

    async def cut_short(self, reason: str) -> None:
        """Close in the midst of an answer, so that the client sees that, and still gets all that was counted."""
        if self.framed:
            self.wire.close()
            return
        if reason != "idle-timeout":  # then the client takes nothing
            await self._delivered()
        self.wire.reset()

    async def _delivered(self) -> None:
        """Wait until the client has acknowledged everything, or nothing for LINGER_SECONDS."""
        left, now = 0, self.wire.unsent()
        while now and now != left:
            left = now
            self.phase("delivering", LINGER_SECONDS)
            await parked(self, WRITING)
            now = self.wire.unsent()
