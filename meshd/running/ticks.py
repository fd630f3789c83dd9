"""One fine timer for all that waits for bytes it may move: it runs only while something does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

TICK = 0.01
"""Seconds between two ticks: at 10 Mbit/s what is moved at once is 12 kB then, a few packets."""


class Clock(Protocol):
    """What a reactor gives: monotonic time, and calls later on."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, call: Callable[[], None], /) -> Any: ...


class Ticked(Protocol):
    """Something that waits for time to pass."""

    def tick(self, monotonic: float) -> bool:
        """Do what has become possible; whether to tick again."""


class Ticks:
    """Ticks whoever asked for it, in turn, until it wants no more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wanting: dict[Ticked, None] = {}
        self._next: Any = None

    def __len__(self) -> int:
        return len(self._wanting)

    def seconds(self) -> float:
        return self._clock.seconds()

    def want(self, each: Ticked) -> None:
        """Have it ticked from now on; asking again changes nothing."""
        self._wanting[each] = None
        if self._next is None:
            self._next = self._clock.callLater(TICK, self._beat)

    def _beat(self) -> None:
        self._next = self._clock.callLater(TICK, self._beat)
        monotonic = self._clock.seconds()
        for each in list(self._wanting):
            if not each.tick(monotonic):
                self._wanting.pop(each, None)
        if not self._wanting:
            self._next.cancel()
            self._next = None
