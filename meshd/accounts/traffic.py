"""What the whole installation does, in a few numbers: traffic and outcomes, customers, exits.  For operators.

The numbers are sums that processes write every few seconds; an exchange counts when it has ended.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from meshd.accounts import exits
from meshd.accounts.exchanges import STALE
from meshd.accounts.ownership import ActorId, operating
from meshd.store.statements import counts, opened, tops
from meshd.store.statements.tops import DAYS, EXIT, HOUR, HOURS, OUTCOME, Moved, Sum, Top
from meshd.store.unit import Unit
from meshd.usage.outcomes import KINDS, SERVED
from meshd.values.times import DAY

__all__ = ["COUNTED", "KINDS", "SERVED", "SPANS", "ExitCounts", "Figures", "Moved", "Overview", "Span", "Sum"]

Span = Literal["hour", "day", "month"]
SPANS: tuple[Span, ...] = get_args(Span)

COUNTED = counts.MOST
"""As far as customers are counted: this number means so many or more."""

MOST_EXITS = 1_000
"""Exits in one answer; the store keeps about as many for an hour, and the others as one."""


class Figures(NamedTuple):
    """One span of time."""

    span: Span
    since: int
    """The first second that is counted: the running hour (day) counts, and those before that make up the span."""
    exchanges: int
    up: int
    down: int
    outcomes: dict[str, Sum]
    """By KINDS; every kind is there."""
    active: int
    """Accounts and sub-accounts that were billed something."""
    new: int
    """Accounts that were made, sub-accounts not counted."""


class ExitCounts(NamedTuple):
    """How the exits of the settings are."""

    up: int
    resting: int
    """Those that rest in any process, and are not drained."""
    drained: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The installation at one moment, and in the last hour, day and month."""

    spans: dict[Span, Figures]
    exits: ExitCounts
    open: int
    """Exchanges that all processes have open."""


def overview(actor_id: ActorId, *, known: Collection[str], now: int) -> Unit[Overview]:
    """known: names of the exits in the settings.  Raises: Forbidden."""
    yield from operating(actor_id, change=False)
    spans: dict[Span, Figures] = {}
    for span in SPANS:
        spans[span] = yield from _figures(span, now)
    found = yield from opened.read_totals(now - STALE)
    return Overview(spans, (yield from _exits(set(known), now)), found)


def by_exit(actor_id: ActorId, *, span: Span, limit: int, now: int) -> Unit[list[Sum]]:
    """What left by each exit, by its name in the settings, those with most exchanges first.  Raises: Forbidden.

    A failure is an exchange that ended for its exit's sake; one that another exit then served counts for that one.
    """
    yield from operating(actor_id, change=False)
    top, since = _since(span, now)
    return (yield from tops.traffic(top, EXIT, since, max(1, min(limit, MOST_EXITS))))


def by_exit_in(actor_id: ActorId, *, since: int, until: int, limit: int) -> Unit[list[Sum]]:
    """The same for the days (UTC) that begin in [since, until), of which the store keeps some four hundred.
    Raises: Forbidden.
    """
    yield from operating(actor_id, change=False)
    return (yield from tops.traffic(DAYS, EXIT, since, max(1, min(limit, MOST_EXITS)), until))


def series(actor_id: ActorId, *, span: Span, now: int) -> Unit[list[Moved]]:
    """What was moved in each hour of the last hour or day, or in each day of the last month, none left out.
    Raises: Forbidden.
    """
    yield from operating(actor_id, change=False)
    top, since = _since(span, now)
    found = {each.at: each for each in (yield from tops.series(top, OUTCOME, since))}
    step = DAY if top is DAYS else HOUR
    return [found.get(at, Moved(at, 0, 0, 0, 0)) for at in range(since, now + 1, step)]


def _since(span: Span, now: int) -> tuple[Top, int]:
    """The table that tells of the span, and the first second that is counted."""
    if span == "hour":
        return HOURS, now - now % HOUR - HOUR
    if span == "day":
        return HOURS, now - now % HOUR - 23 * HOUR
    return DAYS, now - now % DAY - 29 * DAY


def _figures(span: Span, now: int) -> Unit[Figures]:
    top, since = _since(span, now)
    told = {each.name: each for each in (yield from tops.traffic(top, OUTCOME, since, len(KINDS)))}
    outcomes = {kind: told.get(kind, Sum(kind, 0, 0, 0, 0)) for kind in KINDS}
    exchanges, up, down = (
        sum(getattr(each, name) for each in outcomes.values()) for name in ("exchanges", "up", "down")
    )
    active, new = (yield from counts.active(since)), (yield from counts.new(since))
    return Figures(span, since, exchanges, up, down, outcomes, active, new)


def _exits(known: set[str], now: int) -> Unit[ExitCounts]:
    health = yield from exits.health(now=now)
    drained = known & health.drained.keys()
    resting = {name for name, rests in health.resting.items() if any(each.until > now for each in rests)}
    resting = (resting & known) - drained
    return ExitCounts(len(known) - len(drained) - len(resting), len(resting), len(drained))
