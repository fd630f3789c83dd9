"""How numbers and times stand in ProxyHat's API.  Pure."""

from __future__ import annotations

import re
from decimal import Decimal

from meshd.values.times import iso

UUID = 64
"""Characters that are read of what should be a uuid."""

UNITS = ("", "K", "M", "G", "T")
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([KMGT]?)(?:I?B)?", re.ASCII | re.IGNORECASE)


def moment(seconds: int) -> str | None:
    """A time as `2026-11-28T09:30:00.000000Z`; None for 0, which stands for never."""
    return f"{iso(seconds)}.000000Z" if seconds else None


def number(text: str) -> int:
    """The number that a segment of a path holds; 0, which nothing has, for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def size(text: str) -> int | None:
    """The bytes of a text such as `5GB`, `1.5 mb` or `1000`, its units powers of 1024; None for what is no size."""
    found = _SIZE.fullmatch(text.strip())
    return int(Decimal(found[1]) * 1024 ** UNITS.index(found[2].upper())) if found else None
