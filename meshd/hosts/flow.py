"""The datagrams between one client and an upstream, by a socket that is connected and hears that upstream alone.

This is no `DatagramFlow`, which belongs to an exchange of a client that has signed in, and by which a limit ends that.
Here any sender's datagram begins an exchange of its own: so a limit drops and ends nothing, or the next datagram would
begin another one; a sender that may be made up has less time than one that has answered; and nothing is paused, since
nobody waits for room.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Any, Protocol

from twisted.logger import Logger

from meshd.hosts.common import GONE, Asked, Common
from meshd.hosts.services import Service
from meshd.model import Refusal
from meshd.passing.record import Record
from meshd.sockets.datagrams import AT_ONCE, BUSY, WAITING, connected, ending
from meshd.sockets.ends import Stopped
from meshd.sockets.metering import NOT_NOW
from meshd.sockets.poll import IN
from meshd.sockets.race import TIMEOUT, DialError
from meshd.sockets.task import Task
from meshd.usage.meter import Meter
from meshd.values.addresses import peer_address

log = Logger()

Key = tuple[Any, Any]
"""A client's address, and the control message by which it is answered from the address that it wrote to."""


class Desk(Protocol):
    """The socket that clients of a place write to, and are answered by."""

    common: Common
    buffer: memoryview

    def answer(self, key: Key, data: memoryview, /) -> bool:
        """Send a client a datagram; whether the kernel took it."""

    def proven(self, flow: Flow, /) -> None:
        """Keep the flow when others need its place."""

    def left(self, flow: Flow, /) -> None:
        """Forget a flow that has ended."""


