"""A wire whose peer speaks TLS: its owner reads and sends plain bytes, as with any other."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable

from meshd.sockets.delivering import Deliveries, Whose
from meshd.sockets.poll import GONE, OUT
from meshd.sockets.sealed import Sealed
from meshd.sockets.task import READING, Again, Pause, parked
from meshd.sockets.wire import READ_SIZE, Wire, linger_none

AT_ONCE = 8
"""Steps of handshakes in one turn of the reactor, of half a millisecond each: the others wait for the next turn."""


class Securing:
    """What all wires with TLS share: turns for their handshakes, and who delivers their last bytes."""

    def __init__(self, deliveries: Deliveries, again: Again, patience: Callable[[], float]) -> None:
        """patience: seconds that a peer has for taking the last bytes."""
        self.poller = deliveries.poller
        self._deliveries = deliveries
        self._patience = patience
        self._again = again
        self._turn = -1
        self._left = 0
        """Steps that may be made in this turn."""
        self._waiting: deque[Pause] = deque()
        """As many at most as there are wires."""

    def may(self) -> bool:
        """Whether a step of a handshake may be made now; else after a wait for its `turn`."""
        if self._turn != self.poller.turns:
            self._turn, self._left = self.poller.turns, AT_ONCE - len(self._waiting)
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    async def turn(self) -> None:
        """Wait until a step may be made that may not be made at once."""
        if not self._waiting:
            self._again(self._next)
        pause = Pause()
        self._waiting.append(pause)
        await parked(pause, READING)

    def _next(self) -> None:
        """Let those that have waited longest go on."""
        for _ in range(min(AT_ONCE, len(self._waiting))):
            self._waiting.popleft().over()
        if self._waiting:
            self._again(self._next)

    def leave(self, fd: int, sealed: Sealed, whose: Whose) -> None:
        """Tell the peer that nothing more comes, and close fd, which is registered, when the kernel has taken all.

        whose: as in `Deliveries.deliver`, which has the socket until then.
        """
        sealed.part()
        try:
            done = sealed.flush(fd)
        except OSError:
            done = True
        if done:
            self.poller.close(fd)
        else:
            self._deliveries.deliver(fd, sealed, whose=whose, patience=self._patience())


class SecureWire(Wire):
    """A wire that seals what it sends and opens what it receives."""

    __slots__ = ("_last", "_securing", "sealed", "whose")

    sealed: Sealed

    def __init__(self, wire: Wire, context: ssl.SSLContext, securing: Securing, name: str | None = None) -> None:
        """Take over the socket of a wire.  context, name: as in Sealed."""
        super().__init__(wire.poller, wire.release(), wire.peer, registered=True)
        self.inherit(wire)
        self._securing = securing
        self.sealed = Sealed(context, name)
        self._last = 0
        """Bytes after which this side parts, in the same write; 0 where nobody has said."""
        self.whose: Whose = wire.peer
        """Whose place the last bytes take, where they have to wait: as in `Deliveries.deliver`."""

    def last(self, size: int) -> None:
        self._last = size

    async def shake_hands(self, received: bytes = b"") -> None:
        """Shake hands with the peer.  received: what was read of it already.  Raises: OSError."""
        if received:
            self.sealed.take(received)
        if not self._securing.may():
            await self._securing.turn()
        while not self._shaken():
            data = await Wire.receive(self)
            if not data:
                raise ConnectionResetError("the peer has left in the midst of a handshake")
            self.sealed.take(data)
            if not self._securing.may():
                await self._securing.turn()

    def _shaken(self) -> bool:
        """Go on with the handshake; whether it is complete.  Raises: OSError, after the peer was told."""
        sealed, patient = self.sealed, False
        try:
            over = sealed.shake_hands()
            patient = over and sealed.put_off()
            return over
        finally:
            if not patient:
                sealed.flush(self.fd)

    def ready(self, fd: int, events: int) -> None:
        """Note the edges; whoever waits to send is not woken before what is sealed is sent."""
        if events & (OUT | GONE) and self.sealed.late and not self._flushed():
            events &= ~OUT
        super().ready(fd, events)

    async def receive(self) -> bytes:
        while (data := self.try_receive(READ_SIZE)) is None:
            await parked(self, READING)
        return data

    def try_receive(self, most: int) -> bytes | None:
        sealed = self.sealed
        while (data := sealed.open(most)) is None:
            received = Wire.try_receive(self, READ_SIZE)
            if received is None:
                return None
            sealed.take(received)
        if sealed.late:
            sealed.flush(self.fd)
        return data

    def try_send(self, data: bytes | memoryview) -> int:
        """Seal as much of data as the kernel takes, and one piece more; how many bytes that is.  Raises: OSError."""
        sealed, size, sent = self.sealed, len(data), 0
        if sealed.late and not sealed.flush(self.fd):
            return 0
        while sent < size:
            part = sealed.seal(memoryview(data)[sent:] if sent else data)
            sent += part
            if self._last:
                self._last -= part
                if not self._last:
                    sealed.part()
            if not sealed.flush(self.fd):
                break
        return sent

    def spent(self) -> bool:
        """Whether the peer has ended, and all that it sent was received; reads ahead as far as that takes."""
        sealed = self.sealed
        try:
            while not sealed.look_ahead():
                received = None if sealed.holds else Wire.try_receive(self, READ_SIZE)
                if received is None:
                    return False
                sealed.take(received)
        except OSError:
            pass  # nothing more can be received
        return True

    def end(self) -> None:
        """Tell the peer that nothing more comes; what it sends can be received still."""
        self.sealed.part()
        self._flushed()

    def close(self) -> None:
        """Close the socket, which tells the peer that nothing more comes, once all that was sent is delivered."""
        if self.fd >= 0:
            self._securing.leave(self.release(), self.sealed, self.whose)

    def reset(self) -> None:
        """Close with a reset, and without the notice that would make it a proper end."""
        if self.fd >= 0:
            linger_none(self.fd)
            self.poller.close(self.release())

    def _flushed(self) -> bool:
        """Whether nothing is left to be sent, after which the writing side is shut down where this side has parted."""
        try:
            if not self.sealed.flush(self.fd):
                return False
        except OSError:
            return True  # whoever sends next learns of it
        if self.sealed.parted:
            Wire.end(self)
        return True
