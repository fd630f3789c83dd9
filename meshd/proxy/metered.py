"""A client's connection as far as its bytes are counted: none is taken or passed on that its account has no room for.

Whatever carries them (a head, a body, an interim answer, what lingers after a refusal), they come by here, and here
everybody else gets his turn between them.
"""

from __future__ import annotations

from collections.abc import Callable

from meshd.model import Refusal
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import READING, TURN, WRITING, Task, next_turn, parked
from meshd.sockets.windows import trust_reader
from meshd.sockets.wire import READ_SIZE, Watcher, Wire
from meshd.usage.meter import Meter

PIECE = 128
"""What a chunk costs besides its bytes: the time that so many bytes take."""


class MeteredConnection(Watcher):
    """Takes and delivers for the exchange under way, by its meter."""

    __slots__ = ("_again", "_moved", "_trusted", "buffer", "cut", "meter", "reader", "wire", "writer")

    def __init__(self, wire: Wire, again: Callable[[Callable[[], None]], None]) -> None:
        """again: calls back in a later turn of the reactor."""
        self.wire = wire
        self.buffer = b""
        """Received and not yet understood; READ_SIZE and an unfinished head at most."""
        self.meter: Meter | None = None
        """Of the exchange under way, from when it is known whose it is."""
        self.cut: Refusal | None = None
        """Why that may go no further."""
        self._again = again
        self._moved = 0
        """Since others had their turn."""
        self._trusted = False
        """Whether the client has shown that it reads."""
        self.reader: Task | None = None
        self.writer: Task | None = None

    def alive(self) -> None:
        """Something moved."""
        raise NotImplementedError

    @property
    def room(self) -> int:
        """How many bytes may be moved now."""
        assert self.meter is not None
        return self.meter.room

    async def charge(self, size: int) -> None:
        """Count what was received of the client already.  Stopped where there is no room for all of it."""
        meter = self.meter
        assert meter is not None
        while size:
            room = meter.room or await self._more_room(meter, READING)
            part = min(size, room)
            meter.sent_up(part)
            size -= part

    async def take(self) -> bytes:
        """Bytes of the client, READ_SIZE at most, to be counted by `took`; b"" where it has ended.

        ClientGone, Stopped.
        """
        meter = self.meter
        assert meter is not None
        while True:
            room = meter.room or await self._more_room(meter, READING)
            if self.buffer:
                data, self.buffer = self.buffer[:room], self.buffer[room:]
                return data
            try:
                received = self.wire.try_receive(min(room, READ_SIZE))
            except OSError:
                raise ClientGone from None
            if received is not None:
                return received
            await self.wire.wait_readable()

    async def took(self, size: int, pieces: int = 0) -> None:
        """Count so many bytes of what was taken; pieces: the chunks that they came in."""
        assert self.meter is not None
        self.meter.sent_up(size)
        self.alive()
        await self.worked(size + PIECE * pieces)

    async def deliver(self, data: bytes | memoryview) -> None:
        """Send the client bytes, and count them.  ClientGone, Stopped."""
        meter = self.meter
        assert meter is not None
        wire = self.wire
        while data:
            room = meter.room or await self._more_room(meter, WRITING)
            if self.cut is not None:
                raise Stopped(self.cut)
            try:
                sent = wire.try_send(data if len(data) <= room else data[:room])
                if not sent:
                    await wire.wait_writable()
                    continue
            except OSError:
                raise ClientGone from None
            meter.sent_down(sent)
            self.alive()
            self._moved += sent
            if self._moved >= TURN:
                await self._give_turn()
            if sent == len(data):
                return
            data = memoryview(data)[sent:]

    async def worked(self, work: int) -> None:
        """Give others their turn after what takes as long as so many bytes."""
        self._moved += work
        if self._moved >= TURN:
            await self._give_turn()

    def wake(self) -> None:
        """Let those that wait for room look again."""
        reader, writer = self.reader, self.writer
        self.reader = self.writer = None
        for task in (reader, writer):
            if task is not None and not task.over:
                task.resume()

    async def _give_turn(self) -> None:
        self._moved = 0
        if not self._trusted:
            self._trusted = True
            trust_reader(self.wire.fd)
        await next_turn(self._again)

    async def _more_room(self, meter: Meter, direction: int) -> int:
        """Wait while the store is asked how much is left.  Stopped, by whoever stops the exchange, where it is none."""
        while not (room := meter.room):
            if self.cut is not None:
                raise Stopped(self.cut)
            meter.resume = self.wake
            await parked(self, direction)
        return room
