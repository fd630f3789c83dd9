"""Subscriptions: a month that was paid for, from midnight (UTC) of its first day to that of the account's billing day.

Where unused bytes lapse, a subscription is a monthly limit that holds until its end, beside what the account has of its
own; where they are kept, its bytes are a top-up, and it says only until when they were paid for.  What is paid while
another runs begins when that ends.  Nothing is renewed by itself: the next month is another order.
"""

from __future__ import annotations

from meshd.accounts.ownership import Operator, Subject, locked
from meshd.accounts.topups import Plans
from meshd.accounts.trail import conclude
from meshd.accounts.validate import MAX_LIMIT
from meshd.model import Account, monthly_limit
from meshd.store.statements import accounts, usage
from meshd.store.statements import subscriptions as stored
from meshd.store.statements.orders import Order
from meshd.store.statements.subscriptions import Subscription
from meshd.store.unit import Unit
from meshd.topology import included_bytes
from meshd.values import period
from meshd.values.times import DAY, day_of

CALENDAR = Operator("calendar")
"""Who acts where a day begins, as the audit names it."""

AT_ONCE = 50
"""Accounts that one look at the calendar turns: a few milliseconds each."""

NOTHING = 1
"""The monthly limit, in bytes, of an account that has only what it buys."""


def begin(subject: Subject, order: Order, plans: Plans, now: int) -> Unit[None]:
    """Begin what was paid for, or have it begin when the account's subscription ends; the account is locked."""
    account = subject.account
    latest = yield from stored.last(account.id)
    follows = latest is not None and latest.ends_at > now
    starts_at = latest.ends_at if latest is not None and follows else now - now % DAY
    day = _billing_day(account, starts_at)
    yield from stored.add(
        account_id=account.id,
        order_id=order.id,
        title=order.title,
        bytes=order.bytes,
        lapses=int(order.lapses),
        starts_at=starts_at,
        ends_at=period.following(day, starts_at),
        state="coming",
        own_limit=0,
        set_limit=0,
    )
    yield from _turned(subject, plans, now, fresh=not follows)


def at(account_id: int, now: int) -> Unit[Subscription | None]:
    """The subscription that the account has at that time."""
    return (yield from stored.at(account_id, now))


def due(now: int) -> Unit[list[int]]:
    """Ids of some accounts whose subscription is to begin or to end."""
    return (yield from stored.due(now, AT_ONCE))


def turn(account_id: int, *, plans: Plans, now: int) -> Unit[None]:
    """Begin and end the account's subscriptions whose time has come; whoever does it again changes nothing."""
    account = yield from accounts.by_id(account_id)
    if account is None:
        return
    subject = yield from locked(Subject(CALENDAR, account))
    yield from _turned(subject, plans, now, fresh=False)


def _turned(subject: Subject, plans: Plans, now: int, *, fresh: bool) -> Unit[None]:
    """fresh: whether nothing that was used until now is of what begins."""
    was = account = subject.account
    told = []
    for each in (yield from stored.turning(account.id, now)):
        held = each
        if each.state == "coming":
            account, held = yield from _begun(account, each, plans, fresh=fresh)
            told.append(f"{each.title} of order {each.order_id} begins")
        if each.ends_at <= now:
            account = yield from _over(account, held)
            told.append(f"{each.title} of order {each.order_id} ends")
    if not told:
        return
    yield from usage.judged(account.id, now, included_bytes(plans))
    changed = {name: (getattr(was, name), getattr(account, name)) for name in ("monthly_limit", "billing_day")}
    yield from conclude(subject.by, "account.subscription", account.id, ", ".join(told), now, changed)


def _begun(account: Account, each: Subscription, plans: Plans, *, fresh: bool) -> Unit[tuple[Account, Subscription]]:
    if not each.lapses:
        yield from stored.move(each.id, "running")
        return account, each
    base = monthly_limit(account, included_bytes(plans))
    limit = min((base if base > NOTHING else 0) + each.bytes, MAX_LIMIT)
    day = _billing_day(account, each.starts_at)
    yield from stored.move(each.id, "running", own_limit=account.monthly_limit, set_limit=limit)
    if fresh:
        yield from stored.begin_period(account.id, each.starts_at)
    changed = yield from accounts.edit(account.id, monthly_limit=limit, billing_day=day)
    assert changed is not None
    return changed, each._replace(own_limit=account.monthly_limit, set_limit=limit)


def _over(account: Account, each: Subscription) -> Unit[Account]:
    """Give the account its own limit again, unless the operator has given it another meanwhile."""
    yield from stored.move(each.id, "over", own_limit=each.own_limit, set_limit=each.set_limit)
    if not each.lapses or account.monthly_limit != each.set_limit:
        return account
    changed = yield from accounts.edit(account.id, monthly_limit=each.own_limit)
    assert changed is not None
    return changed


def _billing_day(account: Account, starts_at: int) -> int:
    """The account's billing day, if the period begins on it; else the day on which that begins."""
    known = account.billing_day
    return known if period.start(known, starts_at) == starts_at else day_of(starts_at)
