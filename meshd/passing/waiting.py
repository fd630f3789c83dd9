"""The part of a client's connection that bounds time: each phase of an exchange has a reason and a deadline.

There is one deadline at a time, on the wheel that all connections share.
"""

from __future__ import annotations

from collections.abc import Callable

from meshd.model import Refusal
from meshd.passing.caps import TLS_GRACE
from meshd.passing.parting import PartingConnection
from meshd.passing.place import Place
from meshd.passing.plane import Plane
from meshd.passing.record import Record
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import Task
from meshd.sockets.wheel import TICK
from meshd.sockets.wire import Wire


class WaitingConnection(PartingConnection):
    """Ends the connection's task when a phase takes too long."""

    __slots__ = ("_met", "_missed", "_phase", "_plane", "_seconds", "deadline", "place", "record", "slot", "task")

    introduced = False
    """Whether a PROXY header must come first, whoever the peer is."""
    # Set when the connection begins
    task: Task
    place: Place
    """How the client counts against the bounds."""
    _missed: float
    """Seconds that this process was held up, until what is timed began."""

    def __init__(self, plane: Plane, wire: Wire) -> None:
        super().__init__(wire)
        self._plane = plane
        self.deadline = 0.0
        self.slot = 0
        self._phase = "grace"
        self._seconds = 0.0
        self._met = False
        """Whether the client's first bytes have told which protocol it speaks."""
        self.record: Record | None = None
        """The record of the exchange under way; None between two."""

    def again(self, call: Callable[[], None], /) -> None:
        self._plane.relay.again(call)

    def expect_head(self) -> None:
        """Start the head timeout for an admitted client; calling again while one head arrives does not extend it."""
        if self.place.known and self._phase != "head-timeout":
            self.phase("head-timeout", self._plane.live.timeouts.head)

    def handshake(self, *, over: bool) -> None:
        """Start the grace anew when TLS begins, and when it is over, unless the client has sent plain bytes already."""
        if self._phase == "grace" or (over and not self._met):
            self.phase("grace", min(TLS_GRACE, self._plane.live.timeouts.head))

    def phase(self, reason: str, seconds: float, /) -> None:
        """Bound what follows: without another call within so many seconds the exchange ends with that reason."""
        self._phase = reason
        self._seconds = seconds
        wheel = self._plane.wheel
        # As in `Wheel.arm`, without the call where the deadline moves later.
        self.deadline = deadline = wheel.monotonic + TICK + seconds
        if self.slot <= 0 or deadline / TICK < self.slot - 1:
            wheel.arm(self, seconds)

    def alive(self) -> None:
        """Start the time of the present phase anew: bytes have moved."""
        self.deadline = self._plane.wheel.monotonic + self._seconds

    def untimed(self) -> None:
        """Bound nothing until the next phase: what follows has a time of its own."""
        self._phase = "idle-timeout"
        self._plane.wheel.disarm(self)

    def farewell(self) -> bool:
        """Say nothing: HTTP/1.1 and SOCKS have no word for it."""
        return False

    def drain(self) -> None:
        """End the connection if no exchange is under way; an exchange ends it by itself while the plane is draining."""
        if not self.farewell() and self._phase in {"grace", "kept"} and not self.buffer:
            self.task.throw(ClientGone())

    def expired(self) -> None:
        """End the exchange with the present phase's reason, or a silent connection without an answer."""
        if not self.place.known and self._had_no_ear():
            return
        if self._phase == "grace":
            if self.place.linger():
                self.phase("head-timeout", max(self._plane.live.timeouts.head - self._seconds, 0.1))
                return
            self._phase = "head-timeout"
        silent = not self.buffer and (self.place.known or not self._met)
        if self._phase == "delivering":
            self.wake()
        elif self._phase == "kept" or (self._phase == "head-timeout" and silent):
            self.task.throw(ClientGone())  # without an answer: browsers open connections ahead, and would show one
        else:
            self.task.throw(Stopped(Refusal(self._phase)))

    def _had_no_ear(self) -> bool:
        """Whether this process was held up for a part of the phase, by which the deadline is then moved."""
        missed, self._missed = self._plane.wheel.missed - self._missed, self._plane.wheel.missed
        if missed > 0:
            self._plane.wheel.arm(self, missed)
        return missed > 0

    def stirred(self, wire: Wire) -> None:
        """End the connection if the client has left; whatever else comes while an exchange goes on is read later."""
        if wire.gone:
            self.task.throw(ClientGone())

    @property
    def idle(self) -> bool:
        """Whether the connection waits for a next request of which no byte has come."""
        return self._phase == "kept" and self.record is None and not self.buffer

    def evict(self) -> None:
        """End a client that is unknown or idle, because others need its place."""
        self.task.throw(ClientGone())
