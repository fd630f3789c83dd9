"""What was met not long ago: a bounded table whose entries grow old."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from meshd.bounded import Bounded

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keys, what was said of each and when; the oldest go first when there are too many."""

    def __init__(self, bound: int, span: float) -> None:
        self._span = span
        self._known: Bounded[K, tuple[float, int, V]] = Bounded(lambda: bound)
        self._generation = 0

    def __len__(self) -> int:
        return len(self._known)

    def add(self, key: K, monotonic: float, said: V) -> None:
        self._known.put(key, (monotonic, self._generation, said))

    def fresh(self, key: K, monotonic: float) -> V | None:
        """What was said of it, within the span and since the last doubt(); else None."""
        since, generation, said = self._known.get(key, (float("-inf"), 0, None))
        return said if monotonic - since < self._span and generation == self._generation else None

    def within(self, key: K, monotonic: float, span: float) -> V | None:
        """What was said of it within that span, in doubt or not; else None."""
        since, _, said = self._known.get(key, (float("-inf"), 0, None))
        return said if monotonic - since < span else None

    def doubt(self) -> None:
        """From now on no entry is fresh until it is added again."""
        self._generation += 1
