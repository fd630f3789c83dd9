"""How many times something has happened within the last so many seconds, by a key.  Pure, and bounded.

A window slides in sixteenths, and what happened in one counts until all of it has passed: never more than the bound
within any window, and at most a sixteenth of it too careful.
"""

from __future__ import annotations

from collections.abc import Hashable
from math import ceil

from meshd.bounded import Bounded

PARTS = 16
"""Parts of a window."""

KEYS = 50_000
"""Keys that are remembered, of all windows that share a memory; beyond them the one that was seen longest ago starts
anew.  Some 25 MB, and 120 where each has asked in every part of its window."""

Parts = list[tuple[int, int]]
Memory = Bounded[tuple["Windows", Hashable], Parts]
"""By whose window it is and its key, the parts in which something happened, the oldest first, and how many times."""

LEAST = 0.001
"""Seconds of the shortest window."""


def new_memory(keys: int = KEYS) -> Memory:
    """What several Windows remember together."""
    return Bounded(lambda: keys)


class Windows:
    """All windows of one length and one bound."""

    __slots__ = ("_memory", "most", "seconds")

    def __init__(self, most: int, seconds: float, memory: Memory) -> None:
        """most: times within so many seconds; memory: shared with others, so that however many there are, it is one
        bound that all of them have.
        """
        self.most = most
        self.seconds = max(seconds, LEAST)
        self._memory = memory

    def take(self, key: Hashable, monotonic: float) -> int:
        """Count one more time; 0, or the seconds until there is room for it, which then was not counted."""
        wait = self.wait(key, monotonic)
        if not wait:
            parts = self._memory.get((self, key))
            present = int(monotonic * PARTS / self.seconds)
            if parts is None:
                parts = []
            if parts and parts[-1][0] == present:
                parts[-1] = present, parts[-1][1] + 1
            else:
                parts.append((present, 1))
            self._memory.put((self, key), parts)
        return wait

    def give_back(self, key: Hashable, monotonic: float) -> None:
        """Count one time less of those that were taken at this moment; none where that is forgotten by now."""
        parts = self._memory.get((self, key))
        present = int(monotonic * PARTS / self.seconds)
        for at, (part, count) in enumerate(parts or ()):
            if part == present and count:
                assert parts is not None
                parts[at] = part, count - 1

    def wait(self, key: Hashable, monotonic: float) -> int:
        """Whole seconds until one more time has room; 0 where it has room now."""
        parts = self._memory.get((self, key))
        if parts is None:
            return 0 if self.most > 0 else ceil(self.seconds)
        present = int(monotonic * PARTS / self.seconds)
        while parts and parts[0][0] < present - PARTS:
            del parts[0]
        surplus = sum(count for _, count in parts) - self.most + 1
        if surplus <= 0:
            return 0
        for part, count in parts:
            surplus -= count
            if surplus <= 0:
                return max(1, ceil((part + PARTS + 1) * self.seconds / PARTS - monotonic))
        return ceil(self.seconds)
