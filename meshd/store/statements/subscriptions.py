"""Subscriptions: what was paid for by the month."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from meshd.store.statements import usage
from meshd.store.unit import Statement, Unit

SubscriptionState = Literal["coming", "running", "over"]


class Subscription(NamedTuple):
    """One paid month."""

    id: int
    account_id: int
    order_id: int
    title: str
    bytes: int
    lapses: int
    """1 where it is a monthly limit until its end; 0 where its bytes were added to the account, and stay."""
    starts_at: int
    ends_at: int
    state: SubscriptionState
    own_limit: int
    """The account's own monthly limit before it began."""
    set_limit: int
    """The monthly limit that it set."""


COLUMNS = ", ".join(Subscription._fields)
FIELDS = Subscription._fields[1:]


def add(**values: Any) -> Unit[Subscription]:
    """Insert a subscription: all columns but its id."""
    rows = yield Statement(
        f"insert into subscriptions ({', '.join(FIELDS)}) values ({', '.join(f':{name}' for name in FIELDS)})"
        f" returning {COLUMNS}",
        {name: values[name] for name in FIELDS},
    )
    return Subscription(*rows[0])


def last(account_id: int) -> Unit[Subscription | None]:
    """The account's subscription that ends last."""
    rows = yield Statement(
        f"select {COLUMNS} from subscriptions where account_id = :account_id order by ends_at desc limit 1",
        {"account_id": account_id},
    )
    return Subscription(*rows[0]) if rows else None


def at(account_id: int, now: int) -> Unit[Subscription | None]:
    """The account's subscription that holds at that time."""
    rows = yield Statement(
        f"select {COLUMNS} from subscriptions where account_id = :account_id and ends_at > :now and starts_at <= :now"
        " order by ends_at limit 1",
        {"account_id": account_id, "now": now},
    )
    return Subscription(*rows[0]) if rows else None


def due(now: int, limit: int) -> Unit[list[int]]:
    """Ids of accounts with a subscription that is to begin or to end by now, at most `limit`."""
    ended = yield Statement(
        "select account_id from subscriptions where state = 'running' and ends_at <= :now"
        " order by ends_at, id limit :limit",
        {"now": now, "limit": limit},
    )
    begun = yield Statement(
        "select account_id from subscriptions where state = 'coming' and starts_at <= :now"
        " order by starts_at, id limit :limit",
        {"now": now, "limit": limit},
    )
    return [int(row[0]) for row in dict.fromkeys([*ended, *begun])][:limit]


def turning(account_id: int, now: int) -> Unit[list[Subscription]]:
    """The account's subscriptions that are not over, and begin by now, in their order."""
    rows = yield Statement(
        f"select {COLUMNS} from subscriptions where account_id = :account_id and state <> 'over' and starts_at <= :now"
        " order by ends_at",
        {"account_id": account_id, "now": now},
    )
    return [Subscription(*row) for row in rows]


def move(subscription_id: int, state: SubscriptionState, *, own_limit: int = 0, set_limit: int = 0) -> Unit[None]:
    """Let a subscription be in that state, with these limits."""
    yield Statement(
        "update subscriptions set state = :state, own_limit = :own_limit, set_limit = :set_limit where id = :id",
        {"id": subscription_id, "state": state, "own_limit": own_limit, "set_limit": set_limit},
    )


def begin_period(account_id: int, start: int) -> Unit[None]:
    """Let the account's billing period begin anew at that time: nothing is used of it yet."""
    yield from usage.hold(account_id)
    yield Statement(
        "update usage set period_bytes = 0, period_start = :start where account_id = :account_id",
        {"account_id": account_id, "start": start},
    )
