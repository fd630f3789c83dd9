"""One direction of an account's bytes, held to a rate: a token bucket, and who waits for it in fair turns.

Whoever finds nothing waits in one of two rows, which a tick serves a quantum at a time.  Those that did not use up
their last turn come first, so that a keystroke does not wait behind downloads; every fourth turn is the others'.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from meshd.running.ticks import TICK, Ticks

GRAIN = 1400
"""Bytes that are given at least, a packet's worth: smaller pieces cost as much each."""

LEAST, MOST = 4096, 64 * 1024
"""Bytes that one exchange gets in its turn; between them half of what a tick brings."""

BURST = 0.05
"""Seconds' worth of bytes that a silent account may have saved up."""

LATE = 0.5
"""Seconds' worth that those who wait are given at once, where a busy process ticks late."""

SILENCE = 0.25
"""Seconds after its last turn in which an exchange that had used it up is still one of those that come last."""

UNBOUNDED = 2**62


class Lane:
    """One direction of one exchange."""

    __slots__ = ("greedy", "last", "left", "queued", "resume")

    def __init__(self) -> None:
        self.resume: Callable[[], None] = _gone
        """Lets the exchange go on, while it waits; it may have ended meanwhile, or wait for something else."""
        self.left = 0
        """Bytes that are left of the turn that it has now; 0 where it has none."""
        self.queued = False
        self.greedy = False
        """Whether it wanted more than its last turn gave it."""
        self.last = 0.0
        """When it had its last turn, on the monotonic clock."""

    def spend(self, n: int) -> None:
        """Count bytes that were moved."""
        if self.left > 0:
            self.left = max(0, self.left - n)


class Throttle:
    """One rate, and those that wait for it."""

    def __init__(self, ticks: Ticks, rate: float) -> None:
        """rate: bytes a second; 0 for no bound."""
        self._ticks = ticks
        self._at = ticks.seconds()
        self._first: deque[Lane] = deque()
        self._others: deque[Lane] = deque()
        self._turns = 0
        self._serving: Lane | None = None
        self.set(rate)
        self.tokens = self._burst
        """Bytes that may be moved now; below 0 after bytes that could not wait, such as a request's head."""

    def __len__(self) -> int:
        return len(self._first) + len(self._others)

    def set(self, rate: float) -> None:
        """Hold to another rate from now on."""
        self.rate = rate
        self._quantum = int(min(max(LEAST, rate * TICK / 2), MOST))
        self._burst = max(rate * BURST, 2.0 * LEAST)

    def allow(self, lane: Lane, resume: Callable[[], None]) -> int:
        """Bytes that the exchange may move now; 0 where it has to wait, and is resumed when its turn has come."""
        if not self.rate:
            return UNBOUNDED
        if lane.left > 0:
            if self.tokens >= 1:
                return int(min(self.tokens, lane.left))
        elif not self._first and not self._others:
            self._refill(self._ticks.seconds(), self._burst)
            if self.tokens >= GRAIN:
                return int(self.tokens)
        if not lane.queued:
            lane.resume = resume
            self._wait(lane)
        return 0

    def want(self, lane: Lane, resume: Callable[[], None]) -> None:
        """Resume the exchange when its turn comes, though there are bytes left: too few; nothing happens within one."""
        if not lane.queued and lane is not self._serving:
            lane.resume = resume
            self._wait(lane)

    def tick(self, monotonic: float) -> bool:
        """Let those who wait have their turns as long as there are bytes; whether somebody waits still."""
        self._refill(monotonic, self._burst + self.rate * LATE)
        while (self._first or self._others) and (self.tokens >= GRAIN or not self.rate):
            self._serve(self._next(), monotonic)
        return bool(self._first or self._others)

    def _serve(self, lane: Lane, monotonic: float) -> None:
        lane.queued = False
        lane.left, lane.last = self._quantum, monotonic
        self._serving = lane
        resume, lane.resume = lane.resume, _gone  # or lane and exchange would keep each other alive
        resume()
        self._serving = None
        lane.left = 0

    def _next(self) -> Lane:
        self._turns += 1
        first = self._first and (self._turns % 4 or not self._others)
        return (self._first if first else self._others).popleft()

    def _wait(self, lane: Lane) -> None:
        if lane is self._serving:
            lane.greedy = True
        elif self._ticks.seconds() - lane.last > SILENCE:
            lane.greedy = False
        lane.queued = True
        (self._others if lane.greedy else self._first).append(lane)
        self._ticks.want(self)

    def _refill(self, monotonic: float, most: float) -> None:
        if monotonic > self._at:
            if self.tokens < most:
                self.tokens = min(most, self.tokens + (monotonic - self._at) * self.rate)
            self._at = monotonic


def _gone() -> None:
    """Do nothing: nobody waits."""


class Pace:
    """The rates of one account, or of a family, in both directions."""

    __slots__ = ("down", "moved_down", "moved_up", "up", "whole")

    def __init__(self, ticks: Ticks) -> None:
        self.up = Throttle(ticks, 0)
        self.down = Throttle(ticks, 0)
        self.whole = 0, 0
        """The rates up and down, of which other processes of the daemon may use a part."""
        self.moved_up = self.moved_down = 0
        """Bytes that no other process was told of."""

    def set(self, up: int, down: int) -> None:
        """Hold to other rates, in bytes a second; 0 for no bound."""
        if (up, down) != self.whole:
            self.whole = up, down
            self.up.set(up)
            self.down.set(down)

    def leave(self, up: float, down: float, processes: int) -> None:
        """Hold to what others leave, who use so much, but at least to an equal part among so many processes.

        Less is held to at once, more by parts, since all that see the same room would take the whole of it.
        """
        for throttle, whole, used in ((self.up, self.whole[0], up), (self.down, self.whole[1], down)):
            rate = max(whole - used, whole / processes) if whole else 0
            if used and rate > throttle.rate:
                rate = throttle.rate + (rate - throttle.rate) / processes
            if rate != throttle.rate:
                throttle.set(rate)
