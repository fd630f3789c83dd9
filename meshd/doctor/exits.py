"""Judges exits: whether they can be reached, rest, stand there twice, and whether each proxy has one that works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from meshd.doctor.findings import Finding

SHOWN = 5
"""Exits of one kind of fault that are named; the others are counted."""


class Way(NamedTuple):
    """An exit, by what can be told without its secrets."""

    name: str
    place: str
    """Where it leads, user name included, equal for two that are one: "" where the kernel chooses."""
    problem: str = ""
    """Why it could not be reached from here; "" where it could, or was not tried."""


class Exits(NamedTuple):
    ways: Sequence[Way]
    proxies: Mapping[str, Collection[str]]
    """The names of the exits of each proxy."""
    resting: Collection[str]
    drained: Collection[str]
    untried: int = 0
    """How many exits were not connected to, as there are so many."""


def judge(exits: Exits) -> Iterator[Finding]:
    lost = {way.name for way in exits.ways if way.problem}
    for way in [way for way in exits.ways if way.problem][:SHOWN]:
        yield Finding("exits", f"exit {way.name}: {way.problem}", "see to it, or take it out of the settings")
    if len(lost) > SHOWN:
        yield Finding("exits", f"{len(lost) - SHOWN} more exits cannot be reached", "`meshd exit test NAME` tries one")
    if exits.resting:
        names = _some(sorted(exits.resting))
        yield Finding(
            "exits", f"after failures rest: {names}", "`meshd exit list` says until when, the log why", wrong=False
        )
    yield from _doubles(exits.ways)
    for proxy, served in exits.proxies.items():
        yield from _proxy(proxy, set(served), exits, lost)
    if exits.untried:
        what = f"{exits.untried} exits were not connected to, as there are so many"
        yield Finding("exits", what, "`meshd exit test NAME` tries one", wrong=False)


def _doubles(ways: Sequence[Way]) -> Iterator[Finding]:
    places: dict[str, list[str]] = defaultdict(list)
    for way in ways:
        places[way.place].append(way.name)
    doubled = [names for place, names in places.items() if place and len(names) > 1]
    for names in doubled[:SHOWN]:
        what = f"{_some(names)} are one and the same: it is chosen more often, and its failures count for each"
        yield Finding("exits", what, "keep one of them, with a `weight`", wrong=False)
    if len(doubled) > SHOWN:
        yield Finding("exits", f"{len(doubled) - SHOWN} more exits stand there twice", "keep one of each", wrong=False)


def _proxy(proxy: str, names: set[str], exits: Exits, lost: set[str]) -> Iterator[Finding]:
    if not names:
        yield Finding("exits", f"proxy {proxy} has no exit: nobody is served by it", "mend `exits` of the proxy")
    elif names <= set(exits.drained):
        yield Finding("exits", f"all exits of proxy {proxy} are drained", "`meshd exit undrain NAME`")
    elif names <= {*exits.drained, *exits.resting, *lost}:
        yield Finding("exits", f"no exit of proxy {proxy} works now", "see to its exits")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
