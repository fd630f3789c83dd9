"""The exit that is asked for, as one text: in a user name, after the account's name, or as a token's default.

    user      = base *( "-" pair )            ; base: an account's username, the longest that exists
    text      = pair *( "-" pair )            ; as a token has it
    pair      = "country" "-" ( 2ALPHA / "any" ) / "region" "-" ( place / "any" ) / "city" "-" ( place / "any" )
              / "exit" "-" name / "not" "-" name *( "," name ) / ( "session" / "sid" ) "-" value
              / "ttl" "-" duration / "strict" / "filter" "-" [ "filter-" ] ( place / "none" )
    name      = value                         ; decoded, what an exit can be called
    value     = 1*( ALPHA / DIGIT / "." / "_" / "~" / "%" HEXDIG HEXDIG )
    place     = word *( "-" word )            ; up to the next key that was not given before
    word      = 1*( printable / "%" HEXDIG HEXDIG )    ; any character that can be printed, but no "-" and no bare "%"
    duration  = 1*5DIGIT [ "s" / "m" / "h" / "d" ]

Each key at most once, `sid` and `session` together; letters of keys in either case (as RFC 5234 reads them).  "any" and
"none" ask for nothing.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from meshd.values.slugs import read_slug

KEYS = ("country", "region", "city", "exit", "not", "session", "sid", "ttl", "strict", "filter")

LONGEST = 255
"""Characters of a user name, and of a token's text: no fewer than SOCKS5 has room for (RFC 1929)."""

MOST_CUTS = 8
"""Places, from the beginning, where a user name is cut: an account's name of 30 characters can contain no more keys."""

EXIT_NAME = re.compile(r"[A-Za-z0-9.:_-]{1,64}\Z")
"""Matches a name or an address that an exit can have."""

