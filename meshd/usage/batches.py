"""Batches: what a journal has counted between two of its seals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshd.model import UsageEntry
from meshd.usage.layout import WIDTH, unsigned


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """What was counted between two seals."""

    number: int
    at: int
    """The epoch second at which counting into the batch began."""
    entries: tuple[UsageEntry, ...]
    slots: tuple[int, ...]
    """The slot of each entry, in the order of the entries."""


def batch_of(number: int, at: int, who: list[int], before: list[int], after: list[int]) -> SealedBatch:
    """The batch of a journal with these words for its slots: who counts in each, and its counts at the two seals."""
    pairs = zip(_by_slot(before), _by_slot(after), strict=True)
    slots = tuple(slot for slot, (old, new) in enumerate(pairs) if old != new)
    return SealedBatch(number, at, tuple(_entry(slot * WIDTH, who, before, after) for slot in slots), slots)


def _by_slot(words: list[int]) -> Iterator[tuple[int, ...]]:
    each = iter(words)
    return zip(*[each] * WIDTH, strict=True)


def _entry(at: int, who: list[int], before: list[int], after: list[int]) -> UsageEntry:
    up, down, exchanges = after[at] - before[at], after[at + 1] - before[at + 1], after[at + 2] - before[at + 2]
    return UsageEntry(who[at], unsigned(who[at + 1]), who[at + 2], max(0, up), max(0, down), max(0, exchanges))
