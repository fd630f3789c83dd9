"""How numbers and times stand in ProxyHat's API.  Pure."""

from __future__ import annotations

from meshd.values.times import iso


def moment(seconds: int) -> str | None:
    """A time as `2026-11-28T09:30:00.000000Z`; None for 0, which stands for never."""
    return f"{iso(seconds)}.000000Z" if seconds else None


def number(text: str) -> int:
    """The number that a segment of a path holds; 0, which nothing has, for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
