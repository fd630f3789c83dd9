"""How often certificates are ordered for one name, whatever operators do and however many certificates name it.

Public authorities refuse a name for an hour after five challenges that failed, and for a week after five certificates
for the same names; what was asked of them cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshd.store.statements import attempts
from meshd.store.statements import published as stored
from meshd.store.unit import Unit
from meshd.values.times import DAY

HOUR = 3600
BOUNDS = ((HOUR, 4), (DAY, 10))
"""Seconds, and how many orders may be begun within them for one name."""


def begin(names: Sequence[str], now: int) -> Unit[int]:
    """Note an order for these names; 0 where it may be made, else the second from when on, and nothing is noted."""
    yield from stored.lock()
    yield from attempts.forget(now - DAY)
    free_at = 0
    for moments in (yield from attempts.of(names)).values():
        free_at = max(free_at, _free_at(moments, now))
    if not free_at:
        yield from attempts.note(names, now)
    return free_at


def _free_at(moments: Iterable[int], now: int) -> int:
    """When the next one may be begun; 0 for now."""
    newest_first = sorted(moments, reverse=True)
    over = [newest_first[bound - 1] + seconds for seconds, bound in BOUNDS if len(newest_first) >= bound]
    return max((moment for moment in over if moment > now), default=0)