_CUT = rf"-(?=(?:{'|'.join(KEYS)})(?:-|\Z))"
_SPLIT = re.compile(rf"(?<!\A){_CUT}", re.ASCII | re.IGNORECASE)
_KEYED = re.compile(_CUT, re.ASCII | re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")
_VALUE = re.compile(r"(?:[A-Za-z0-9._~]|%[0-9A-Fa-f]{2})++\Z")
_DURATION = re.compile(r"([0-9]{1,5})([smhdSMHD]?)\Z")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Selection:
    """The exit that a user name, a token's default or a request's fields ask for; an empty value asks for nothing."""

    country: str = ""
    """ISO 3166 alpha-2, upper case."""
    exit: str = ""
    """The pinned exit, by name or address; where it cannot be used another is taken, with a note in the answer."""
    avoid: frozenset[str] = frozenset()
    """Exits not to be used, by name or by address, spelled as `plain` gives it."""
    session: str = ""
    """A sticky key: requests with the same key leave by the same exit as long as that exit can be used."""
    ttl: int = 0
    """Seconds after which the sticky key means another exit; 0 for never."""
    strict: bool = False
    """Whether a request is refused, rather than moved, while the exit of its sticky key cannot be used."""
    prefer: str = ""
    """The preferred exit, by name or address; where it cannot be used another is taken without a note."""
    region: str = ""
    """A part of a country; like `city` and `tier` a slug of meshd.values.slugs."""
    city: str = ""
    tier: str = ""
    """A tag that the exit has."""

    def over(self, lower: Selection) -> Selection:
        """Both selections as one: each field as here, or as in lower where it is empty here; `avoid` is of both.

        A place is not mixed: under a country of here no region of lower counts, and under either no city.
        """
        if lower is NONE or self is NONE:
            return self if lower is NONE else lower
        return Selection(
            country=self.country or lower.country,
            exit=self.exit or ("" if self.prefer else lower.exit),
            avoid=self.avoid | lower.avoid,
            session=self.session or lower.session,
            ttl=self.ttl or lower.ttl,
            strict=self.strict or lower.strict,
            prefer=self.prefer or lower.prefer,
            region=self.region or ("" if self.country else lower.region),
            city=self.city or ("" if self.country or self.region else lower.city),
            tier=self.tier or lower.tier,
        )


NONE = Selection()


class SelectionError(ValueError):
    """A text is no selection; says at which key ("" for none), at which character (from 1), and why."""

    def __init__(self, key: str, position: int, reason: str) -> None:
        super().__init__(f"{key} at character {position}: {reason}" if key else f"character {position}: {reason}")
        self.key = key
        self.position = position
        self.reason = reason


class Split(NamedTuple):
    """One way to read a user name: an account's name, and a selection's text after it."""

    base: str
    rest: str
    """The text of the selection; "" where the whole user name is the account's."""


def candidates(username: str) -> list[Split]:
    """All ways to read a user name, the longest base first: cut before each key that a "-" or the end follows.

    Only the first MOST_CUTS cuts count, as no account's name ends after them.  A user name of more than LONGEST
    characters is not cut.
    """
    splits = [Split(username, "")]
    if len(username) <= LONGEST:
        cuts = [found.start() for found in islice(_SPLIT.finditer(username), MOST_CUTS)]
        splits += [Split(username[:cut], username[cut + 1 :]) for cut in reversed(cuts)]
    return splits


def stem(username: str) -> str:
    """The shortest base of a user name, which does not depend on the selection or on which accounts exist."""
    found = _SPLIT.search(username) if len(username) <= LONGEST else None
    return username[: found.start()] if found else username


def read_selection(text: str, before: int = 0) -> Selection:
    """Read a text; before: characters that stand before it, for positions in errors.  Raises: SelectionError."""
    if len(text) > LONGEST:
        raise SelectionError("", before + LONGEST + 1, f"more than {LONGEST} characters")
    found: dict[str, Any] = {}
    pieces = text.split("-") if text else []
    at, position = 0, before + 1
    while at < len(pieces):
        key = pieces[at]
        name = key.lower()
        if name not in KEYS:
            raise SelectionError(_shown(key), position, f"not one of {', '.join(KEYS)}; write %2D for a - in a value")
        field, read = _READ[name]
        if field in found:
            raise SelectionError(name, position, "given twice")
        found[field] = None
        end = _end(pieces, at, name, found)
        try:
            found[field] = read("-".join(pieces[at + 1 : end]))
        except ValueError as error:
            raise SelectionError(name, position, str(error)) from None
        position += sum(map(len, pieces[at:end])) + end - at
        at = end
    return Selection(**found) if any(found.values()) else NONE


def render(selection: Selection) -> str:
    """The text that reads as this selection, but for `prefer`, which no text has; "" for NONE."""
    pairs = (
        ("country", selection.country.lower()),
        ("region", _unkeyed(selection.region)),
        ("city", _unkeyed(selection.city)),
        ("exit", _encoded(selection.exit)),
        ("not", ",".join(map(_encoded, sorted(selection.avoid)))),
        ("session", _encoded(selection.session)),
        ("ttl", _duration(selection.ttl)),
        ("filter", _unkeyed(selection.tier)),
    )
    strict = ["strict"] if selection.strict else []
    return "-".join([f"{key}-{value}" for key, value in pairs if value] + strict)


def country_code(text: str) -> str:
    """A country code in upper case, `UK`, which many write, as GB."""
    code = text.upper()
    return "GB" if code == "UK" else code


def plain(name: str) -> str:
    """The name or address of an exit, an IPv6 address in its canonical spelling (RFC 5952)."""
    try:
        return str(IPv6Address(name)) if ":" in name else name
    except ValueError:
        return name


def _end(pieces: Sequence[str], at: int, name: str, given: Container[str]) -> int:
    """Where the value of the key at a place ends: names of places run to the next key that was not given before."""
    if name == "strict":
        return at + 1
    end = min(at + 2, len(pieces))
    if name in _PLACES:
        while end < len(pieces) and not ((key := pieces[end].lower()) in KEYS and _READ[key][0] not in given):
            end += 1
    return end


def _country(value: str) -> str:
    if value.lower() == _ANY:
        return ""
    if not _COUNTRY.match(value):
        raise ValueError("needs a country of two letters")
    return country_code(value)


def _value(value: str) -> str:
    if not _VALUE.match(value):
        raise ValueError("needs a value of letters, digits, . _ ~ and %XX for all else")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise ValueError("has %XX that are not UTF-8") from None


def _exit(value: str) -> str:
    name = _value(value)
    if not EXIT_NAME.match(name):
        raise ValueError("no exit can have this name or address")
    return name


def _not(value: str) -> frozenset[str]:
    return frozenset(plain(_exit(name)) for name in value.split(","))


def _place(value: str) -> str:
    name = read_slug(value)
    return "" if name == _ANY else name


def _tier(value: str) -> str:
    tier = read_slug(value).removeprefix("filter-")
    return "" if tier == "none" else tier


def _ttl(value: str) -> int:
    found = _DURATION.match(value)
    if found is None:
        raise ValueError("needs up to five digits, and s, m, h or d behind them if not seconds")
    return int(found[1]) * _SECONDS[found[2].lower()]


def _strict(value: str) -> bool:
    return True


_READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    "country": ("country", _country),
    "region": ("region", _place),
    "city": ("city", _place),
    "exit": ("exit", _exit),
    "not": ("avoid", _not),
    "session": ("session", _value),
    "sid": ("session", _value),
    "ttl": ("ttl", _ttl),
    "strict": ("strict", _strict),
    "filter": ("tier", _tier),
}
"""By key the field of a Selection, and what reads its value."""
_PLACES = frozenset({"region", "city", "filter"})
_ANY = "any"


def _encoded(value: str) -> str:
    return quote(value, safe="").replace("-", "%2D")


def _unkeyed(name: str) -> str:
    """The name of a place, in which no key is."""
    return _KEYED.sub("%2D", name.replace("%", "%25"))


def _duration(seconds: int) -> str:
    """A duration in the largest unit that needs no fraction; "" for 0."""
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}" if seconds else ""


def _shown(key: str) -> str:
    """A key as an error message may repeat it: ASCII, at most 20 characters of the key."""
    return key[:20].encode("ascii", "backslashreplace").decode("ascii") or "nothing"
