"""Usage over time and past exchanges, as an account's holder may see them: its own, and its sub-accounts'."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from meshd.accounts.errors import Invalid, NotYours
from meshd.accounts.ownership import ActorId, own
from meshd.model import Identity
from meshd.store.statements import accounts, activity, identities
from meshd.store.statements import series as stored
from meshd.store.unit import Unit
from meshd.values.exchanges import PastExchange

DAY, HOUR = stored.DAY, stored.HOUR
Length = stored.Span

MOST_READ = 50_000
"""Rows that the store reads for one answer, in about 50 ms: of a hundred sub-accounts a year by day, or twenty days by
hour."""

MOST_SPANS = 10_000
"""Rows that one answer may have."""


class Span(NamedTuple):
    """Bytes within one span of time."""

    at: int
    """The first second of the span."""
    username: str | None
    """None for sub-accounts that were deleted, and where accounts are not told apart."""
    token_id: int | None
    """None for bytes that were moved without a token, and where tokens are not told apart."""
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
    """Whether older exchanges follow."""


def series(
    actor_id: ActorId,
    username: str | None,
    *,
    since: int | None,
    until: int | None,
    span: stored.Span,
    by: stored.Grouping,
    now: int,
) -> Unit[Series]:
    """Usage by the spans that begin in [since, until); None means the begin of the billing period, and now.
    Raises: NotYours; Invalid (field `since`) for a range that is empty, or too much for one answer.
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
    names = yield from accounts.usernames(account_id)
    made = partial(_span, names)
    spans = yield from stored.read(account_id, since, until, span=span, by=by, most=MOST_READ, made=made)
    if spans is None or len(spans) > MOST_SPANS:
        raise Invalid({"since": ["This is too much at once: ask for a shorter range, by day, or for one account."]})
    return Series(identity, since, until, spans)


def page(actor_id: ActorId, username: str | None, *, before: tuple[int, str], since: int, limit: int) -> Unit[Page]:
    """The newest exchanges that ended before `before` (time, request id) and not before `since`, in epoch milliseconds.
    Raises: NotYours.
    """
    subject = yield from own(actor_id, username, change=False)
    account = subject.account
    column = "family_id" if account.parent_id is None else "account_id"
    found = yield from activity.page(column, account.id, before, since, limit + 1)
    names = yield from accounts.usernames(account.id)
    return Page([(names.get(row.account_id, ""), row) for row in found[:limit]], len(found) > limit)


def _span(names: dict[int, str], row: stored.UsageSpan) -> Span:
    username = None if row.token_id == stored.DELETED else names.get(row.account_id)
    return Span(row.at, username, max(row.token_id, 0) or None, row.up, row.down, row.exchanges)
