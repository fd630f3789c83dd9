"""How times stand in Nginx Proxy Manager's API.  Pure."""

from __future__ import annotations

from meshd.values.times import iso


def moment(seconds: int) -> str:
    """A time as `2026-11-28T09:30:00.000Z`, which is a text also where it is the beginning of all times."""
    return f"{iso(seconds)}.000Z"
