"""Orders: what a customer wants to buy, at the price of that moment, until it is paid, cancelled, or waits too long.

Nothing is added by an order: that is what settling it does (`settling.py`).
"""

from __future__ import annotations

from typing import NamedTuple, get_args

from meshd.accounts import coupons, cursors, settling, validate
from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.ownership import ActorId, Operator, Subject, acting, below, locked, managed, operating
from meshd.accounts.settling import require_buyer
from meshd.accounts.subscriptions import CALENDAR
from meshd.accounts.topups import Plans
from meshd.model import Account
from meshd.store.statements import accounts, audit
from meshd.store.statements import coupons as uses
from meshd.store.statements import orders as stored
from meshd.store.unit import Unit
from meshd.values import money
from meshd.values.offers import Offer, Seller, Selling, seller
from meshd.values.times import DAY

MOST = 1000
"""Orders of one page at most."""
OPEN = 20
"""Orders of one account that may wait for their payment: nobody fills the store with what is never paid."""
AT_ONCE = 50
"""Orders that one look at the calendar ends: a few milliseconds each."""

KIND = "orders"

Order = stored.Order
Invoice = stored.Invoice
State = stored.State
STATES: tuple[State, ...] = get_args(State)


class Page(NamedTuple):
    """A part of the orders, the newest first."""

    rows: list[Order]
    cursor: str
    """Where the next page begins; "" where they end."""


class Found(NamedTuple):
    """An order, and the invoice of one that was paid."""

    order: Order
    invoice: Invoice | None


def create(
    actor_id: ActorId,
    username: str | None,
    offer: Offer,
    *,
    coupon: str = "",
    plans: Plans,
    selling: Selling,
    now: int,
) -> Unit[Order]:
    """Order something; where a coupon leaves nothing to be paid, it is settled at once.  coupon: a code; "" for none.
    Raises: Invalid (fields `username`, `code`, `offer`), NotYours, Forbidden.
    """
    subject = yield from locked((yield from managed(actor_id, username)))
    require_buyer(subject.account, offer.lapses, plans)
    if (yield from stored.count_open(subject.account.id, OPEN)) >= OPEN:
        raise Invalid({"offer": [f"{OPEN} orders wait for their payment already; pay or cancel one of them."]})
    order = yield from _ordered(subject, offer, coupon, now + selling.days * DAY, now)
    detail = f"order {order.id}, {order.title}, {money.shown(order.amount, order.currency)}"
    yield from audit.record(now, subject.by, "order.create", subject.account.id, detail)
    if order.amount:
        return order
    return (yield from _free(subject, order, plans, seller(selling), now))


def listing(actor_id: ActorId, *, account: str = "", state: str = "", cursor: str = "", limit: int = 100) -> Unit[Page]:
    """Orders of everybody, or of an account that there is, in a state ("": in any), the newest first.
    Raises: Forbidden, NotFound; Invalid (fields `state`, `cursor`, `limit`).
    """
    yield from operating(actor_id, change=False)
    account_id = 0
    if account:
        found = yield from accounts.by_username(account)
        if found is None:
            raise NotFound(f"there is no account named {account!r}")
        account_id = found.id
    return (yield from _page(account_id, state, cursor, limit))


def of_account(
    actor_id: ActorId, username: str | None, *, state: str = "", cursor: str = "", limit: int = 100
) -> Unit[Page]:
    """The account's own orders, the newest first.  Raises: NotYours; Invalid (fields `state`, `cursor`, `limit`)."""
    subject = yield from managed(actor_id, username, change=False)
    return (yield from _page(subject.account.id, state, cursor, limit))


def read(actor_id: ActorId, number: int) -> Unit[Found]:
    """An order of the actor's own, or to operators anybody's.  Raises: NotFound, also for another's."""
    order = yield from stored.find(number)
    actor = yield from acting(actor_id, change=False)
    yield from _require_visible(actor, order, number, change=False)
    assert order is not None
    return Found(order, (yield from stored.invoice(order.id)))


