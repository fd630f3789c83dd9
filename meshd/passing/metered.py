"""The part of a client's connection that counts bytes: none is read or sent for which its account has no room.

All bytes of a client pass here: heads, bodies, interim responses, what comes after a refusal.  After each TURN of them
the other connections get their turn.
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
"""The cost of a chunk besides its bytes, in bytes that take as long to move."""

AN_EXCHANGE = 32 * 1024
"""The cost of a request and its answer besides their bytes, likewise."""


class MeteredConnection(Watcher):
    """Reads from the client and sends to it for the exchange under way, as far as its meter has room."""

    __slots__ = ("_moved", "_trusted", "buffer", "cut", "meter", "reader", "wire", "writer")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.buffer = b""
        """Bytes received and not read as a message yet; READ_SIZE and an unfinished head at most."""
        self.meter: Meter | None = None
        """The meter of the exchange under way; None before its request was admitted, and between two exchanges."""
        self.cut: Refusal | None = None
        """Why the exchange may go no further; None while it may."""
        self._moved = 0
        """Bytes moved, or work of that cost done, since the other connections had their turn."""
        self._trusted = False
        """Whether the client has shown that it reads."""
        self.reader: Task | None = None
        self.writer: Task | None = None

    def alive(self) -> None:
        """Start the time of the present phase anew: bytes have moved."""
        raise NotImplementedError

    def again(self, call: Callable[[], None], /) -> None:
        """Call in a later turn of the reactor."""
        raise NotImplementedError

    @property
    def room(self) -> int:
        """How many bytes of the client's may be moved now."""
        assert self.meter is not None
        return self.meter.room_up

    async def charge(self, size: int) -> None:
        """Count bytes that were received already, waiting for room.  Raises: Stopped where a limit is reached."""
        meter = self.meter
        assert meter is not None
        while size:
            room = meter.room_up or await self._more_room(meter, READING)
            part = min(size, room)
            meter.sent_up(part)
            size -= part

    async def take(self) -> bytes:
        """Wait for bytes of the client, READ_SIZE at most, to be counted by `took`; b"" where the client has ended.
        Raises: ClientGone, Stopped.
        """
        meter = self.meter
        assert meter is not None
        while True:
            room = meter.room_up or await self._more_room(meter, READING)
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
        """Count so many bytes of what `take` gave; pieces: the number of chunks that they came in."""
        assert self.meter is not None
        self.meter.sent_up(size)
        self.alive()
        await self.worked(size + PIECE * pieces)

    async def deliver(self, data: bytes | memoryview) -> None:
        """Send the client bytes, wait until the kernel has taken them, and count them.  Raises: ClientGone, Stopped."""
        meter = self.meter
        assert meter is not None
        while data or self._moved >= TURN:
            if self._moved >= TURN:
                await self._give_turn()
                continue
            sent = self.send_now(data)
            if sent is None:
                await self._more_room(meter, WRITING)
            elif sent:
                data = memoryview(data)[sent:]
            else:
                try:
                    await self.wire.wait_writable()
                except OSError:
                    raise ClientGone from None

    def send_now(self, data: bytes | memoryview, /) -> int | None:
        """Send the client what there is room for and the kernel takes, and count that: how many bytes; None where there
        is no room.  Raises: ClientGone, Stopped.
        """
        meter = self.meter
        assert meter is not None
        room = meter.room_down
        if self.cut is not None:
            raise Stopped(self.cut)
        if not room:
            return None
        try:
            sent = self.wire.try_send(data if len(data) <= room else data[:room])
        except OSError:
            raise ClientGone from None
        if sent:
            meter.sent_down(sent)
            self.alive()
            self._moved += sent
        return sent

    async def worked(self, work: int) -> None:
        """Count work that takes as long as moving so many bytes; give others their turn after too much."""
        self._moved += work
        if self._moved >= TURN:
            await self._give_turn()

    def wake(self) -> None:
        """Resume the tasks that wait for room, which look again."""
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
        await next_turn(self.again)

    async def _more_room(self, meter: Meter, direction: int) -> int:
        """Wait while the store is asked how much is left, or for a turn.  Raises: Stopped where nothing is left."""
        while not (room := meter.room_up if direction == READING else meter.room_down):
            if self.cut is not None:
                raise Stopped(self.cut)
            meter.resume = self.wake
            await parked(self, direction)
        return room