class Flow:
    """The datagrams between one client and the upstream, as long as either sends any."""

    __slots__ = (
        "_answered",
        "_listener",
        "_meter",
        "_proven",
        "_record",
        "_seconds",
        "_service",
        "_short",
        "_sock",
        "_task",
        "_waiting",
        "deadline",
        "key",
        "over",
        "slot",
    )

    def __init__(self, listener: Desk, service: Service, key: Key) -> None:
        self._listener = listener
        self._service = service
        self.key = key
        self._sock: socket.socket | None = None
        self._meter: Meter | None = None
        self._waiting: deque[bytes] = deque()
        """Datagrams that came before the upstream was found."""
        self._answered = False
        self._proven = False
        """Whether the client has spoken again after an answer: so it is where it says that it is."""
        self._short = ""
        """The limit that leaves less than the last datagram has; "" for none."""
        self.over = False
        plane = listener.common.plane
        self._record = Record(plane, service.label, peer_address(key[0]))
        self._record.note_request(Asked(b"UDP", service.upstreams[0]))
        self.deadline = 0.0
        self.slot = 0
        self._seconds = 0.0
        self._task = Task(self._open(), self._opened)

    def begin(self) -> None:
        """Find the upstream, for which datagrams wait."""
        plane = self._listener.common.plane
        plane.wheel.arm(self, plane.live.timeouts.connect)
        self._task.resume()

    def came(self, data: memoryview) -> None:
        """Pass on a datagram of the client's."""
        if self._sock is None:
            if len(self._waiting) < WAITING:
                self._waiting.append(bytes(data))
            return
        if self._answered and not self._proven:
            self._prove()
        self._up(data)

    # The path

    async def _open(self) -> None:
        common, service = self._listener.common, self._service
        try:
            meter = await common.meter(service, self._record, self.stopped)
            if isinstance(meter, Refusal):
                raise Stopped(meter)
            self._meter = meter
            sock = await self._connected()
        except (DialError, Stopped) as no:
            self.close(no.refusal.reason)
            return
        self._record.status = 200
        timeouts = common.plane.live.timeouts
        self._seconds = min(timeouts.half_closed, timeouts.idle)
        try:
            common.plane.poller.add(sock.fileno(), self, IN)
        except BaseException:
            sock.close()
            raise
        self._sock = sock
        common.plane.wheel.arm(self, self._seconds)
        while self._waiting and not self.over:
            self._up(memoryview(self._waiting.popleft()))

    def _opened(self, error: BaseException | None) -> None:
        if error is not None:
            self._listener.common.plane.seldom.say(
                log.error,
                "a flow of {service} failed: {error}",
                service=self._service.label,
                error=type(error).__name__,
            )
            self.close("internal")

    async def _connected(self) -> socket.socket:
        """A socket from which the upstream alone can be reached and heard.  Raises: DialError, Stopped."""
        for upstream in self._service.upstreams:
            for address in await self._listener.common.upstreams.addresses(upstream, self._service.port):
                sock = _connect(address, upstream.port)
                if sock is not None:
                    self._record.exit = address
                    return sock
        raise DialError(Refusal("unreachable"))

    def _up(self, data: memoryview) -> None:
        meter, sock = self._meter, self._sock
        assert meter is not None
        assert sock is not None
        size = len(data)
        if not self._pays(meter, size, upward=True):
            return
        try:
            sock.send(data)
        except OSError as error:
            self._failed(error)
        else:
            meter.weigh(size, upward=True)
            meter.sent_up(size)
            self._alive()

    def ready(self, fd: int, events: int) -> None:
        """Pass on what the upstream has sent to this socket."""
        listener, meter = self._listener, self._meter
        assert meter is not None
        buffer = listener.buffer
        for _ in range(AT_ONCE):
            if self._sock is None:
                return
            try:
                size = self._sock.recv_into(buffer)
            except OSError as error:
                self._failed(error)
                return
            if self._pays(meter, size, upward=False) and listener.answer(self.key, buffer[:size]):
                self._answered = True
                meter.weigh(size, upward=False)
                meter.sent_down(size)
                self._alive()

    def _pays(self, meter: Meter, size: int, *, upward: bool) -> bool:
        """Whether a datagram of so many bytes may go.

        One that is more than a limit leaves is dropped, and the flow goes on: if it ended, the next one would begin
        another, each with a line in the log, until the limit's period is over.
        """
        refusal = meter.against(size, upward=upward, on_limit=self._listener.common.plane.live.limits.on_limit)
        self._short = "" if refusal is None or refusal is NOT_NOW else refusal.reason
        return refusal is None

    def _failed(self, error: OSError) -> None:
        """End the flow where the upstream has said that nobody is there; else a datagram was lost, or none has come."""
        reason = ending(error)
        if reason:
            self.close(reason)

    def _prove(self) -> None:
        """Give a client that answers an answer the longer time."""
        self._proven = True
        self._listener.proven(self)
        self._seconds = self._listener.common.plane.live.timeouts.idle

    def _alive(self) -> None:
        self.deadline = self._listener.common.plane.wheel.monotonic + self._seconds

    # Endings

    def expired(self) -> None:
        """End the flow: that it is used no longer is a good end, unless a limit lets nothing through."""
        if self._sock is None:
            self.stopped(Refusal(TIMEOUT))
        else:
            self.close(self._short)

    def stopped(self, refusal: Refusal) -> None:
        """End the flow, whose owner may go no further."""
        self.close(refusal.reason)

    def close(self, reason: str) -> None:
        """End the flow; calling it again changes nothing."""
        if self.over:
            return
        self.over = True
        listener = self._listener
        plane = listener.common.plane
        listener.left(self)
        plane.wheel.disarm(self)
        if self._sock is not None:
            plane.poller.remove(self._sock.fileno())
            self._sock.close()
            self._sock = None
        self._waiting.clear()
        listener.common.close(self._service, self._record, reason)
        self._task.throw(Stopped(GONE))  # where it still looks for the upstream


def _connect(address: str, port: int) -> socket.socket | None:
    """A socket that is connected to the address; None where there is no way to it.  Raises: DialError."""
    try:
        return connected(address, port)
    except OSError as error:
        if error.errno in BUSY:
            raise DialError(Refusal("overloaded")) from None
        return None
