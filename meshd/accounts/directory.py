"""The operators' list of all accounts: searched, filtered, and read page by page, however many there are.

Each filter is answered by an index.  A filter that leaves few accounts decides the order of the list: `near_limit` by
how full they are, `seen_after` by when they were seen, `prefix` by name.  Where several filters meet, a page may have
fewer rows than were asked for, or none, and another may follow all the same: only an empty cursor ends the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meshd.accounts import cursors, validate
from meshd.accounts.errors import Invalid
from meshd.accounts.ownership import ActorId, operating
from meshd.model import Account, Role, Usage
from meshd.store.statements import accounts
from meshd.store.statements import directory as stored
from meshd.store.statements.directory import Order, State
from meshd.store.statements.scan import Index
from meshd.store.unit import Unit
from meshd.topology import Plan, included_bytes
from meshd.values import period
from meshd.values.times import today

__all__ = ["Filters", "Order", "Page", "Row", "State", "listing", "state_of"]

MOST = 1000
"""Rows of one page at most."""

KINDS: Mapping[Index, tuple[str, tuple[type, ...]]] = {
    stored.BY_NAME: ("name", (str,)),
    stored.NEWEST: ("newest", (int,)),
    stored.OLDEST: ("oldest", (int,)),
    stored.FULLEST: ("fullest", (int, int)),
    stored.SEEN: ("seen", (int, int)),
}
"""What the cursors of each order are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is asked of the accounts, all of it at once; "", 0 and None for nothing."""

    prefix: str = ""
    """How the username begins, whatever the case."""
    email: str = ""
    """The e-mail address, exactly."""
    state: State | None = None
    """`active`, `inactive` (deactivated), `expired`, or `suspended` (a sub-account that the operator deactivated)."""
    plan: str = ""
    role: Role | None = None
    parent: str = ""
    """The username of the account whose sub-accounts are wanted."""
    near_limit: int = 0
    """Percent, 1 to 100, of a monthly or total limit that are used at least; prepaid bytes are a part of the limit."""
    seen_after: int | None = None
    """The second at which the account itself was last billed, or a later one: to the minute."""
    seen_before: int | None = None
    """The account was last billed before that second, or never."""


class Row(NamedTuple):
    """An account as operators see it in a list."""

    account: Account
    parent: str
    """The parent's username; "" for none."""
    usage: Usage
    monthly_limit: int
    """The limit that holds: the account's own, or else what its plan includes; 0 for none."""
    total_limit: int
    period_end: int
    """The first second of the next billing period."""
    seen_at: int
    """When the account itself was last billed, to the minute; 0 for never."""
    state: State


class Page(NamedTuple):
    """A part of the list."""

    rows: list[Row]
    cursor: str
    """Where the next page begins; "" where the list ends."""


def listing(
    actor_id: ActorId,
    filters: Filters,
    *,
    plans: Mapping[str, Plan],
    now: int,
    order: Order = "name",
    cursor: str = "",
    limit: int = 100,
) -> Unit[Page]:
    """The next accounts, at most `limit`, in the order of names, or of age, where no filter decides it.
    Raises: Forbidden; Invalid (fields `cursor`, `limit`, `near_limit`, `parent`).
    """
    yield from operating(actor_id, change=False)
    validate.require(
        limit=None if 1 <= limit <= MOST else f"Enter a number from 1 to {MOST}.",
        near_limit=None if 0 <= filters.near_limit <= 100 else "Enter percent, 1 to 100.",
    )
    wanted = yield from _wanted(filters)
    index = stored.index_of(wanted, order)
    kind, types = KINDS[index]
    after = cursors.read(kind, cursor, types)
    day = today(now)
    found = yield from stored.page(
        wanted, order, after=after, limit=limit, today=day, at=now, included=included_bytes(plans)
    )
    return Page([_row(entry, day) for entry in found.entries], cursors.written(kind, found.after))


def state_of(account: Account, day: str) -> State:
    """The state of the account by itself, on that ISO date; that of a sub-account's parent is not looked at."""
    if account.suspended and not account.active:
        return "suspended"
    if not account.active:
        return "inactive"
    return "expired" if account.expires_on and account.expires_on < day else "active"


def _wanted(filters: Filters) -> Unit[stored.Wanted]:
    parent = (yield from accounts.by_username(filters.parent)) if filters.parent else None
    if filters.parent and parent is None:
        raise Invalid({"parent": ["There is no account of this name."]})
    return stored.Wanted(
        prefix=filters.prefix,
        email=filters.email,
        state=filters.state or "",
        plan=filters.plan,
        role=filters.role or "",
        parent_id=parent.id if parent is not None else 0,
        near_limit=filters.near_limit,
        seen_after=filters.seen_after,
        seen_before=filters.seen_before,
    )


def _row(entry: stored.Entry, day: str) -> Row:
    account, standing = entry.account, entry.standing
    return Row(
        account,
        entry.parent,
        standing.usage,
        standing.monthly_limit,
        standing.total_limit,
        period.following(standing.billing_day, standing.usage.period_start),
        entry.seen_at,
        state_of(account, day),
    )
