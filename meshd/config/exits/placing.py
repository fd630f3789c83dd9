"""Where an exit is by what a database of places says of its address.  Pure.

What an exit's own line says wins.  Of the database counts only what does not contradict it: an exit that is said to be
in France gets no city of Germany.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from meshd.config.kinds import caption
from meshd.topology import Exit
from meshd.values.addresses import Address, parse_ip, unmapped
from meshd.values.slugs import slug

_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")
_AS = re.compile(r"(?:AS)?([0-9]{1,10})\Z", re.ASCII | re.IGNORECASE)
_MOST_AS = 2**32 - 1


class Found(NamedTuple):
    """What databases say of an address; an empty value where they say nothing."""

    country: str = ""
    region: str = ""
    city: str = ""
    zip: str = ""
    isp: str = ""
    asn: int = 0

    def over(self, other: Found) -> Found:
        """Both as one: each value as here, or as in the other where it is empty here.

        A place is not mixed: of another country no narrower place counts.
        """
        if self.country and other.country and self.country != other.country:
            other = Found(isp=other.isp, asn=other.asn)
        return Found._make(mine or theirs for mine, theirs in zip(self, other, strict=True))


NOTHING = Found()

LookUp = Callable[[Address], Found]


def leaving(exit_: Exit) -> Address | None:
    """The address that origins see, as far as the settings tell; None where they do not.

    A proxy that is named by a host name has none: behind a name there is mostly a gateway to many addresses.
    """
    text = exit_.address
    if exit_.prefix is not None:
        text = str(exit_.prefix.network_address)
    elif not text and exit_.upstream is not None:
        text = exit_.upstream.host
    address = parse_ip(text.partition("%")[0]) if text else None
    return None if address is None else unmapped(address)


def placed(exit_: Exit, look_up: LookUp) -> Exit:
    """The exit with what the database knows of its place; the very same where that is nothing."""
    address = leaving(exit_)
    found = look_up(address) if address is not None else NOTHING
    taken = {key: value for key, value in _fitting(exit_, found)._asdict().items() if value and not getattr(exit_, key)}
    return replace(exit_, **taken, found=frozenset(taken)) if taken else exit_


def _fitting(exit_: Exit, found: Found) -> Found:
    """What does not contradict the exit's own line."""
    if exit_.country and exit_.country != found.country:
        return Found(isp=found.isp, asn=found.asn)
    for said, known in ((exit_.region, found.region), (exit_.city, found.city)):
        if said and slug(said) != slug(known):
            return Found(country=found.country, isp=found.isp, asn=found.asn)
    return found


def read_record(record: object) -> Found:
    """What a record says, nested as MaxMind has it or flat as others do; what makes no sense there is nothing."""
    if not isinstance(record, Mapping):
        return NOTHING
    parts = record.get("subdivisions")
    region = _name(parts[0]) if isinstance(parts, list) and parts else ""
    return Found(
        country=_country(record),
        region=region or _text(record.get("region") or record.get("state1")),
        city=_name(record.get("city")),
        zip=_text(_inside(record.get("postal"), "code") or record.get("postcode")),
        isp=_text(record.get("isp") or record.get("autonomous_system_organization") or record.get("as_name")),
        asn=_number(record.get("autonomous_system_number") or record.get("asn")),
    )


def _country(record: Mapping[str, Any]) -> str:
    nested = (_inside(record.get(key), "iso_code") for key in ("country", "registered_country"))
    for code in (*nested, record.get("country_code"), record.get("country")):
        if isinstance(code, str) and _COUNTRY.match(code):
            return code.upper()
    return ""


def _inside(part: object, key: str) -> object:
    return part.get(key) if isinstance(part, Mapping) else None


def _name(part: object) -> str:
    """The English name of a nested place, or a flat name."""
    return _text(_inside(_inside(part, "names"), "en") if isinstance(part, Mapping) else part)


def _text(value: object) -> str:
    try:
        return caption(value) if isinstance(value, str) else ""
    except ValueError:
        return ""


def _number(value: object) -> int:
    read = _AS.match(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    number = int(read[1]) if read else 0
    return number if number <= _MOST_AS else 0
