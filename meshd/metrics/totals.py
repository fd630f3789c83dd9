"""The numbers of several processes as one: a process that ends takes nothing back that it has counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from meshd.metrics.catalogue import OF, labels_of
from meshd.values.samples import Labels, Sample

MOST = 10_000
"""Samples of one process; it has some two thousand at most."""
LENGTH = 200
"""Characters of a label's value."""

_ADD: Mapping[str, Callable[[float, float], float]] = {"sum": float.__add__, "max": max, "min": min}

Values = dict[tuple[str, Labels], float]


class Totals:
    """What other processes have told, and what those that have ended had counted when they last told."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._told: dict[int, Values] = {}
        self._heard: dict[int, float] = {}
        self._ended: Values = {}

    def tell(self, process: int, rows: object) -> None:
        """Take the newest numbers of a process, as `rows_of` wrote them; what makes no sense is left out."""
        self._told[process] = values(understood(rows))
        self._heard[process] = self._seconds()

    def ended(self, process: int) -> None:
        """Keep what a process had counted; what it was is no more."""
        gone = self._told.pop(process, {})
        self._heard.pop(process, None)
        add(self._ended, {key: value for key, value in gone.items() if OF[key[0]].counts})

    def together(self, own: Iterable[Sample]) -> Iterator[Sample]:
        """With the numbers of this process."""
        sums = dict(self._ended)
        for each in (values(own), *self._told.values()):
            add(sums, each)
        for process, at in self._heard.items():
            sums["worker_silent_seconds", (("worker", str(process)),)] = self._seconds() - at
        return ((name, labels, value) for (name, labels), value in sums.items())


def values(samples: Iterable[Sample]) -> Values:
    return {(name, labels): value for name, labels, value in samples if name in OF}


def add(sums: Values, more: Values) -> None:
    for key, value in more.items():
        before = sums.get(key)
        sums[key] = value if before is None else _ADD[OF[key[0]].together](before, value)


def rows_of(samples: Iterable[Sample]) -> list[list[Any]]:
    """Samples as JSON has them: a name, the labels' values in their order, a number."""
    return [[name, [each for _, each in labels], value] for name, labels, value in samples if name in OF]


def understood(rows: object) -> Iterator[Sample]:
    """The samples in what a process has told, which may be anything that JSON can be."""
    for row in rows[:MOST] if isinstance(rows, list) else ():
        match row:
            case [str(name), list(told), int() | float() as value] if name in OF and math.isfinite(value):
                labels = labels_of(name)
                if len(told) == len(labels) and all(isinstance(each, str) and len(each) <= LENGTH for each in told):
                    yield name, tuple(zip(labels, told, strict=True)), float(value)
