"""What came of a try, and when the next one is.  Pure; seconds."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

TRIES = 14
"""Tries of one notice.  With the pauses below they take about three days, by the end of which it is given up anyhow."""
FIRST, FACTOR, LONGEST = 5.0, 3.0, 6 * 3600.0
"""The first pause, by how much each further one is longer, and the longest."""
JITTER = 0.2
"""How far a pause is drawn apart, so that what failed together is not tried together."""
WAIT = 3600.0
"""The most that a receiver's Retry-After can put off: it may be wrong, and later notices wait behind this one."""

TARGET_LONGEST = 60.0
"""The longest pause of a target as a whole after tries none of which it took, so that a dead one is not asked about
every account in turn.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try."""

    verdict: Literal["taken", "again", "over", "gone"]
    """It is there; try again; it will never be taken; its target wants nothing any more."""
    why: str
    """In a line for the operator, without anything secret."""
    wait: float = 0.0
    """What the receiver asked for, at most WAIT."""


def answered(status: int, retry_after: str | None, now: float) -> Outcome:
    """What a webhook's answer means: any 2xx takes it (Standard Webhooks), 410 ends it, redirects are not followed."""
    if 200 <= status < 300:
        return Outcome("taken", f"it answered {status}")
    if status == 410:
        return Outcome("gone", "it answered 410: it wants nothing any more")
    told = " (a redirect, which is not followed)" if 300 <= status < 400 else ""
    return Outcome("again", f"it answered {status}{told}", waiting(retry_after, now))


def waiting(retry_after: str | None, now: float) -> float:
    """The seconds that a Retry-After field asks for (RFC 9110 section 10.2.3), from 0 to WAIT; 0 for nonsense."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), WAIT)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), WAIT)
    except (ValueError, OverflowError, IndexError, TypeError):
        return 0.0


def pause(tries: int, drawn: float) -> float:
    """Before the next try, after so many in vain.  drawn: from 0 up to 1."""
    return min(FIRST * FACTOR ** min(max(tries - 1, 0), 16), LONGEST) * (1 + JITTER * (2 * drawn - 1))


def pause_of_target(failures: int, drawn: float) -> float:
    """Before a target is tried again, after so many rounds in a row in which it took nothing."""
    return min(2.0 ** min(max(failures - 1, 0), 16), TARGET_LONGEST) * (1 + JITTER * (2 * drawn - 1))


def next_try(outcome: Outcome, tries: int, queued_at: int, now: float, drawn: float, age: float) -> int | None:
    """The second of the next try; None where there is none.  tries: with this one; age: how long it may wait at all."""
    if outcome.verdict != "again" or tries >= TRIES:
        return None
    due = now + max(pause(tries, drawn), outcome.wait)
    return int(due) if due < queued_at + age else None
