"""Orders, and the invoices of those that were settled."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from meshd.store.statements import scan
from meshd.store.statements.scan import Index, Key
from meshd.store.statements.texts import storable
from meshd.store.unit import Statement, Unit

State = Literal["open", "settled", "cancelled", "expired"]


class Order(NamedTuple):
    """What somebody buys, as it was offered when it was ordered; amounts in the currency's minor unit."""

    id: int
    account_id: int
    username: str
    """The account's when it was ordered."""
    offer: str
    kind: str
    title: str
    bytes: int
    period: str
    rollover: int
    price: int
    discount: int
    currency: str
    coupon_id: int
    coupon: str
    """The coupon's code; "" for none."""
    state: State
    reference: str
    """The payment's; "" for none."""
    created_at: int
    expires_at: int
    ended_at: int
    ended_by: str
    """Who settled or cancelled it, as the audit names people."""

    @property
    def amount(self) -> int:
        """What is to be paid."""
        return self.price - self.discount

    @property
    def lapses(self) -> bool:
        """Whether what is not used by the end of the period is lost."""
        return self.kind == "subscription" and not self.rollover


COLUMNS = ", ".join(Order._fields)
FIELDS = Order._fields[1:]


def add(**values: Any) -> Unit[Order]:
    """Insert an order: all columns but its id."""
    rows = yield Statement(
        f"insert into orders ({', '.join(FIELDS)}) values ({', '.join(f':{name}' for name in FIELDS)})"
        f" returning {COLUMNS}",
        {name: values[name] for name in FIELDS},
    )
    return Order(*rows[0])


def find(order_id: int) -> Unit[Order | None]:
    if not storable(order_id):
        return None
    rows = yield Statement(f"select {COLUMNS} from orders where id = :id", {"id": order_id})
    return Order(*rows[0]) if rows else None


def lock(order_id: int) -> Unit[Order | None]:
    """The order, which nobody else changes before this unit ends."""
    if not storable(order_id):
        return None
    rows = yield Statement(f"update orders set state = state where id = :id returning {COLUMNS}", {"id": order_id})
    return Order(*rows[0]) if rows else None


def end(order_id: int, state: State, reference: str, now: int, by: str) -> Unit[Order | None]:
    """Let an open order end so; None where it is not open any more."""
    rows = yield Statement(
        "update orders set state = :state, reference = :reference, ended_at = :at, ended_by = :by"
        f" where id = :id and state = 'open' returning {COLUMNS}",
        {"id": order_id, "state": state, "reference": reference, "at": now, "by": by},
    )
    return Order(*rows[0]) if rows else None


def count_open(account_id: int, most: int) -> Unit[int]:
    """How many orders of the account wait for their payment, as far as `most`."""
    rows = yield Statement(
        "select count(*) from (select id from orders where account_id = :account_id and state = 'open' limit :most)"
        " as waiting",
        {"account_id": account_id, "most": most},
    )
    return int(rows[0][0])


def overdue(now: int, limit: int) -> Unit[list[int]]:
    """Ids of open orders that have waited for too long, at most `limit`."""
    rows = yield Statement(
        "select id from orders where state = 'open' and expires_at <= :now order by expires_at, id limit :limit",
        {"now": now, "limit": limit},
    )
    return [int(row[0]) for row in rows]


class Page(NamedTuple):
    """One page of orders, the newest first."""

    orders: list[Order]
    after: Key | None


NEWEST = Index("orders", "id", ("id",), descending=True)


def page(*, account_id: int = 0, state: str = "", after: Key | None, limit: int) -> Unit[Page]:
    """The next orders, at most `limit`, of an account (0: of all) in a state ("": in any)."""
    within = [*(["account_id = :account_id"] if account_id else []), *(["state = :state"] if state else [])]
    found = yield from scan.page(
        NEWEST,
        ", ".join(f"o.{name}" for name in Order._fields),
        "join orders as o on o.id = s.id",
        within=within,
        also=(),
        params={"account_id": account_id, "state": state},
        after=after,
        limit=limit,
    )
    return Page([Order(*row) for row in found.rows], found.after)


class Invoice(NamedTuple):
    """An invoice's number, and the parties as they were when it was made."""

    number: int
    order_id: int
    at: int
    seller: tuple[str, ...]
    buyer: tuple[str, ...]
    note: str


def number_invoice(order_id: int, at: int, seller: Iterable[str], buyer: Iterable[str], note: str) -> Unit[Invoice]:
    """Make the invoice of an order, with the number after the last one; whoever makes another waits until this unit
    ends, so that no number is given twice, and none is left out.
    """
    rows = yield Statement("update invoice_numbers set last = last + 1 where id = 1 returning last", {})
    made = Invoice(int(rows[0][0]), order_id, at, tuple(seller), tuple(buyer), note)
    yield Statement(
        "insert into invoices (number, order_id, at, seller, buyer, note)"
        " values (:number, :order_id, :at, :seller, :buyer, :note)",
        made._asdict() | {"seller": json.dumps(made.seller), "buyer": json.dumps(made.buyer)},
    )
    return made


def invoice(order_id: int) -> Unit[Invoice | None]:
    """The invoice of an order."""
    rows = yield Statement(
        "select number, order_id, at, seller, buyer, note from invoices where order_id = :id", {"id": order_id}
    )
    if not rows:
        return None
    number, order, at, seller, buyer, note = rows[0]
    return Invoice(int(number), int(order), int(at), tuple(json.loads(seller)), tuple(json.loads(buyer)), note)


def event(event_id: str, order_id: int, at: int) -> Unit[bool]:
    """Note what the payment processor has told; whether it was not told before."""
    rows = yield Statement(
        "insert into payment_events (id, at, order_id) values (:id, :at, :order_id) on conflict (id) do nothing"
        " returning id",
        {"id": event_id, "at": at, "order_id": order_id},
    )
    return bool(rows)


def forget_events(before: int, limit: int) -> Unit[None]:
    """Forget the oldest events from before a time, at most `limit`."""
    yield Statement(
        "delete from payment_events where id in"
        " (select id from payment_events where at < :before order by at limit :limit)",
        {"before": before, "limit": limit},
    )
