"""Which exits are at a place and of a tier, found without looking at all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from meshd.exits.outlets import Outlet
from meshd.topology import Exit
from meshd.values.slugs import slug

SPELLINGS = 10_000
"""Names whose slug is remembered: thousands of exits share a few."""

Found = Mapping[str, Sequence[Outlet]]


class PlaceIndex:
    """The exits of one pool by country, region, city and tag, each in the pool's order."""

    def __init__(self, outlets: Iterable[Outlet]) -> None:
        self._spelled = spelled = lru_cache(SPELLINGS)(slug)
        self._countries: dict[str, list[Outlet]] = {}
        self._regions: dict[str, list[Outlet]] = {}
        self._cities: dict[str, list[Outlet]] = {}
        self._tiers: dict[str, list[Outlet]] = {}
        for outlet in outlets:
            exit_ = outlet.exit
            self._countries.setdefault(exit_.country, []).append(outlet)
            if exit_.region:
                self._regions.setdefault(spelled(exit_.region), []).append(outlet)
            if exit_.city:
                self._cities.setdefault(spelled(exit_.city), []).append(outlet)
            for tier in {spelled(tag) for tag in exit_.tags}:
                self._tiers.setdefault(tier, []).append(outlet)

    @property
    def countries(self) -> Found:
        """By country; those whose country is not known by ""."""
        return self._countries

    def find(self, country: str, region: str, city: str, tier: str) -> list[Outlet]:
        """The exits that are all of this; "" asks for nothing, and one thing is asked for at least.

        The shortest list is gone through: that of a city or a region, unless a tier of a whole country is asked for.
        """
        tables: tuple[tuple[str, Found], ...] = (
            (country, self._countries),
            (region, self._regions),
            (city, self._cities),
            (tier, self._tiers),
        )
        asked = [table.get(name, ()) for name, table in tables if name]
        shortest = min(asked, key=len)
        return [each for each in shortest if self._is(each.exit, country, region, city, tier)]

    def _is(self, exit_: Exit, country: str, region: str, city: str, tier: str) -> bool:
        spelled = self._spelled
        return (
            country in ("", exit_.country)
            and (not region or spelled(exit_.region) == region)
            and (not city or spelled(exit_.city) == city)
            and (not tier or any(spelled(tag) == tier for tag in exit_.tags))
        )
