"""HTTP/2 with a client (RFC 9113): one session of TLS that carries many streams, each a connection of its own.

Frames are read and written by the `h2` library.  A session reads until its client leaves, whatever its streams do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from twisted.logger import Logger

from meshd.exits.choosing import Choice
from meshd.http2.library import offers_extended, opened, shown
from meshd.http2.requests import Asked, Malformed, Requests, trailers
from meshd.http2.restraint import MALFORMED, Restraint
from meshd.http2.slices import Slices
from meshd.http2.work import work_of
from meshd.model import Refusal
from meshd.passing.parting import LINGER_SECONDS
from meshd.proxy.client import Client
from meshd.proxy.pairs import KeptPairs, Pair
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.proxy.sending import Sending
from meshd.proxy.stream import WINDOW, Stream
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import READING, TURN, Pause, Task, parked

log = Logger()

STREAMS = 100
"""Streams that a session may have open at once, as RFC 9113 (6.5.2) says that one should have at least."""


class Session:
    """The speech of a client who has chosen HTTP/2: its one `read` lasts as long as the connection."""

    __slots__ = (
        "_asked",
        "_client",
        "_connection",
        "_pairs",
        "_peer",
        "_plane",
        "_requests",
        "_restraint",
        "_streams",
        "_writer",
        "sending",
    )

    def __init__(self, client: Client, plane: DataPlane, peer: str, *, extended: bool = False) -> None:
        """peer: the address that answers for what the client does, "" for none; extended: whether it may ask for other
        protocols (RFC 8441).
        """
        self._client = client
        self._peer = peer
        self._plane = plane
        head, extended = plane.live.limits.head_bytes, extended or plane.live.topology.udp.on
        self._connection = opened(streams=STREAMS, window=WINDOW, head=head, extended=extended)
        self._restraint = Restraint(plane.wheel.monotonic, less=plane.offenders.offends(peer))
        self.sending = Sending(self._connection, WINDOW, plane.relay.again, client.alive, self._restraint.sent)
        self._streams: dict[int, Stream] = {}
        """Those that are open, STREAMS at most."""
        self._pairs = KeptPairs(plane.resting)
        self._requests = Requests()
        self._asked = False
        """Whether any stream was begun."""
        self._writer = Task(self.sending.run(client.wire), self._written)

    # Speech

    async def read(self) -> ProxyRequest | None:
        """Serve the session to its end.  None, as no request comes by the connection itself."""
        try:
            await self._serve()
        except (ClientGone, Stopped):
            pass
        finally:
            if self._restraint.spent(self._plane.wheel.monotonic):
                self._plane.offenders.note(self._peer)
            self.sending.end(ErrorCodes.NO_ERROR)
            for stream in self._streams.values():
                stream.leave()
            self._streams.clear()
            self.sending.forget_all()
            self._pairs.close()
        self._client.phase("kept", LINGER_SECONDS)
        with suppress(ClientGone):
            while not self._writer.over:
                await parked(Pause(), READING)
        return None

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        """Nothing: no tunnel is opened by the connection itself."""
        return b""

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        """Nothing: what is refused by HTTP/2 is a stream."""
        return b""

    def farewell(self) -> bool:
        """Ask the client to begin no more streams: the session ends with the last of those that it has begun."""
        if not self.sending.over:
            self.sending.say_farewell()
            self._expect()
        return True

    # What comes in

    async def _serve(self) -> None:
        client = self._client
        data, client.buffer = client.buffer, b""
        self._writer.resume()
        if self._plane.draining:
            self.farewell()
        slices, work = Slices(), 0
        while data:
            for piece, frames in slices.of(data):
                work += work_of(len(piece), frames, self._took(piece))
                self._expect()
                if self.sending.over:
                    return
                if work >= TURN:
                    self.sending.wake()
                    await client.worked(work)
                    work = 0
            self.sending.wake()
            try:
                data = await client.wire.receive()
            except OSError:
                return

    def _expect(self) -> None:
        """Bound the time until more comes: an idle session as an idle connection, a busy one by its streams' own."""
        client, timeouts = self._client, self._plane.live.timeouts
        known = client.place.known
        if self._streams:
            client.phase("idle-timeout", timeouts.idle if known else timeouts.first_byte)
        elif self.sending.farewell.over:
            self.sending.end(ErrorCodes.NO_ERROR)
        elif self.sending.farewell.begun:
            client.phase("kept", LINGER_SECONDS)
        elif known:
            client.phase("kept", timeouts.keep_alive)
        elif self._asked and client.place.linger():  # the client was challenged, and may yet send credentials
            client.phase("kept", timeouts.head)
        elif self._asked:
            self.sending.end(ErrorCodes.NO_ERROR)

    def _took(self, data: bytes) -> list[Event]:
        """Act on what came, and say what that was."""
        events: list[Event] = []
        if not self._client.place.known and not self._restraint.bears(len(data)):
            self._too_much()
            return events
        try:
            events = self._connection.receive_data(data)
            gone = {event.stream_id for event in events if isinstance(event, StreamReset)}
            for event in events:
                cost = self._restraint.cost(event)
                if cost:
                    self._cost(cost)
                if isinstance(event, StreamReset) or getattr(event, "stream_id", 0) not in gone:
                    if act := _ACTS.get(type(event)):
                        act(self, event)
                elif isinstance(event, DataReceived):
                    self.sending.came(event.flow_controlled_length or 0)
        except ProtocolError:
            self._restraint.spend()
            self.sending.over = True  # the library has the frame that says why
            self.sending.wake()
        if self.sending.is_unread:
            self._too_much()
        return events

    def _cost(self, frames: float) -> None:
        if not self._restraint.allows(self._plane.wheel.monotonic, frames):
            self._too_much()

    def _too_much(self) -> None:
        self._restraint.spend()
        self.sending.end(ErrorCodes.ENHANCE_YOUR_CALM)

    def _requested(self, event: RequestReceived) -> None:
        number, ended = event.stream_id or 0, event.stream_ended is not None
        self._restraint.began()
        try:
            extended = offers_extended(self._connection)
            asked = self._requests.read(shown(event.headers), ended=ended, extended=extended)
        except Malformed:
            self.sending.reset(number, ErrorCodes.PROTOCOL_ERROR)
            self._cost(MALFORMED)
            return
        over = self.sending.farewell.last is not None or self.sending.over
        pair = None if over else self._pair_for(asked)
        if pair is None:
            self.sending.reset(number, ErrorCodes.REFUSED_STREAM)
            self._cost(1)
            return
        self._asked = True
        self._streams[number] = stream = Stream(self, number, asked, ended=ended)
        stream.begin(pair)
        pair.serve(self._client)

    def _pair_for(self, asked: Asked) -> Pair | None:
        """A pair for a request; None where there is no room for one more stream."""
        client, under_way = self._client, len(self._streams)
        pair = self._pairs.take(asked) if under_way < STREAMS else None
        if pair is not None:
            return pair
        if not client.takes_stream(under_way, STREAMS):
            return None
        try:
            return Pair(self._plane.poller, client.wire.peer, asked)
        except OSError:  # no descriptors
            return None

    def _data(self, event: DataReceived) -> None:
        size = event.flow_controlled_length or 0
        self.sending.came(size)
        if not event.data and event.stream_ended is None:
            self._cost(1)
        self._tell(event.stream_id, lambda stream: stream.take(event.data or b"", size))

    def _tell(self, number: int | None, what: Callable[[Stream], None]) -> None:
        """Tell a stream, if it is open still, what came for it, and reset it where that is malformed."""
        stream = self._streams.get(number or 0)
        if stream is None:
            return
        try:
            what(stream)
        except Malformed:
            self.reset(stream, ErrorCodes.PROTOCOL_ERROR)
            self._cost(MALFORMED)

    def _reset(self, event: StreamReset) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if stream is not None:
            self._let_go(stream)
            stream.leave()

    # For streams

    def reset(self, stream: Stream, code: ErrorCodes) -> None:
        """End a stream before its time."""
        self.forget(stream)
        self.sending.reset(stream.id, code)

    def forget(self, stream: Stream) -> None:
        """Let go of a stream that has ended."""
        self._let_go(stream)
        pair = stream.part()
        if pair is not None:
            self._pairs.keep(pair, wanted=not self.sending.over)

    def _let_go(self, stream: Stream) -> None:
        self._streams.pop(stream.id, None)
        self.sending.forget(stream)
        if not self._streams and not self.sending.over:
            self._expect()

    def _written(self, error: BaseException | None) -> None:
        """Wake who reads, since nothing more is sent."""
        if error is not None and not isinstance(error, OSError):
            self._plane.seldom.say(log.error, "HTTP/2 with a client ended by {error}", error=type(error).__name__)
        self.sending.over = True
        self._client.task.throw(ClientGone())


_ACTS: dict[type[Event], Callable[[Session, Any], None]] = {
    RequestReceived: Session._requested,
    DataReceived: Session._data,
    StreamEnded: lambda session, event: session._tell(event.stream_id, Stream.end),
    TrailersReceived: lambda session, event: session._tell(
        event.stream_id, lambda stream: stream.end(trailers(shown(event.headers)))
    ),
    StreamReset: Session._reset,
    WindowUpdated: lambda session, event: session.sending.room_given(event.stream_id or 0),
    RemoteSettingsChanged: lambda session, event: session.sending.room_given(0),
    PingAckReceived: lambda session, event: session.sending.signed(event.ping_data or b""),
    ConnectionTerminated: lambda session, event: session.sending.farewell.hear(),
}
