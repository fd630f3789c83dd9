"""What was met not long ago: a bounded set whose members grow old."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_NEVER = (float("-inf"), 0)


class Recent(Generic[K]):
    """Keys and the time each was added; the oldest go first when there are too many."""

    def __init__(self, bound: int, span: float) -> None:
        self._bound = bound
        self._span = span
        self._known: OrderedDict[K, tuple[float, int]] = OrderedDict()
        self._generation = 0

    def __len__(self) -> int:
        return len(self._known)

    def add(self, key: K, monotonic: float) -> None:
        self._known[key] = (monotonic, self._generation)
        self._known.move_to_end(key)
        if len(self._known) > self._bound:
            self._known.popitem(last=False)

    def fresh(self, key: K, monotonic: float) -> bool:
        """Added within the span, and since the last doubt()."""
        since, generation = self._known.get(key, _NEVER)
        return monotonic - since < self._span and generation == self._generation

    def within(self, key: K, monotonic: float, span: float) -> bool:
        """Added within that span, in doubt or not."""
        return monotonic - self._known.get(key, _NEVER)[0] < span

    def doubt(self) -> None:
        """From now on no member is fresh until it is added again."""
        self._generation += 1
