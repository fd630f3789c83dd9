"""Those who wait for one thing, each in the row of whoever asked: rows take turns, so that nobody waits for all that
another has asked for.  Pure.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Rows(Generic[T]):
    """What waits, at most `most` pieces: of more, the newest of the longest row gives way."""

    def __init__(self, most: Callable[[], int], refuse: Callable[[T], None]) -> None:
        """refuse: told of each that gives way."""
        self._most = most
        self._refuse = refuse
        self._rows: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def put(self, asker: str, piece: T) -> None:
        self._rows.setdefault(asker, deque()).append(piece)
        if len(self) > self._most():
            longest = max(self._rows, key=lambda each: (len(self._rows[each]), each == asker))
            self._refuse(self._taken(longest, self._rows[longest].pop))

    def take(self) -> T | None:
        """The piece whose turn it is; None where nobody waits."""
        if not self._rows:
            return None
        asker = next(iter(self._rows))
        self._rows.move_to_end(asker)
        return self._taken(asker, self._rows[asker].popleft)

    def _taken(self, asker: str, pop: Callable[[], T]) -> T:
        piece = pop()
        if not self._rows[asker]:
            del self._rows[asker]
        return piece
