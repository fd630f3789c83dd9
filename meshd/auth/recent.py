"""A bounded table whose entries expire."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from meshd.bounded import Bounded

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A value and the time of its addition for each key; beyond `bound` keys the oldest are dropped."""

    def __init__(self, bound: int, span: float) -> None:
        self._span = span
        self._known: Bounded[K, tuple[float, int, V]] = Bounded(lambda: bound)
        self._generation = 0

    def __len__(self) -> int:
        return len(self._known)

    def add(self, key: K, monotonic: float, said: V) -> None:
        self._known.put(key, (monotonic, self._generation, said))

    def fresh(self, key: K, monotonic: float) -> V | None:
        """The value of the key if it was added within the span and since the last doubt(); else None."""
        since, generation, said = self._known.get(key, (float("-inf"), 0, None))
        return said if monotonic - since < self._span and generation == self._generation else None

    def within(self, key: K, monotonic: float, span: float) -> V | None:
        """The value of the key if it was added within the last `span` seconds, even before a doubt(); else None."""
        since, _, said = self._known.get(key, (float("-inf"), 0, None))
        return said if monotonic - since < span else None

    def doubt(self) -> None:
        """Let no entry be fresh any more until it is added again."""
        self._generation += 1