def cancel(actor_id: ActorId, number: int, *, now: int) -> Unit[Order]:
    """Cancel an order that waits for its payment; its coupon can be used again.
    Raises: NotFound, also for another's; Forbidden; Invalid (field `number`) for one that is over.
    """
    actor = yield from acting(actor_id, change=True)
    found = yield from stored.find(number)
    yield from _require_visible(actor, found, number, change=True)
    assert found is not None
    order = yield from settling.held(found)
    if order.state == "cancelled":
        return order
    by = actor.name if isinstance(actor, Operator) else actor.username
    return (yield from _ended(order, "cancelled", now, by))


def expire(*, now: int) -> Unit[int]:
    """End some orders that have waited for too long; how many."""
    found = []
    for number in (yield from stored.overdue(now, AT_ONCE)):
        found.append((yield from stored.lock(number)))  # all of them before the first coupon's row
    waiting = [order for order in found if order is not None and order.state == "open"]
    for order in waiting:
        yield from _ended(order, "expired", now, CALENDAR.name)
    return len(waiting)


def _ordered(subject: Subject, offer: Offer, code: str, until: int, now: int) -> Unit[Order]:
    coupon, off, number = (yield from coupons.reserve(subject, code, offer, now)) if code.strip() else (None, 0, 0)
    order = yield from stored.add(
        account_id=subject.account.id,
        username=subject.account.username,
        offer=offer.name,
        kind=offer.kind,
        title=offer.title,
        bytes=offer.bytes,
        period=offer.period,
        rollover=int(offer.rollover),
        price=offer.price,
        discount=off,
        currency=offer.currency,
        coupon_id=coupon.id if coupon else 0,
        coupon=coupon.code if coupon else "",
        state="open",
        reference="",
        created_at=now,
        expires_at=until,
        ended_at=0,
        ended_by="",
    )
    if coupon is not None:
        yield from uses.note(coupon.id, subject.account.id, number, order.id, now)
    return order


def _free(subject: Subject, order: Order, plans: Plans, by: Seller, now: int) -> Unit[Order]:
    return (yield from settling.carried_out(subject, order, f"coupon {order.coupon}", plans, by, now)).order


def _page(account_id: int, state: str, cursor: str, limit: int) -> Unit[Page]:
    validate.require(
        limit=None if 1 <= limit <= MOST else f"Enter a number from 1 to {MOST}.",
        state=None if not state or state in STATES else f"Choose one of {', '.join(STATES)}.",
    )
    after = cursors.read(KIND, cursor, (int,))
    found = yield from stored.page(account_id=account_id, state=state, after=after, limit=limit)
    return Page(found.orders, cursors.written(KIND, found.after))


def _require_visible(actor: Account | Operator, order: Order | None, number: int, *, change: bool) -> Unit[None]:
    """Refuse another's order like one that does not exist.  Raises: NotFound."""
    if order is not None:
        if isinstance(actor, Operator) or (actor.parent_id is None and actor.id == order.account_id):
            return
        account = yield from accounts.by_id(order.account_id)
        if account is None and actor.role in ("root", "admin", *(() if change else ("viewer",))):
            return
        if account is not None and (yield from below(actor, account, change=change)):
            return
    raise NotFound(f"there is no order {number}")


def _ended(order: Order, state: State, now: int, by: str) -> Unit[Order]:
    """End an order that is not paid, and let its coupon be used again.  Raises: Invalid for one that is over."""
    ended = yield from stored.end(order.id, state, "", now, by)
    if ended is None:
        told = {"settled": "is paid", **settling.ENDED}[order.state]
        raise Invalid({"number": [f"Order {order.id} {told}."]})
    if order.coupon_id:
        yield from uses.give_back(order.coupon_id, order.account_id, order.id)
    yield from audit.record(
        now, by, f"order.{'cancel' if state == 'cancelled' else 'expire'}", order.account_id, f"order {order.id}"
    )
    return ended
