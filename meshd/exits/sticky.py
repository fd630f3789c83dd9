"""Sticky keys to exits, without remembering any: a key finds the same exit again, and when an exit leaves, only its own
keys move.

Few exits are ranked for each key (rendezvous hashing); of many, which would take milliseconds, the next on a ring is
taken (consistent hashing, each key with several probes, which evens out the arcs).  Stable over restarts and over all
nodes: names and keys are all that goes in.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from math import log
from struct import Struct
from typing import Protocol

from meshd.exits.outlets import Outlet

FEW = 32
"""Exits up to which all are ranked for each key; with more a ring is faster, which spreads keys less evenly."""

STEPS = 1024
"""Points that a probe passes at most; if none is acceptable, few exits are, and those are sought out and ranked."""

PART = 64
"""A part of this many exits, or more, of a ring is found on the whole ring: a probe passes as many points on average.
The ring of a smaller part is soon made."""

_PLACE = 20
"""Low bits of a point that hold the index of its exit: room for a million exits."""

_MASK = 2**64 - 1
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""The multipliers of SplitMix64."""
_OWNER = 2**_PLACE - 1
_WORDS = Struct("<8Q")
_ONE = Struct("<Q")

Accept = Callable[[Outlet], bool]


class Finder(Protocol):
    """Finds the exit of a sticky key among the exits that `accept` takes; None where it takes none."""

    def find(self, key: str, accept: Accept) -> Outlet | None: ...


def finder(outlets: Sequence[Outlet]) -> Finder:
    return Ranking(outlets) if len(outlets) <= FEW else Ring(outlets)


def is_large_part(size: int, whole: int) -> bool:
    """Whether so many exits of a whole are better found on the ring of the whole than on one of their own."""
    return size > FEW and size * PART >= whole


class Within:
    """Finds exits of a part by the finder of the whole."""

    __slots__ = ("_finder", "_members")

    def __init__(self, finder: Finder, part: Sequence[Outlet]) -> None:
        self._finder = finder
        self._members = frozenset(part)

    def find(self, key: str, accept: Accept) -> Outlet | None:
        members = self._members
        return self._finder.find(key, lambda outlet: outlet in members and accept(outlet))


class Ranking:
    """Weighted rendezvous hashing: each exit has a score for the key, and the highest wins."""

    __slots__ = ("_equal", "_outlets", "_seeds")

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self._outlets = outlets
        self._seeds = [word(outlet.exit.name) for outlet in outlets]
        self._equal = len({outlet.exit.weight for outlet in outlets}) == 1

    def find(self, key: str, accept: Accept) -> Outlet | None:
        scores = self._scores(word(key))
        if not scores:
            return None
        best = self._outlets[scores.index(max(scores))]
        if accept(best):
            return best
        for place in sorted(range(len(scores)), key=scores.__getitem__, reverse=True):
            if accept(self._outlets[place]):
                return self._outlets[place]
        return None

    def _scores(self, own: int) -> Sequence[float]:
        """The score of each exit, for a key that hashes to `own`: the final mix of SplitMix64, divided by weight.

        In one expression, since a call for each exit would take longer than all else that is done for a key.
        """
        scores = [((mixed := (seed ^ own) * _FIRST & _MASK) ^ mixed >> 31) * _SECOND & _MASK for seed in self._seeds]
        if self._equal:
            return scores
        weights = (outlet.exit.weight for outlet in self._outlets)
        # 52 bits: with more the quotient could be rounded to 1, whose logarithm is 0.
        return [-weight / log(((score >> 12) + 0.5) / 2**52) for score, weight in zip(scores, weights, strict=True)]


class Ring:
    """Consistent hashing with eight points for each unit of weight and eight probes for each key."""

    __slots__ = ("_outlets", "_points")

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self._outlets = outlets
        self._points = array("Q")
        # Sorted in parts: one call for all would hold the GIL, and the reactor's thread would wait.
        parts: list[list[int]] = [[] for _ in range(64)]
        for point in _points(outlets):
            parts[point >> 58].append(point)
        for part in parts:
            self._points.extend(sorted(part))

    def find(self, key: str, accept: Accept) -> Outlet | None:
        nearest, found = _MASK + 1, None
        for probe in _words(key):
            outlet, distance = self._next(probe, accept)
            if outlet is None:
                return Ranking([outlet for outlet in self._outlets if accept(outlet)]).find(key, accept)
            if distance < nearest:
                nearest, found = distance, outlet
        return found

    def _next(self, probe: int, accept: Accept) -> tuple[Outlet | None, int]:
        """The first acceptable exit from the probe on, and its distance; None where none is within STEPS points."""
        count = len(self._points)
        begin = bisect_left(self._points, probe)
        for step in range(min(count, STEPS)):
            at = (begin + step) % count
            point = self._points[at]
            outlet = self._outlets[point & _OWNER]
            if accept(outlet):
                return outlet, (point - probe) & _MASK
        return None, 0


def _points(outlets: Sequence[Outlet]) -> Iterator[int]:
    """The points of each exit on the ring; the lowest bits of a point are the exit's index in `outlets`."""
    for place, outlet in enumerate(outlets):
        name = outlet.exit.name
        for number in range(outlet.exit.weight):
            for point in _words(f"{number}\0{name}" if number else name):
                yield point & ~_OWNER | place


def _words(text: str) -> tuple[int, ...]:
    return _WORDS.unpack(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=64).digest())


def word(text: str) -> int:
    """A 64-bit hash of a text."""
    number: int = _ONE.unpack(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())[0]
    return number
