"""How long the place of a worker that has died stays empty: a moment, and longer where its successors die too; and how
long a worker is there whose daemon has died.
"""

from __future__ import annotations

FIRST, LONGEST = 0.1, 30.0
"""Seconds until the first new process, and at most."""

SOUND = 60.0
"""Seconds after which a worker's death has nothing to do with the one before it."""

FREE = 10
"""Deaths in a row that are not held against a place: the kernel may be short of memory for a moment."""

ORPHANED = 10
"""Seconds after the daemon's death in which a worker brings its counts home; what it cannot is found in its journal."""


def row(before: int, lived: float) -> int:
    """How many processes in a row have died early, with one that has lived so many seconds.  before: without it."""
    return 1 if lived >= SOUND else before + 1


def pause(deaths: int) -> float:
    """Seconds until the next process after so many deaths in a row."""
    return min(FIRST * float(2 ** min(max(0, deaths - FREE), 16)), LONGEST)
