"""Work that is long is done in slices, so that whatever else there is to do has its turn in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypeVar

from twisted.internet.defer import Deferred

from meshd.running.ticks import Clock

T = TypeVar("T")

SLICE = 0.0004
"""Seconds of work between two turns of the reactor, of all that is done in slices together.

An exchange of the proxy takes a few turns of a fraction of a millisecond each, and may wait for a slice before each.
"""


class Turns:
    """Takes what iterators make, one of them at a time and each for a slice.

    Those that wait are as many as there are requests being answered, which the listeners bound.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[Deferred[None]] = deque()

    async def taken(self, pieces: Iterator[T]) -> list[T]:
        """All that the iterator makes.  An exception of the iterator's is raised."""
        made: list[T] = []
        while True:
            until = self._clock.seconds() + SLICE
            for piece in pieces:
                made.append(piece)
                if self._clock.seconds() >= until:
                    break
            else:
                return made
            await self._turn()

    async def _turn(self) -> None:
        """Wait until all else had its turn, and those who have waited longer theirs."""
        turn: Deferred[None] = Deferred()
        if not self._waiting:
            self._clock.callLater(0, self._next)
        self._waiting.append(turn)
        await turn

    def _next(self) -> None:
        turn = self._waiting.popleft()
        if self._waiting:
            self._clock.callLater(0, self._next)
        turn.callback(None)
