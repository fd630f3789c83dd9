"""When a certificate is renewed, and when a failed try is made again.  Pure; seconds since the epoch."""

from __future__ import annotations

FIRST, LONGEST = 900, 86400
"""Seconds to the second try, and between two of them at most.  Public authorities take five failed challenges an hour
for a name: with these there are three in the first hour, and seven in the first day.
"""
JITTER = 0.2
"""How far a pause is drawn apart, so that what failed together is not tried together."""


def renewal(not_before: int, expires: int) -> int:
    """When a third of the life is left."""
    return expires - max(expires - not_before, 0) // 3


def next_look(not_before: int, expires: int, now: int, advised: float | None, again: float) -> int:
    """When to look at the certificate again: `now` where it is due for renewal.

    advised: the moment that the authority has given, None where it has none; again: seconds until it wants to be asked
    the next time.  What it says counts, but not beyond the last tenth of the life, as it may be away then.
    """
    if advised is None:
        return max(renewal(not_before, expires), now)
    latest = expires - max(expires - not_before, 0) // 10
    return max(int(min(advised, latest, now + again)), now)


def retry(failures: int, wait: float, drawn: float, now: int) -> int:
    """The next try after so many failures in a row.  wait: what the authority asked for; drawn: from 0 up to 1."""
    pause = min(FIRST * 2 ** min(max(failures - 1, 0), 16), LONGEST)
    return now + int(max(pause * (1 + JITTER * (2 * drawn - 1)), wait))
