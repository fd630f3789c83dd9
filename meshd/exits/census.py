"""Places at which there are exits that work, counted now and then, for customers who choose among them.

Fifty thousand exits are sorted by place once, and counted in milliseconds; what was counted a moment ago is all that is
told, so that no number of requests makes a difference.  Pure: callers give the exits and the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from meshd.exits.outlets import Outlet
from meshd.values.countries import NAMES
from meshd.values.slugs import slug

FRESH = 10.0
"""Seconds for which a count is told."""

SPELLINGS = 10_000
"""Names whose slug is remembered while exits are counted: thousands of exits share a few."""

Family = Literal["countries", "regions", "cities", "isps", "zipcodes"]

CONNECTIONS = ("residential", "mobile", "isp", "datacenter")
"""Tags that say how an exit is connected; the first of them that an exit has counts."""
UNTAGGED = "datacenter"
"""What an exit without such a tag is taken for: what an operator has not called a home is none."""


class Place(NamedTuple):
    """Where exits work, or whose network they are in."""

    code: str
    """What programs ask for it by: two capital letters, a slug, or a postal code."""
    name: str
    country: str
    region: str
    """A slug; "" for a place that is in none, or whose family does not tell."""
    city: str
    exits: Mapping[str, int]
    """How many exits work, by how they are connected."""


Counted = Mapping[str, Sequence[Place]]
"""By country its places, in the order of their names."""


_At = tuple[str, str, str, str]
_Found = tuple[_At, str] | None
_Spelled = Callable[[str], str]


class Spot(NamedTuple):
    """A place with its exits, whether or not these work now."""

    place: Place
    outlets: Mapping[str, Sequence[Outlet]]
    """By how they are connected."""


class Census:
    """The places of one proxy's exits.

    outlets: the proxy's exits, the same object as long as they are the same; monotonic: the time in seconds.
    """

    def __init__(self, outlets: Callable[[], Sequence[Outlet]], monotonic: Callable[[], float]) -> None:
        self._outlets = outlets
        self._monotonic = monotonic
        self._seen: Sequence[Outlet] = ()
        self._spots: dict[Family, Sequence[Spot]] = {}
        self._counted: dict[Family, tuple[float, Counted]] = {}

    def count(self, family: Family) -> Counted:
        """All places of a family, as of some seconds ago at most."""
        outlets, now = self._outlets(), self._monotonic()
        if outlets is not self._seen:
            self._seen = outlets
            self._spots, self._counted = {}, {}
        known = self._counted.get(family)
        if known is None or now - known[0] >= FRESH:
            if family not in self._spots:
                self._spots[family] = spots(outlets, family)
            known = self._counted[family] = (now, counted(self._spots[family], now))
        return known[1]


def spots(outlets: Sequence[Outlet], family: Family) -> list[Spot]:
    """All places of a family, by country and by name; exits without a country, or without a name of it, are at none."""
    key = _KEYS[family]
    spelled = lru_cache(SPELLINGS)(slug)
    names: dict[_At, str] = {}
    found: dict[_At, dict[str, list[Outlet]]] = {}
    for outlet in outlets:
        where = key(outlet, spelled) if outlet.exit.country else None
        if where is not None:
            at, name = where
            names.setdefault(at, name)
            found.setdefault(at, {}).setdefault(connection(outlet.exit.tags), []).append(outlet)
    made = [
        Spot(Place(code, names[at := (country, region, city, code)], *at[:3], {}), each)
        for (country, region, city, code), each in found.items()
    ]
    return sorted(made, key=lambda spot: _by_name(spot.place))


def counted(found: Sequence[Spot], monotonic: float) -> Counted:
    """The places at which exits can be used now, with how many."""
    places: dict[str, list[Place]] = {}
    for place, outlets in found:
        exits = {how: sum(each.usable(monotonic) for each in some) for how, some in outlets.items()}
        if any(exits.values()):
            up = {how: count for how, count in exits.items() if count}
            places.setdefault(place.country, []).append(place._replace(exits=up))
    return places


def connection(tags: frozenset[str]) -> str:
    """How an exit with these tags is connected."""
    return next((each for each in CONNECTIONS if each in tags), UNTAGGED) if tags else UNTAGGED


def _by_name(place: Place) -> tuple[str, ...]:
    return place.country, place.name.lower(), place.code, place.region, place.city


def _country(outlet: Outlet, spelled: _Spelled) -> _Found:
    code = outlet.exit.country
    return (code, "", "", code), NAMES.get(code, code)


def _region(outlet: Outlet, spelled: _Spelled) -> _Found:
    exit_ = outlet.exit
    return ((exit_.country, "", "", spelled(exit_.region)), exit_.region) if exit_.region else None


def _city(outlet: Outlet, spelled: _Spelled) -> _Found:
    exit_ = outlet.exit
    return ((exit_.country, spelled(exit_.region), "", spelled(exit_.city)), exit_.city) if exit_.city else None


def _isp(outlet: Outlet, spelled: _Spelled) -> _Found:
    exit_ = outlet.exit
    return ((exit_.country, "", "", spelled(exit_.isp)), exit_.isp) if exit_.isp else None


def _zipcode(outlet: Outlet, spelled: _Spelled) -> _Found:
    exit_ = outlet.exit
    return ((exit_.country, "", spelled(exit_.city), exit_.zip), exit_.zip) if exit_.zip else None


_KEYS: Mapping[Family, Callable[[Outlet, _Spelled], _Found]] = {
    "countries": _country,
    "regions": _region,
    "cities": _city,
    "isps": _isp,
    "zipcodes": _zipcode,
}
