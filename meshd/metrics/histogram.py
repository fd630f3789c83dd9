"""Counts of measured seconds by their size.  Not for what happens to every byte or request: it costs a microsecond."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from meshd.values.samples import Sample

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""


class Histogram:
    """What was observed, as many buckets count it."""

    def __init__(self, name: str, bounds: Sequence[float] = BOUNDS) -> None:
        """bounds: the largest value of each bucket, rising; a last one without bound follows."""
        self._name = name
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self) -> Iterable[Sample]:
        """The buckets, each with all that is smaller, the sum and the number."""
        ends = (*(f"{bound:g}" for bound in self._bounds), "+Inf")
        sums = list(accumulate(self._counts))
        for end, sum_ in zip(ends, sums, strict=True):
            yield f"{self._name}_bucket", (("le", end),), float(sum_)
        yield f"{self._name}_sum", (), self._sum
        yield f"{self._name}_count", (), float(sums[-1])
