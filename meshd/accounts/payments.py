"""What the operator's payment processor tells of orders: each event counts once, and settles what was paid in full."""

from __future__ import annotations

from typing import Literal, NamedTuple

from meshd.accounts import orders, settling, validate
from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.ownership import Operator
from meshd.accounts.topups import Plans
from meshd.store.statements import orders as stored
from meshd.store.statements.orders import Order
from meshd.store.unit import Unit
from meshd.values import money
from meshd.values.offers import Seller
from meshd.values.times import DAY

PROCESSOR = Operator("payment processor")
"""Who acts, as the audit names it."""

KEPT = 30 * DAY
"""Seconds for which an event's id is known; a message that is older than minutes is refused by its signature."""
SWEPT = 20
"""Old events that a new one sweeps away: more than one, so that they do not pile up."""
LONGEST = 100
"""Characters of an event's id, and of a payment's reference."""

EventType = Literal["order.settled", "order.cancelled"]


class Event(NamedTuple):
    """What the processor tells."""

    id: str
    type: EventType
    order: int
    amount: str = ""
    """What was paid, as a decimal; of a settled order."""
    currency: str = ""
    reference: str = ""


class Heard(NamedTuple):
    order: Order
    replayed: bool
    """Whether the event was told before, so that nothing was done now."""


def hear(event: Event, *, plans: Plans, seller: Seller, now: int) -> Unit[Heard]:
    """Do what an event says of an order; nothing where its id was told before.
    Raises: NotFound; Invalid (fields `id`, `amount`, `number`, `reference`; `username` as an order's buyer).
    """
    validate.require(id=validate.reference(event.id))
    order = yield from stored.find(event.order)
    if order is None:
        raise NotFound(f"there is no order {event.order}")
    yield from stored.forget_events(now - KEPT, SWEPT)
    if not (yield from stored.event(event.id, order.id, now)):
        return Heard(order, True)
    if event.type == "order.cancelled":
        return Heard((yield from orders.cancel(PROCESSOR, order.id, now=now)), False)
    _require_whole(order, event)
    settled = yield from settling.settle(
        PROCESSOR, order.id, reference=event.reference or event.id, plans=plans, seller=seller, now=now
    )
    return Heard(settled.order, False)


def _require_whole(order: Order, event: Event) -> None:
    """Refuse a payment of less or more, or in another currency.  Raises: Invalid (field `amount`)."""
    try:
        paid = money.minor(event.amount, order.currency) if event.currency == order.currency else -1
    except ValueError:
        paid = -1
    if paid != order.amount:
        raise Invalid({"amount": [f"Order {order.id} costs {money.shown(order.amount, order.currency)}."]})
