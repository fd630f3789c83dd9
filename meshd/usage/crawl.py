"""An account at a byte limit that is slowed down rather than stopped: its bytes are lent as time passes."""

from __future__ import annotations

from collections.abc import Callable

from meshd.running.ticks import Ticks
from meshd.usage.allowance import Allowance

QUANTUM = 1400
"""Bytes that are lent at once, a packet's worth: whoever waits gets as much in turn."""

BURST = 0.25
"""Seconds' worth of bytes that may be saved up."""


class Crawl:
    """Lends one allowance so many bytes a second, whatever its limits have left."""

    __slots__ = ("_allowance", "_at", "_owed", "_rate", "_ticks")

    def __init__(self, allowance: Allowance, ticks: Ticks, rate: Callable[[], float]) -> None:
        """rate: bytes a second."""
        self._allowance = allowance
        self._ticks = ticks
        self._rate = rate
        self._at = ticks.seconds()
        self._owed = 0.0

    def wait(self, least: int = 1) -> None:
        """Lend what has become due; have those that wait resumed where that is less than they need."""
        self._lend(self._ticks.seconds())
        if self._allowance.room < least:
            self._ticks.want(self)

    def tick(self, monotonic: float) -> bool:
        """Lend what has become due, and resume who waits, first come first served, as long as there is some."""
        allowance = self._allowance
        if allowance.crawl is not self:
            return False  # the limit was raised, or its period is over: who waited has been resumed
        self._lend(monotonic)
        turns = len(allowance.waiting)
        while allowance.room > 0 and allowance.waiting and turns:
            turns -= 1
            meter = next(iter(allowance.waiting))
            del allowance.waiting[meter]
            if meter.open and meter.resume is not None:
                meter.resume()
        return bool(allowance.waiting) and allowance.crawl is self

    def _lend(self, monotonic: float) -> None:
        rate = self._rate()
        saved = max(0, self._allowance.room)
        most = max(QUANTUM, rate * BURST)
        self._owed = min(self._owed + max(0.0, monotonic - self._at) * rate, most)
        self._at = monotonic
        due = int(self._owed)
        if due >= QUANTUM and saved < most:
            self._owed -= due
            self._allowance.hold_to(self._allowance.room + due)
