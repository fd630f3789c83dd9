"""How near a certificate is to its end.  Pure; seconds since the epoch."""

from __future__ import annotations

from meshd.values.times import DAY

NEAR = 14 * DAY
"""Before the end of a certificate it is near; of one that lives for less than ten weeks, a fifth of its life before.
One that meshd renews was to be renewed by then: a third of its life before.
"""


def stage(not_before: int, expires: int, now: int) -> str:
    """`near`, `close` in the last quarter of that time, `ended`; "" while there is time."""
    near = min(NEAR, max(expires - not_before, 0) // 5)
    if now >= expires:
        return "ended"
    if now >= expires - near // 4:
        return "close"
    return "near" if now >= expires - near else ""
