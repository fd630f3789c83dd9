"""Batches: what a journal has counted between two of its seals."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from operator import sub

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
    """The batch of a journal with these words for its slots: who counts in each, and its counts at the two seals.

    Thousands of slots are gone through while all else waits, so that is left to functions that loop in C.
    """
    grown = [list(map(sub, after[k::WIDTH], before[k::WIDTH])) for k in range(WIDTH)]
    counted = [any(each) for each in zip(*grown, strict=True)]
    slots = tuple(compress(range(len(counted)), counted))
    account, parent, token, up, down, exchanges = (
        list(compress(words, counted)) for words in (*(who[k::WIDTH] for k in range(WIDTH)), *grown)
    )
    sums = (each if min(each, default=0) >= 0 else [max(0, n) for n in each] for each in (up, down, exchanges))
    return SealedBatch(number, at, tuple(map(UsageEntry, account, map(unsigned, parent), token, *sums)), slots)
