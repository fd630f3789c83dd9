"""What every account has used in its billing period, in the one before, or in a month, page by page, for operators.

An account's usage is its own and its sub-accounts', those that are deleted included, as its limits count it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from meshd.accounts.errors import Invalid
from meshd.accounts.ownership import ActorId, Operator, operating
from meshd.store.statements import periods as stored
from meshd.store.statements.periods import Holder
from meshd.store.unit import Unit
from meshd.topology import Plan, included_bytes
from meshd.values import period

MOST = 1_000
"""Accounts in one page: a period of each is read in a quarter of a second."""

MOST_AT_ONCE = 10_000
"""Accounts that can be skipped: as many are counted along the index, in some milliseconds."""

Which = Literal["running", "last"] | str
"""The running billing period of each account, its last one, or a calendar month (UTC) such as `2026-10`."""


class Used(NamedTuple):
    """What one account has used."""

    account_id: int
    username: str
    parent: str
    """The parent's username; "" for an account without parent."""
    plan: str
    """The plan, which is the parent's for a sub-account."""
    active: bool
    start: int
    end: int
    """The first second after the period."""
    up: int
    down: int
    total: int
    """Bytes both ways; of the running period as the limit counts them."""
    exchanges: int
    limit: int
    """The monthly limit as it is now; 0 for none."""


@dataclass(frozen=True, slots=True)
class UsedPage:
    """Accounts by their ids."""

    rows: list[Used]
    """As many as were asked for, less those that the actor does not see; it may be none though others follow."""
    after: int
    """What to ask with for the next page; 0 where there is none."""


def of_everybody(
    actor_id: ActorId,
    *,
    which: Which = "running",
    after: int = 0,
    limit: int,
    subs: bool = True,
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[UsedPage]:
    """The accounts that come after an id; 0 for the first page.  subs: whether sub-accounts have rows of their own.

    Customers' alone, unless root or the command line asks.  Raises: Forbidden; Invalid (field `month`).
    """
    actor = yield from operating(actor_id, change=False)
    spans = _spans(which, now)
    everybody = isinstance(actor, Operator) or actor.role == "root"
    limit = max(1, min(limit, MOST))
    holders = yield from stored.page(after, limit + 1, now, subs=subs, included=included_bytes(plans))
    following = holders[limit - 1].account_id if len(holders) > limit else 0
    seen = [each for each in holders[:limit] if everybody or each.role == "customer"]
    return UsedPage((yield from _rows(seen, spans, running=which == "running")), following)


def before_the_next(actor_id: ActorId, *, after: int, count: int) -> Unit[int]:
    """What to ask with for the page that begins `count` accounts later; 0 where there are no more accounts than that.
    Raises: Forbidden.
    """
    yield from operating(actor_id, change=False)
    return (yield from stored.before_the_next(after, max(1, min(count, MOST_AT_ONCE))))


Spans = Callable[[Holder], tuple[int, int]]


def _spans(which: Which, now: int) -> Spans:
    """Gives for an account the first second of the span that is asked about, and the first one after it."""
    if which == "running":
        return lambda each: (each.usage.period_start, period.following(each.billing_day, each.usage.period_start))
    if which == "last":
        return lambda each: period.before(each.billing_day, each.usage.period_start)
    month = period.month(which)
    if month is None:
        raise Invalid({"month": ["This must be a month such as 2026-10."]})
    return lambda each: month


def _rows(holders: list[Holder], spans: Spans, *, running: bool) -> Unit[list[Used]]:
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for each in holders:
        alike[spans(each)].append(each.account_id)
    moved: dict[int, tuple[int, int, int]] = {}
    for (since, until), ids in sorted(
        alike.items()
    ):  # at most one for each billing day, but for days that were changed
        moved |= yield from stored.moved(ids, since, until)
    found = []
    for each in holders:
        up, down, exchanges = moved.get(each.account_id, (0, 0, 0))
        total = each.usage.period_bytes if running else up + down
        whose = (each.account_id, each.username, each.parent, each.plan, each.active)
        found.append(Used(*whose, *spans(each), up, down, total, exchanges, each.monthly_limit))
    return found
