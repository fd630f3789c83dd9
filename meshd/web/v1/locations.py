"""`/v1/locations`: where there are exits of the gateway that work."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice

from meshd.exits.census import CONNECTIONS, Counted, Family, Place
from meshd.selection import country_code
from meshd.values.slugs import slug
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers

COMMON = ("limit", "offset", "name", "connection_type")
COUNTRY, REGION, CITY = "country__code", "region__code", "city__code"
FILTERS: dict[Family, tuple[str, ...]] = {
    "countries": (),
    "regions": (COUNTRY,),
    "cities": (COUNTRY, REGION),
    "isps": (COUNTRY,),
    "zipcodes": (COUNTRY, CITY),
}
"""By family what its places are chosen by, beside COMMON."""

MOST = 1000
"""Places of one answer; the others follow from an offset on."""
FARTHEST = 1_000_000
LONGEST = 255
"""Characters of a name."""

PLENTY, SOME = 100, 10
"""Exits from which on the availability of a place is high, and medium."""


class LocationRoutes(Routes):
    def mount(self, room: Room) -> None:
        for family, filters in FILTERS.items():
            path, fields = f"/v1/locations/{family}", (*COMMON, *filters)
            room.route("GET", path, Who.ANY, partial(self.listing, family), fields)

    async def listing(self, family: Family, caller: Caller, form: Form) -> Reply:
        """A page of the places of a family: by country, then by name."""
        with form.reading() as field:
            limit = field.whole_number("limit", least=1, most=MOST, default=MOST)
            offset = field.whole_number("offset", least=0, most=FARTHEST, default=0)
            name, how = field.text("name", LONGEST), field.text("connection_type", LONGEST).lower()
            country, region, city = (field.text(each, LONGEST) for each in (COUNTRY, REGION, CITY))
        places = _within(self._services.places(family), country_code(country))
        found = (
            each
            for each in places
            if (not how or how in each.exits)
            and name.lower() in each.name.lower()
            and (REGION not in FILTERS[family] or slug(region) in ("", each.region))
            and (CITY not in FILTERS[family] or slug(city) in ("", each.city))
        )
        return answers.payload([described(family, each, how) for each in islice(found, offset, offset + limit)])


def described(family: Family, place: Place, how: str = "") -> dict[str, object]:
    """A place.  how: the way of connection whose exits count; "" for all."""
    count = place.exits[how] if how else sum(place.exits.values())
    told: dict[str, object] = {
        "code": place.code,
        "name": place.name,
        "availability": "high" if count >= PLENTY else "medium" if count >= SOME else "low",
        "connection_type": how or max(CONNECTIONS, key=lambda each: place.exits.get(each, 0)),
    }
    if family != "countries":
        told["country_code"] = place.country
    if family == "cities":
        told["region_code"] = place.region or None
    if family == "zipcodes":
        told["city_code"] = place.city or None
    return told


def _within(counted: Counted, country: str) -> Iterator[Place]:
    """The places of a country; "" for all."""
    return iter(counted.get(country, ())) if country else chain.from_iterable(counted.values())
