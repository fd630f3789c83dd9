"""Numbers and times as pages show them.  Pure."""

from __future__ import annotations

from decimal import Decimal

from meshd.model import GB
from meshd.values import money
from meshd.values.times import iso

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
MINUTE, HOUR, DAY = 60, 3600, 86_400


def size(count: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point: `12.3 GB`."""
    number, unit = float(count), 0
    while number >= 999.5 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    if unit == 0:
        return f"{int(number)} {'byte' if int(number) == 1 else 'bytes'}"
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f} {UNITS[unit]}"


def gigabytes(limit: int) -> str:
    """A limit in bytes as a field takes it: in GB, without needless digits; "" for none."""
    return f"{(Decimal(limit) / GB).normalize():f}" if limit else ""


def amount(minor: int, currency: str) -> str:
    """An amount of money: `9.90 EUR`."""
    return money.shown(minor, currency)


def count(number: int) -> str:
    """A whole number with a thin gap between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def date(seconds: int) -> str:
    """The UTC date of a time, as `2026-11-28`."""
    return iso(seconds)[:10]


def moment(seconds: int) -> str:
    """A time to the minute, UTC, as `2026-11-28 09:30`."""
    return iso(seconds)[:16].replace("T", " ")


def ago(seconds: int, now: int) -> str:
    """How long ago that was, in the largest unit that it fills."""
    past = max(now - seconds, 0)
    return f"{span(past)} ago" if past >= MINUTE else "just now"


def span(seconds: int) -> str:
    """A length of time in the largest unit that it fills: `12 hours`."""
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= unit:
            whole = seconds // unit
            return f"{whole} {name}{'s' if whole > 1 else ''}"
    return "less than a minute"


def share(part: float, whole: float) -> int:
    """Percent of the whole, from 0 to 100."""
    return min(round(100 * part / whole), 100) if whole > 0 else 0


_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Macintosh", "Linux")


def browser(agent: str) -> str:
    """What a `User-Agent` means in two words; the text itself where it is none of the usual ones."""
    name = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((mark for mark in _SYSTEMS if mark in agent), "")
    if not name:
        return agent[:60] or "unknown"
    return f"{name} on {system.replace('Macintosh', 'macOS')}" if system else name
