"""What a session of HTTP/2 sends: what the library has to say, and a piece of each stream in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from meshd.http1.errors import BadMessage
from meshd.http2.farewell import SIGN, Farewell
from meshd.http2.frames import HEADER, QuickConnection
from meshd.http2.requests import Header
from meshd.sockets.task import READING, TURN, Again, Pause, next_turn, parked
from meshd.sockets.wire import Wire

FRAME = 16 * 1024 - HEADER.size
"""Bytes of a frame: with its header a record of TLS, and less than any client takes."""

GATHERED = 4 * FRAME
"""Bytes that are gathered of the streams before they are sent: what is sealed at once."""

UNSENT = 64 * 1024
"""Bytes of answers to frames, beside what streams send, that may wait for a client to read: some five thousand."""


class Sender(Protocol):
    """A stream with an answer."""

    id: int
    queued: bool
    """Whether the stream waits for its turn to send."""

    @property
    def can_send(self) -> bool:
        """Whether there may be something for the client, if it has room."""

    def send(self) -> int:
        """Send a piece of the answer, as far as the client has room; how many bytes that is."""

    def give_up(self) -> None:
        """End the stream, of which nothing can be sent."""


class Sending:
    """Sends as fast as the client takes it, until `over` and nothing is left."""

    __slots__ = (
        "_again",
        "_alive",
        "_came",
        "_connection",
        "_pause",
        "_ready",
        "_room_for_all",
        "_sent",
        "_soon",
        "_waiting",
        "_window",
        "farewell",
        "over",
    )

    def __init__(
        self,
        connection: QuickConnection,
        window: int,
        again: Again,
        alive: Callable[[], None],
        sent: Callable[[int], None],
    ) -> None:
        """window: bytes that came by all streams before room for them is given; alive: is called where bytes moved;
        sent: is called for each frame of DATA, with its bytes.
        """
        self._connection = connection
        self._window = window
        self._came = 0
        """Bytes that came by any stream, for which the client was given no room again."""
        self._again = again
        self._sent = sent
        self._alive = alive
        self._ready: deque[Sender] = deque()
        """Streams that have something to send, each once."""
        self._waiting: dict[int, Sender] = {}
        """Streams for whose answer the client has no room, by number."""
        self._room_for_all = False
        """Whether the client has given room, by all streams together or by each, that was not looked at yet."""
        self._soon = False
        """Whether what streams have is sent in the next turn."""
        self._pause = Pause()
        self.farewell = Farewell()
        self.over = False
        """Whether nothing of streams is sent any more."""

    async def run(self, wire: Wire) -> None:
        """Raises: OSError, where the client is gone."""
        moved = 0
        while True:
            data = self._gathered()
            if data:
                await wire.send(data)
                self._alive()
                moved += len(data)
                if moved >= TURN:
                    moved = 0
                    await next_turn(self._again)
            elif self.over:
                return
            else:
                await parked(self._pause, READING)

    def _gathered(self) -> bytes:
        size = 0
        if self._room_for_all:
            self._let_all_go_on()
        while self._ready and size < GATHERED and not self.over:
            stream = self._ready.popleft()
            stream.queued = False
            if stream.can_send:
                try:
                    size += stream.send()
                except (ProtocolError, BadMessage):  # as where the client has reset it in what is not acted on yet
                    stream.give_up()
                if stream.id not in self._waiting:
                    self.stirred(stream)
        return self._connection.data_to_send()

    @property
    def is_unread(self) -> bool:
        """Whether the client has us answer, and does not read the answers."""
        return self._connection.unsent > UNSENT

    def wake(self) -> None:
        """Send what there is, where nothing is being sent."""
        self._pause.over()

    def stirred(self, stream: Sender) -> None:
        """Let a stream that has something to send have its turn: at once if it is the only one, or else with others.

        What many streams have comes in one turn of the reactor, and each piece by itself would be a record of TLS.
        """
        if self._queue(stream):
            if len(self._connection.streams) == 1:
                self.wake()
            elif not self._soon:
                self._soon = True
                self._again(self._send_all)

    def _queue(self, stream: Sender) -> bool:
        """Let a stream have its turn to send; whether it waits for that only now."""
        waits = not stream.queued and stream.can_send
        if waits:
            stream.queued = True
            self._ready.append(stream)
        return waits

    def _send_all(self) -> None:
        self._soon = False
        self.wake()

    @property
    def share(self) -> int:
        """How many bytes a stream may send before the others get their turn, where any of them waits for it."""
        return FRAME if self._ready else GATHERED

    def room(self, number: int) -> int:
        """How many bytes the client takes of that stream now."""
        return self._connection.room(number)

    def wait_for_room(self, stream: Sender) -> None:
        """Let a stream that has more to send wait, where the client has no room for it."""
        if not self.room(stream.id):
            self._waiting[stream.id] = stream

    def room_given(self, number: int) -> None:
        """Let the streams go on that may have room now, when next woken; number: a stream's, or 0 for any."""
        if not number:
            self._room_for_all = True
        elif (stream := self._waiting.pop(number, None)) is not None:
            self._queue(stream)

    def _let_all_go_on(self) -> None:
        """Queue the streams that have room again: looked at once for all frames since the last piece."""
        self._room_for_all = False
        for number in [each for each in self._waiting if self._may_send(each)]:
            self._queue(self._waiting.pop(number))

    def _may_send(self, number: int) -> bool:
        """Whether the client has room by a stream, or has reset it, as who sends by it finds out."""
        try:
            return self.room(number) > 0
        except ProtocolError:
            return True

    def forget_all(self) -> None:
        """Hear that all streams have ended: each would keep its session alive, and that this, until a collection."""
        self._waiting.clear()
        self._ready.clear()

    def forget(self, stream: Sender) -> None:
        """Hear that a stream has ended."""
        self._waiting.pop(stream.id, None)

    def head(self, number: int, head: list[Header], *, last: bool) -> None:
        """Send a header block; last: whether the stream's answer ends with it."""
        self._connection.send_headers(number, head, end_stream=last)

    def body(self, number: int, data: bytes, *, last: bool) -> None:
        """Send bytes, for which there is room; last: whether the stream's answer ends with them."""
        if len(data) <= FRAME:
            self._connection.send_data(number, data, last)
            self._sent(len(data))
            return
        for at in range(0, len(data), FRAME):
            piece = data[at : at + FRAME]
            self._connection.send_data(number, piece, last and at + FRAME >= len(data))
            self._sent(len(piece))

    def came(self, size: int) -> None:
        """Give the client room by all streams together for so many bytes that came, once they are many."""
        self._came += size
        if self._came >= self._window:
            came, self._came = self._came, 0
            self.give_room(came)

    def give_room(self, size: int, number: int | None = None) -> None:
        """Let the client send so many bytes more, by that stream, or by all of them together, when next woken."""
        with suppress(ProtocolError, KeyError):  # the stream is closed
            self._connection.increment_flow_control_window(size, number)

    def reset(self, number: int, code: ErrorCodes) -> None:
        """End a stream before its time."""
        with suppress(ProtocolError):  # the client has reset it
            self._connection.reset_stream(number, code)
        self.wake()

    def say_farewell(self) -> None:
        """Ask the client to begin no more streams; what it has begun meanwhile is served."""
        if not self.farewell.begun:
            self._connection.say(self.farewell.begin())
            self._connection.ping(SIGN)
            self.wake()

    def signed(self, sign: bytes) -> None:
        """Hear an answer to a PING."""
        self._connection.say(self.farewell.signed(sign, self._connection.highest_inbound_stream_id))

    def end(self, code: ErrorCodes) -> None:
        """Tell the client that the session is over, unless it is already."""
        if not self.over:
            self.over = True
            with suppress(ProtocolError):
                self._connection.close_connection(code, last_stream_id=self.farewell.last)
            self.wake()
