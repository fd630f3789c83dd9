"""How a client's connection is left: so that it hears what it was told, and sees where that ended before its end."""

from __future__ import annotations

from contextlib import suppress

from meshd.proxy.metered import MeteredConnection
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import WRITING, parked
from meshd.sockets.wire import unsent

LINGER_BYTES = 4 * 1024 * 1024
"""What is read of a refused request's body so that the answer arrives before the reset."""

LINGER_SECONDS = 2.0


class PartingConnection(MeteredConnection):
    """Before and after the last byte of an answer."""

    __slots__ = ("framed",)

    framed: bool
    """Whether the answer on its way says itself where its end is."""

    def phase(self, reason: str, seconds: float) -> None:
        """Until the next call the exchange may take so long, or ends with that reason."""
        raise NotImplementedError

    async def let_it_read(self) -> None:
        """Take in what still comes, for a moment: a close with unread bytes would reset the answer away.

        What comes of the body of an account's request is counted, even if it is of no use any more.
        """
        self.phase("kept", LINGER_SECONDS)
        self.wire.end()
        left = LINGER_BYTES
        with suppress(OSError, ClientGone):  # it has left, as it may
            while left > 0 and (data := await self._unwanted()):
                left -= len(data)

    async def _unwanted(self) -> bytes:
        """Bytes that are of no use; b"" where no more are to be taken.  OSError, ClientGone."""
        if self.meter is None:
            return await self.wire.receive()
        try:
            data = await self.take()
            await self.took(len(data))
        except Stopped:  # it may send no more, but read
            while not self.wire.ending:
                await self.wire.wait_readable()
            return b""
        return data

    async def cut_short(self, reason: str) -> None:
        """End an answer that is not whole: so that this is seen, and all that was counted still arrives."""
        if self.framed:
            self.wire.close()
            return
        if reason != "idle-timeout":  # which is a client's that takes nothing
            await self._delivered()
        self.wire.reset()

    async def _delivered(self) -> None:
        """Until the client has what the kernel was given for it; not if it takes nothing any more."""
        left, now = 0, unsent(self.wire.fd)
        while now and now != left:
            left = now
            self.phase("delivering", LINGER_SECONDS)
            await parked(self, WRITING)
            now = unsent(self.wire.fd)
