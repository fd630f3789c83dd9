"""What was used, and what was done with it, as an account's holder may see it: its own, and its sub-accounts'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from meshd.accounts.errors import Invalid, NotYours
from meshd.accounts.ownership import ActorId, own
from meshd.model import Identity, PastExchange
from meshd.store.statements import accounts, activity, hours, identities
from meshd.store.statements.hours import Grouping, UsageHours
from meshd.store.unit import Unit

MOST_SPANS = 10_000
"""Rows of one answer: the hours of more than a year, or a month of hours of thirteen sub-accounts."""


class Span(NamedTuple):
    """Bytes within one span of time."""

    at: int
    """Its first second."""
    username: str | None
    """None for sub-accounts that were deleted, and where accounts are not told apart."""
    token_id: int | None
    """None for what was used without one, and where tokens are not told apart."""
    up: int
    down: int
    exchanges: int


@dataclass(frozen=True, slots=True)
class Series:
    """Usage by time."""

    identity: Identity
    """The account that was asked about."""
    since: int
    until: int
    spans: list[Span]


@dataclass(frozen=True, slots=True)
class Page:
    """Exchanges, the newest first, each with its username."""

    rows: list[tuple[str, PastExchange]]
    more: bool
    """Whether older ones follow."""


def series(
    actor_id: ActorId,
    username: str | None,
    *,
    since: int | None,
    until: int | None,
    width: int,
    by: Grouping,
    now: int,
) -> Unit[Series]:
    """Spans of width seconds in [since, until); from the begin of the billing period, and until now, if not said.

    NotYours; Invalid (field `since`) for a range that has no end after its begin, or more rows than one answer may.
    """
    subject = yield from own(actor_id, username, change=False)
    account_id = subject.account.id
    identity = yield from identities.load(account_id, now)
    if identity is None:
        raise NotYours
    since = identity.usage.period_start if since is None else since
    until = now + 1 if until is None else until
    if since >= until:
        raise Invalid({"since": ["This must be before until."]})
    rows = yield from hours.series(account_id, since, until, width=width, by=by, limit=MOST_SPANS + 1)
    if len(rows) > MOST_SPANS:
        raise Invalid({"since": [f"More than {MOST_SPANS} rows: ask for a shorter range, or by day, or by total."]})
    names = yield from accounts.usernames(account_id)
    return Series(identity, since, until, [_span(row, names) for row in rows])


def page(actor_id: ActorId, username: str | None, *, before: tuple[int, str], limit: int) -> Unit[Page]:
    """The newest that ended before (milliseconds since the epoch, request id).  NotYours."""
    subject = yield from own(actor_id, username, change=False)
    account = subject.account
    column = "family_id" if account.parent_id is None else "account_id"
    found = yield from activity.page(column, account.id, before, limit + 1)
    names = yield from accounts.usernames(account.id)
    return Page([(names.get(row.account_id, ""), row) for row in found[:limit]], len(found) > limit)


def _span(row: UsageHours, names: dict[int, str]) -> Span:
    username = None if row.token_id == hours.DELETED else names.get(row.account_id)
    return Span(row.at, username, max(row.token_id, 0) or None, row.up, row.down, row.exchanges)
