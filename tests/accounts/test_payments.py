"""What a payment processor tells, on both databases."""

from __future__ import annotations

from typing import Any

from meshd.accounts import orders, payments
from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.payments import Event, Heard
from tests.accounts.selling import SELLER, YEN, OnPostgresAtOnce, OnSQLiteAtOnce, SellingCase
from tests.accounts.support import NOON, named


class PaymentTests(OnSQLiteAtOnce, SellingCase):
    def hear(self, event: Event) -> Heard:
        return self.run_unit(payments.hear, event, **self.how)

    @property
    def how(self) -> dict[str, Any]:
        return {"plans": self.plans, "seller": SELLER, "now": NOON}

    def paid(self, number: int, id_: str = "evt-1", **how: Any) -> Event:
        given = {"amount": "19.99", "currency": "EUR", "reference": "pay 9"} | how
        return Event(id_, "order.settled", number, **given)

    def test_paid_in_full(self) -> None:
        """It is settled, by the processor."""
        order = self.ordered()
        heard = self.hear(self.paid(order.id))
        self.assertEqual(("settled", "pay 9", "payment processor"), heard.order[14:16] + heard.order[19:])
        self.assertEqual(10.0, self.bought())
        yen = self.ordered(YEN)
        self.assertEqual("settled", self.hear(self.paid(yen.id, "e", amount="333", currency="JPY")).order.state)

    def test_told_again(self) -> None:
        """An id counts once, for whatever order; another id of a settled order adds nothing."""
        first, second = self.ordered(), self.ordered()
        self.hear(self.paid(first.id))
        for order, state in ((first, "settled"), (second, "open")):
            heard = self.hear(self.paid(order.id))
            self.assertEqual((True, state), (heard.replayed, heard.order.state))
        self.assertFalse(self.hear(self.paid(first.id, "evt-2")).replayed)
        self.assertEqual(10.0, self.bought())

    def test_what_is_not_the_price(self) -> None:
        """Is refused, and the event can be told again when it is right."""
        order = self.ordered()
        for sentence, how in (
            ("too little", {"amount": "19.98"}),
            ("too much", {"amount": "20"}),
            ("another currency", {"currency": "USD"}),
            ("no amount", {"amount": ""}),
            ("no number", {"amount": "1e3"}),
            ("too exact", {"amount": "19.990"}),
        ):
            with named(sentence):
                error = self.refused(Invalid, payments.hear, self.paid(order.id, **how), **self.how)
                self.assertEqual({"amount": [f"Order {order.id} costs 19.99 EUR."]}, error.messages)
        self.refused(NotFound, payments.hear, self.paid(999), **self.how)
        for id_ in ("", " ", "x" * 101, "a\0"):
            self.assertEqual("id", self.refused(Invalid, payments.hear, self.paid(order.id, id_), **self.how).field)
        self.assertEqual("settled", self.hear(self.paid(order.id)).order.state)

    def test_cancelled(self) -> None:
        """As the customer could; what is paid is not undone by it."""
        order, paid = self.ordered(), self.ordered()
        self.assertEqual("cancelled", self.hear(Event("e1", "order.cancelled", order.id)).order.state)
        self.settled(paid.id)
        self.refused(Invalid, payments.hear, Event("e2", "order.cancelled", paid.id), **self.how)
        self.assertEqual("settled", self.run_unit(orders.read, self.bob.id, paid.id).order.state)

    def test_old_ids_are_forgotten(self) -> None:
        """A month later; their messages are long too old."""
        order = self.ordered()
        self.hear(self.paid(order.id))
        later = NOON + payments.KEPT + 1
        heard = self.run_unit(payments.hear, self.paid(order.id, "evt-2"), **self.how | {"now": later})
        self.assertFalse(heard.replayed)
        self.assertFalse(self.run_unit(payments.hear, self.paid(order.id), **self.how | {"now": later}).replayed)

    def test_fifty_at_the_same_time(self) -> None:
        """Under one id or under many: the bytes are added once."""
        first, second = self.ordered(), self.ordered()
        found = self.at_once(50, payments.hear, lambda _: (self.paid(first.id),), **self.how)
        self.assertEqual((50, 49), (len(found), sum(each.replayed for each in found)))
        found = self.at_once(50, payments.hear, lambda number: (self.paid(second.id, f"many-{number}"),), **self.how)
        self.assertEqual(0, sum(each.replayed for each in found))
        self.assertEqual(20.0, self.bought())


class PostgresPaymentTests(OnPostgresAtOnce, PaymentTests):
    """The same on PostgreSQL."""
