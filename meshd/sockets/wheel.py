"""All timeouts of the data plane on one coarse timer wheel.

Activity sets one attribute: the deadline moves later, and the wheel looks again when the old deadline comes up.  Only a
deadline that moves earlier touches the wheel.  No timeout is more exact than a tick.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

TICK = 0.25
"""Seconds between two looks at the wheel, and the width of a slot."""

TOGETHER = 8
"""Expiries in one turn of the reactor: each may be an answer and a log line, for which all others have to wait."""

_DUE = -1
"""The `slot` of something whose deadline has passed, and which waits for its turn to expire."""


class Timed(Protocol):
    """Something with a deadline."""

    deadline: float
    """Seconds on the wheel's clock; activity may move it later by assignment, `Wheel.arm` moves it either way."""
    slot: int
    """The wheel's own note of where it keeps this object; 0 while nowhere."""

    def expired(self) -> None:
        """Do what has to be done now that the deadline has passed."""


class Wheel:
    """Calls `expired` of each armed object, at most two ticks late and never early."""

    __slots__ = (
        "_clock",
        "_due",
        "_expiring",
        "_next",
        "_slots",
        "_ticking",
        "missed",
        "monotonic",
        "seconds",
    )
    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.monotonic = clock.seconds()
        self._clock = clock
        self.seconds = clock.seconds
        """Gives the clock's exact time, for callers to whom `monotonic`, which moves once a tick, is too coarse."""
        self._slots: dict[int, set[Timed]] = {}
        self._due: deque[Timed] = deque()
        self._expiring = False
        self._next = int(self.monotonic / TICK)
        self.missed = 0.0
        """Seconds in all by which looks came late: this process was held up, and clients were not heard."""
        self._ticking = LoopingCall(self.tick)
        self._ticking.clock = clock

    def soon(self, seconds: float, call: Callable[[], None]) -> IDelayedCall:
        """Call in that many seconds, a few ticks at most, exactly: for the few waits that are as short."""
        return self._clock.callLater(seconds, call)

    def start(self) -> None:
        self._ticking.start(TICK, now=False)

    def stop(self) -> None:
        if self._ticking.running:
            self._ticking.stop()
        self._due.clear()

    def arm(self, timed: Timed, seconds: float, /) -> None:
        """Let timed expire so many seconds from now, in the place of its deadline so far."""
        timed.deadline = deadline = self.monotonic + TICK + seconds
        if timed.slot <= 0 or deadline / TICK < timed.slot - 1:
            self._move(timed, int(deadline / TICK) + 1)

    def disarm(self, timed: Timed, /) -> None:
        if timed.slot:
            self._leave(timed)
            timed.slot = 0

    def tick(self) -> None:
        """Look at every slot that has come up since the last look."""
        seconds = self._clock.seconds()
        self.missed += max(0.0, seconds - self.monotonic - 2 * TICK)
        self.monotonic = seconds
        due = int(seconds / TICK)
        while self._next <= due:
            for timed in self._slots.pop(self._next, ()):
                if timed.slot == self._next:
                    self._look(timed, seconds)
            self._next += 1
        if not self._expiring:
            self._expire()

    def _expire(self) -> None:
        """End some of what is due; the rest in the reactor's next turns."""
        for _ in range(min(TOGETHER, len(self._due))):
            timed = self._due.popleft()
            if timed.slot == _DUE:
                self._end(timed)
        self._expiring = bool(self._due)
        if self._expiring:
            self._clock.callLater(0, self._expire)

    def _end(self, timed: Timed) -> None:
        timed.slot = 0
        if timed.deadline > self.monotonic:  # activity has moved the deadline since its slot came up
            self._move(timed, int(timed.deadline / TICK) + 1)
            return
        try:
            timed.expired()
        except Exception:  # one owner's fault, which would stop the clock for all
            self.log.failure("an owner of a deadline failed")

    def _look(self, timed: Timed, monotonic: float) -> None:
        timed.slot = 0
        if timed.deadline <= monotonic:
            timed.slot = _DUE
            self._due.append(timed)
        else:
            self._move(timed, int(timed.deadline / TICK) + 1)

    def _move(self, timed: Timed, slot: int) -> None:
        if timed.slot:
            self._leave(timed)
        timed.slot = slot
        members = self._slots.get(slot)
        if members is None:
            members = self._slots[slot] = set()
        members.add(timed)

    def _leave(self, timed: Timed) -> None:
        members = self._slots.get(timed.slot)
        if members is not None:
            members.discard(timed)
            if not members:
                del self._slots[timed.slot]
