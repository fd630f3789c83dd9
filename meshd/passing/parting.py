"""How a client's connection is closed: so that the last answer arrives, and a truncated one is seen to be truncated."""

from __future__ import annotations

from contextlib import suppress

from meshd.auth.secrets import ban_address
from meshd.passing.metered import MeteredConnection
from meshd.passing.plane import Plane
from meshd.sockets.delivering import Whose
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.wire import untransmitted

LINGER_BYTES = 4 * 1024 * 1024
"""Bytes of an admitted request's body that are counted after the answer; more is read for nothing."""

LINGER_SECONDS = 2.0
"""Seconds that a client has for reading the last answer, from its last byte on."""

DRAIN_BYTES = 256 * 1024 * 1024
"""Bytes of a body that are read after the answer: many clients send all of it before they read, and would only learn
that the connection broke.  To read and drop so many takes a tenth of a second, and whoever sends more finds out there.
"""

DRAIN_SECONDS = 60.0
"""Seconds for these: a client that sends on holds a connection no longer than that."""


class PartingConnection(MeteredConnection):
    """Closes the connection after the last answer, or in the midst of it."""

    __slots__ = ("framed",)

    _plane: Plane
    framed: bool
    """Whether the client can tell where the present answer ends, by its length or its chunks."""

    @property
    def whose(self) -> Whose:
        """Whose place bytes take that wait for this client: as in `Deliveries.deliver`."""
        return ban_address(self.wire.peer)

    def phase(self, reason: str, seconds: float, /) -> None:
        """Bound what follows: without another call within so many seconds the exchange ends with that reason."""
        raise NotImplementedError

    async def let_it_read(self) -> None:
        """Read and drop what the client still sends: unread bytes would reset the answer away.

        Bytes of an admitted request's body are counted even then, the first LINGER_BYTES of them.
        """
        self.phase("kept", LINGER_SECONDS)
        self.wire.end()
        wheel, came = self._plane.wheel, 0
        until = wheel.monotonic + DRAIN_SECONDS
        with suppress(OSError, ClientGone):  # the client may leave
            while came < DRAIN_BYTES and wheel.monotonic < until and (data := await self._unwanted()):
                came += len(data)
                self.alive()
                if came >= LINGER_BYTES:
                    self.meter = None

    async def _unwanted(self) -> bytes:
        """Read bytes to drop; b"" where no more are to be read.  Raises: OSError, ClientGone."""
        if self.meter is not None:
            try:
                data = await self.take()
                await self.took(len(data))
            except Stopped:
                self.meter = None  # the rest is not counted
                if self._plane.draining:
                    return b""
            else:
                return data
        data = await self.wire.receive()
        await self.worked(len(data))
        return data

    def cut_short(self, reason: str) -> None:
        """Close in the midst of an answer, so that the client sees that, and still gets all that was counted: to close
        with bytes that it has sent, and that nobody has read, would reset what it has not taken away.
        """
        wire = self.wire
        if reason != "idle-timeout" and wire.fd >= 0:
            self._plane.relay.deliveries.deliver(wire.release(), wire.sealed, whose=self.whose, ends=self.framed)
        elif self.framed:  # the client takes nothing
            wire.close()
        else:
            wire.reset()

    def part(self, whose: Whose, /) -> None:
        """Close behind the last answer.  Who pipelines requests has sent more by then, or sends it while a long answer
        is on its way (RFC 9112, 9.6): what meets a closed socket, or was not read, would reset away what it has paid
        for and not got.

        whose: as in `Deliveries.deliver`.
        """
        wire = self.wire
        if wire.fd < 0 or wire.gone or not (self._has_more_to_hear() or untransmitted(wire.fd)):
            wire.close()
            return
        wire.end()  # first, for an answer that only the end of the connection ends
        sealed = wire.sealed
        # What the kernel has not taken would be gone with the socket: that client has the time of one that is slow.
        patience = self._plane.live.timeouts.half_closed if sealed is not None and sealed.unsent else 0
        self._plane.relay.deliveries.deliver(wire.release(), sealed, whose=whose, patience=patience)

    def _has_more_to_hear(self) -> bool:
        """Whether the client has sent what is no part of what was answered."""
        return bool(self.buffer) or (self.wire.readable and not self.wire.spent())
