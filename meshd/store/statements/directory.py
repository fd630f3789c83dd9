"""All accounts, page by page, each with its usage, found by what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from meshd.model import Account, Standing, monthly_limit
from meshd.store.statements import accounts, scan
from meshd.store.statements.scan import Index, Key
from meshd.store.statements.texts import searchable, username_key
from meshd.store.statements.usage import USED, current, used_of
from meshd.store.unit import Row, Unit

State = Literal["active", "inactive", "expired", "suspended"]
Order = Literal["name", "newest", "oldest"]

LONGEST_PERIOD = 31 * 86_400
"""Seconds after which any billing period is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of accounts; "", 0 and None for nothing."""

    prefix: str = ""
    """How the username begins, whatever the case."""
    email: str = ""
    state: State | Literal[""] = ""
    plan: str = ""
    role: str = ""
    parent_id: int = 0
    near_limit: int = 0
    """Percent of a limit that are used at least."""
    seen_after: int | None = None
    seen_before: int | None = None
    """As well who never was seen."""


class Entry(NamedTuple):
    """An account as a list shows it."""

    account: Account
    parent: str
    """The parent's username; "" for none."""
    standing: Standing
    seen_at: int
    """When the account itself was last billed, to the minute; 0 for never."""


COLUMNS = f"{accounts.columns_of('a')}, p.username, coalesce(p.billing_day, a.billing_day), {used_of('u')}, u.seen_at"
JOINS = """
join accounts as a on a.id = s.id
left join accounts as p on p.id = a.parent_id
left join usage as u on u.account_id = a.id
"""
WIDTH = len(accounts.FIELDS)

BY_NAME = Index("accounts", "id", ("username_key",))
NEWEST = Index("accounts", "id", ("id",), descending=True)
OLDEST = Index("accounts", "id", ("id",))
ORDERS: Mapping[Order, Index] = {"name": BY_NAME, "newest": NEWEST, "oldest": OLDEST}
FULLEST = Index("usage", "account_id", ("fullness", "account_id"), descending=True)
SEEN = Index("usage", "account_id", ("seen_at", "account_id"), descending=True)

STATES = {
    "active": ("a.active = 1 and (a.expires_on = '' or a.expires_on >= :today)", ""),
    "inactive": ("a.active = 0 and a.suspended = 0", "active = 0"),
    "suspended": ("a.active = 0 and a.suspended = 1", "active = 0"),
    "expired": ("a.active = 1 and a.expires_on <> '' and a.expires_on < :today", "expires_on <> ''"),
}
"""Of each state the condition, and the condition of the index that has the accounts of that state."""


class Listing(NamedTuple):
    """One page of accounts."""

    entries: list[Entry]
    after: Key | None
    """The key after which the next page begins; None where there is none."""


def index_of(wanted: Wanted, order: Order) -> Index:
    """The index whose order the list has: of what few accounts are, if that is asked for; else the order wished."""
    if wanted.email or wanted.parent_id:
        return ORDERS[order]
    if wanted.near_limit:
        return FULLEST
    if wanted.prefix:
        return BY_NAME
    if wanted.seen_after is not None:
        return SEEN
    return ORDERS[order]


def page(
    wanted: Wanted, order: Order, *, after: Key | None, limit: int, today: str, at: int, included: Mapping[str, int]
) -> Unit[Listing]:
    """The next accounts, at most `limit`; fewer do not say that none follow.

    at: the second that usage counts at; included: by plan, the monthly limit of accounts that have none of their own.
    """
    index = index_of(wanted, order)
    found = yield from scan.page(
        index,
        COLUMNS,
        JOINS,
        within=_within(wanted, index),
        also=_also(wanted, index),
        params=_params(wanted, today, at),
        after=after,
        limit=limit,
    )
    entries = [_entry(row, at, included) for row in found.rows]
    # A period may be over, or a limit be another one, since the fullness was stored.
    return Listing([each for each in entries if each.standing.fullness >= wanted.near_limit], found.after)


def _within(wanted: Wanted, index: Index) -> list[str]:
    """The conditions that the index answers: one that selects few accounts, and a range of its keys."""
    if index is FULLEST:
        return ["fullness >= :near_limit"]
    if index is SEEN:
        before = ["seen_at < :seen_before"] if wanted.seen_before is not None else []
        return ["seen_at >= :seen_after", *before]
    named = ["username_key >= :prefix", "username_key < :prefix_end"] if wanted.prefix and index is BY_NAME else []
    return [*_chosen(wanted), *named]


def _chosen(wanted: Wanted) -> list[str]:
    """The condition that leaves the fewest accounts, of those that have an index."""
    if wanted.email:
        return ["email = :email", "email <> ''"]
    if wanted.parent_id:
        return ["parent_id = :parent_id"]
    if wanted.state and STATES[wanted.state][1]:
        return [STATES[wanted.state][1]]
    if wanted.role and wanted.role != "customer":
        return ["role = :role", "role <> 'customer'"]
    return ["plan = :plan"] if wanted.plan else []


def _also(wanted: Wanted, index: Index) -> list[str]:
    """All conditions but those that `_within` has met already."""
    met = set(_within(wanted, index))
    conditions = {
        "email = :email": (wanted.email, "a.email = :email"),
        "parent_id = :parent_id": (wanted.parent_id, "a.parent_id = :parent_id"),
        "role = :role": (wanted.role, "a.role = :role"),
        "plan = :plan": (wanted.plan, "a.plan = :plan"),
        "username_key >= :prefix": (wanted.prefix, "a.username_key >= :prefix and a.username_key < :prefix_end"),
        "seen_at >= :seen_after": (wanted.seen_after is not None, "coalesce(u.seen_at, 0) >= :seen_after"),
        "seen_at < :seen_before": (wanted.seen_before is not None, "coalesce(u.seen_at, 0) < :seen_before"),
    }
    also = [text for name, (asked, text) in conditions.items() if asked and name not in met]
    if wanted.state:
        also.append(STATES[wanted.state][0])
    if wanted.near_limit:
        fresh = "(u.period_start > :horizon or (a.total_limit > 0 and u.total_bytes > 0))"
        also += [fresh] if index is FULLEST else [fresh, "u.fullness >= :near_limit"]
    return also


def _params(wanted: Wanted, today: str, at: int) -> dict[str, Any]:
    prefix = username_key(wanted.prefix)
    return {
        "prefix": prefix,
        "prefix_end": prefix + "\x7f",  # behind all that begin so, as no username has a character from there on
        "email": searchable(wanted.email),
        "plan": searchable(wanted.plan),
        "role": wanted.role,
        "parent_id": wanted.parent_id,
        "near_limit": wanted.near_limit,
        "seen_after": max(wanted.seen_after or 0, 1),  # who never was seen has 0
        "seen_before": wanted.seen_before,
        "today": today,
        "horizon": at - LONGEST_PERIOD,
    }


def _entry(row: Row, at: int, included: Mapping[str, int]) -> Entry:
    account = accounts.read(row[:WIDTH])
    parent, billing_day = row[WIDTH : WIDTH + 2]
    usage = current(account.id, billing_day, at, row[WIDTH + 2 : WIDTH + 2 + len(USED)])
    monthly = monthly_limit(account, included)
    standing = Standing(account.id, account.parent_id, monthly, account.total_limit, billing_day, usage)
    return Entry(account, parent or "", standing, row[-1] or 0)
