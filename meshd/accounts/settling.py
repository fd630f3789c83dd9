"""Settling an order: it was paid, so its bytes are added, once, and its invoice gets the next number.

All of it is one transaction, under the lock of the order's row: of any number of those who settle it, one does.
"""

from __future__ import annotations

from typing import NamedTuple

from meshd.accounts import subscriptions, topups, validate
from meshd.accounts.errors import Invalid, NotFound, NotYours
from meshd.accounts.ownership import ActorId, Subject, below, operating, subject_of
from meshd.accounts.topups import Plans
from meshd.model import Account, monthly_limit
from meshd.store.statements import accounts, audit
from meshd.store.statements import orders as stored
from meshd.store.statements.orders import Invoice, Order
from meshd.store.unit import Unit
from meshd.topology import included_bytes
from meshd.values import money
from meshd.values.offers import Seller

ENDED = {"cancelled": "was cancelled", "expired": "has waited too long for its payment, and is over"}


class Settled(NamedTuple):
    """An order that was paid."""

    order: Order
    invoice: Invoice
    again: bool
    """Whether it was settled before, so that nothing was done now."""


def settle(
    actor_id: ActorId, number: int, *, reference: str = "", plans: Plans, seller: Seller, now: int
) -> Unit[Settled]:
    """Note that an order was paid, and do what it is for; settled before, nothing.  reference: the payment's.
    Raises: Forbidden, NotFound, NotYours; Invalid (field `number` for an order that is over, `reference`).
    """
    validate.require(reference=validate.label(reference))
    actor = yield from operating(actor_id, change=True)
    found = yield from stored.find(number)
    if found is None:
        raise NotFound(f"there is no order {number}")
    order = yield from held(found)
    if order.state == "settled":
        invoice = yield from stored.invoice(order.id)
        assert invoice is not None
        return Settled(order, invoice, True)
    account = yield from accounts.by_id(order.account_id)
    if account is None:
        raise NotFound(f"the account of order {number} was deleted")
    if not (yield from below(actor, account, change=True)):
        raise NotYours("another operator has to settle this order")
    if order.state != "open" or order.expires_at <= now:
        raise Invalid({"number": [f"Order {number} {ENDED.get(order.state, ENDED['expired'])}; make a new one."]})
    subject = subject_of(actor_id, actor, account)
    return (yield from carried_out(subject, order, reference, plans, seller, now))


def held(found: Order) -> Unit[Order]:
    """The order as it is now, locked until the unit ends, its account before: in the order of all who need both."""
    yield from accounts.lock(found.account_id)
    order = yield from stored.lock(found.id)
    assert order is not None  # an order is never deleted
    return order


def carried_out(
    subject: Subject, order: Order, reference: str, plans: Plans, seller: Seller, now: int
) -> Unit[Settled]:
    """Settle an order that is open; it and its account are locked.  Raises: Invalid as require_buyer() does."""
    account = subject.account
    require_buyer(account, order.lapses, plans)
    settled = yield from stored.end(order.id, "settled", reference, now, subject.by)
    assert settled is not None
    invoice = yield from stored.number_invoice(order.id, now, seller.lines, buyer(account), seller.note)
    detail = f"order {order.id}, {money.shown(order.amount, order.currency)}, invoice {invoice.number}"
    yield from audit.record(now, subject.by, "order.settle", account.id, detail)
    if order.kind == "subscription":
        yield from subscriptions.begin(subject, order, plans, now)
    if not order.lapses:
        yield from topups.paid(subject, order.bytes, f"order {order.id}", plans, now)
    return Settled(settled, invoice, False)


def require_buyer(account: Account, lapses: bool, plans: Plans) -> None:
    """Refuse an account that bytes would be nothing to.  Raises: Invalid (field `username`)."""
    monthly = monthly_limit(account, included_bytes(plans))
    if not monthly and not account.total_limit:
        raise Invalid({"username": ["This account has no limit, so there is nothing to buy."]})
    if lapses and account.total_limit:
        told = "This account has a limit over all time, beside which a subscription is nothing; buy traffic instead."
        raise Invalid({"username": [told]})


def buyer(account: Account) -> list[str]:
    """The lines of an invoice that say whose it is."""
    name = f"{account.first_name} {account.last_name}".strip()
    return [line for line in dict.fromkeys((name, account.username, account.email)) if line]
