"""How times stand in PosternProxy's API.  Pure."""

from __future__ import annotations

from meshd.values.times import iso


def moment(seconds: int) -> str:
    """A time as `2026-11-28T09:30:00Z`; "" for 0, which stands for never."""
    return f"{iso(seconds)}Z" if seconds else ""
