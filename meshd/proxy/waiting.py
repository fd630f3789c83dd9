"""A client's connection as far as its time goes: how long each phase of an exchange may take, and who may end it then.

One deadline at a time, on the wheel that all share: while a head is awaited, while others are asked, while it is kept.
"""

from __future__ import annotations

from meshd.model import Refusal
from meshd.proxy.caps import TLS_GRACE, Place
from meshd.proxy.parting import PartingConnection
from meshd.proxy.plane import DataPlane
from meshd.proxy.record import Record
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire


class WaitingConnection(PartingConnection):
    """Has a task, and ends it where it waits too long."""

    __slots__ = ("_met", "_missed", "_phase", "_plane", "_seconds", "deadline", "place", "record", "slot", "task")

    task: Task
    place: Place
    """What the client takes of the bounds; from when the connection has begun."""

    def __init__(self, plane: DataPlane, wire: Wire) -> None:
        super().__init__(wire, plane.relay.again)
        self._plane = plane
        self.deadline = 0.0
        self.slot = 0
        self._phase = "grace"
        self._seconds = 0.0
        self._missed = plane.wheel.missed
        self._met = False
        """Whether the client's first bytes have said what it speaks."""
        self.record: Record | None = None
        """Of the exchange that is under way; None between two."""

    def expect_head(self) -> None:
        """Start the head's timeout for a client that is known; the same head does not extend it by a second call."""
        if self.place.known and self._phase != "head-timeout":
            self.phase("head-timeout", self._plane.topology.timeouts.head)

    def handshake(self, *, over: bool) -> None:
        """Start the grace of a client whose TLS begins, or stands, unless the client has begun to speak."""
        if self._phase == "grace" or (over and not self._met):
            self.phase("grace", min(TLS_GRACE, self._plane.topology.timeouts.head))

    def phase(self, reason: str, seconds: float) -> None:
        """Let the exchange take so long until the next call, or end with that reason."""
        self._phase = reason
        self._seconds = seconds
        self._plane.wheel.arm(self, seconds)

    def alive(self) -> None:
        """Start the present phase's time anew: something moved."""
        self.deadline = self._plane.wheel.now + self._seconds

    def drain(self) -> None:
        """End at once where nothing is under way, else with the exchange that is."""
        if self._phase in {"grace", "kept"} and not self.buffer:
            self.task.throw(ClientGone())

    def expired(self) -> None:
        """End what the present phase's time is over for, with the reason that was given for it."""
        if not self.place.known and self._had_no_ear():
            return
        if self._phase == "grace":
            if self.place.linger():
                self.phase("head-timeout", max(self._plane.topology.timeouts.head - self._seconds, 0.1))
                return
            self._phase = "head-timeout"
        silent = not self.buffer and (self.place.known or not self._met)
        if self._phase == "delivering":
            self.wake()
        elif self._phase == "kept" or (self._phase == "head-timeout" and silent):
            self.task.throw(ClientGone())  # without a word: browsers open ahead, and would show it to people
        else:
            self.task.throw(Stopped(Refusal(self._phase)))

    def _had_no_ear(self) -> bool:
        """Whether this process was not there for a part of the client's time; the client is given that part then."""
        missed, self._missed = self._plane.wheel.missed - self._missed, self._plane.wheel.missed
        if missed > 0:
            self._plane.wheel.arm(self, missed)
        return missed > 0

    def stirred(self, wire: Wire) -> None:
        """The client did something while we waited for others; only its leaving matters now."""
        if wire.gone:
            self.task.throw(ClientGone())

    @property
    def idle(self) -> bool:
        """Whether the connection is kept for a next request, of which nothing has come."""
        return self._phase == "kept" and self.record is None and not self.buffer

    def evict(self) -> None:
        """End a client that is not known, or idle: others need its place."""
        self.task.throw(ClientGone())
