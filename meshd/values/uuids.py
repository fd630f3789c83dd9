"""UUIDs (RFC 9562): kept as 32 hexadecimal digits, written with hyphens.  Pure."""

from __future__ import annotations

DIGITS = frozenset("0123456789abcdef")


def digits(text: str) -> str:
    """The digits of a uuid, with or without hyphens, in any case; "" for what is none, which nothing has."""
    found = text.replace("-", "").lower()
    return found if len(found) == 32 and DIGITS.issuperset(found) else ""


def written(found: str) -> str:
    """A uuid's digits with hyphens."""
    return "-".join((found[:8], found[8:12], found[12:16], found[16:20], found[20:]))
