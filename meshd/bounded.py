"""A map that never grows beyond its bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(OrderedDict[K, V]):
    """Of too many entries the first goes: the entry that was put, or moved to the end, longest ago."""

    def __init__(self, bound: Callable[[], int]) -> None:
        super().__init__()
        self._bound = bound

    def put(self, key: K, value: V) -> V | None:
        """Enter the value as the newest; the value that was dropped for it (the last of several), else None."""
        self[key] = value
        self.move_to_end(key)
        gone = None
        while len(self) > self._bound():
            _, gone = self.popitem(last=False)
        return gone
