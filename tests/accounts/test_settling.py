"""Settling orders, on both databases."""

from __future__ import annotations

from meshd.accounts import orders, settling, toplevel, topups
from meshd.accounts.errors import Forbidden, Invalid, NotFound, NotYours
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import Profile
from meshd.accounts.settling import Settled
from meshd.accounts.toplevel import Terms
from tests.accounts.selling import MONTH, SELLER, TEN, OnPostgresAtOnce, OnSQLiteAtOnce, SellingCase
from tests.accounts.support import NOON, OPERATOR, named


class SettlingTests(OnSQLiteAtOnce, SellingCase):
    def test_what_it_adds(self) -> None:
        """A top-up with the order's number, and an invoice."""
        order = self.ordered()
        settled = self.settled(order.id, reference="bank 7")
        self.assertEqual(("settled", "bank 7", NOON, "operator:test"), settled.order[14:16] + settled.order[18:20])
        self.assertEqual((1, order.id, NOON, SELLER.lines, ("bob",), SELLER.note), settled.invoice)
        self.assertEqual(10.0, self.bought())
        (topup,) = self.run_unit(topups.listing, self.bob.id, None).rows
        self.assertEqual((f"order {order.id}", 10**10), (topup.reference, topup.bytes))
        self.assertEqual(("operator:test", "account.topup", self.bob.id), self.told())

    def test_twice(self) -> None:
        """Adds once, whatever the second says."""
        order = self.ordered()
        first, second = self.settled(order.id, reference="a"), self.settled(order.id, reference="b")
        self.assertEqual((False, True), (first.again, second.again))
        self.assertEqual((first.order, first.invoice), (second.order, second.invoice))
        self.assertEqual(10.0, self.bought())

    def test_who_may(self) -> None:
        """Operators; nobody for itself, by a token or as a customer."""
        admin, viewer = self.customer("admin2", role="admin", monthly_limit=1), self.customer("viewer", role="viewer")
        mine, own = self.ordered(), self.ordered(username="admin2")
        for sentence, kind, actor, number in (
            ("her own", NotYours, admin.id, own.id),
            ("a viewer", Forbidden, viewer.id, mine.id),
            ("the customer", Forbidden, self.bob.id, mine.id),
            ("by a token", Forbidden, ByToken(admin.id, 1), mine.id),
            ("no order", NotFound, admin.id, 999),
        ):
            with named(sentence):
                self.refused(kind, settling.settle, actor, number, **self.by())
        self.assertEqual("admin2", self.settled(mine.id, admin.id).order.ended_by)
        self.assertEqual(
            "reference", self.refused(Invalid, settling.settle, OPERATOR, own.id, **self.by(reference="\0")).field
        )

    def test_an_account_that_has_no_limit_any_more(self) -> None:
        """Is told so, and the order waits."""
        order = self.ordered()
        self.run_unit(toplevel.edit, OPERATOR, "bob", Profile(monthly_limit=0), Terms(), plans=self.plans, now=NOON)
        self.assertEqual("username", self.refused(Invalid, settling.settle, OPERATOR, order.id, **self.by()).field)
        self.assertEqual("open", self.run_unit(orders.read, OPERATOR, order.id).order.state)

    def test_a_reference_that_a_top_up_has(self) -> None:
        """Nothing is settled without being added."""
        order = self.ordered()
        self.run_unit(topups.add, OPERATOR, "bob", 10**10, f"order {order.id}", plans=self.plans, now=NOON)
        self.refused(Invalid, settling.settle, OPERATOR, order.id, **self.by())

    def test_a_total_limit(self) -> None:
        """Is raised by what is bought; a subscription is nothing beside it."""
        self.customer("total", total_limit=5)
        order = self.ordered(username="total")
        self.settled(order.id)
        self.assertEqual(5 + 10**10, self.account("total").total_limit)
        how = {"plans": self.plans, "selling": None, "now": NOON}
        error = self.refused(Invalid, orders.create, OPERATOR, "total", MONTH, **how)
        self.assertEqual("username", error.field)

    def test_whose_an_invoice_is(self) -> None:
        """The customer by name, account and address."""
        self.buyer("eve", first_name="Eve", last_name="Ünal", email="eve@example.com")
        settled = self.settled(self.ordered(username="eve").id)
        self.assertEqual(("Eve Ünal", "eve", "eve@example.com"), settled.invoice.buyer)

    def test_fifty_at_the_same_time(self) -> None:
        """Of those who settle one order, one adds its bytes; all are told of the same invoice."""
        order = self.ordered()
        found = self.at_once(50, settling.settle, lambda _: (OPERATOR, order.id), **self.by())
        self.assertEqual([Settled] * 50, [type(each) for each in found])
        self.assertEqual(49, sum(each.again for each in found))
        self.assertEqual({1}, {each.invoice.number for each in found})
        self.assertEqual(10.0, self.bought())

    def test_numbers_of_invoices_have_no_gaps(self) -> None:
        """Also where settlements fail, and where many are made at the same time."""
        self.settled(self.ordered().id)
        self.customer("total", total_limit=10**18)
        beyond = self.ordered(TEN, username="total")
        self.refused(Invalid, settling.settle, OPERATOR, beyond.id, **self.by())
        waiting = [self.ordered().id for _ in range(12)]
        self.at_once(12, settling.settle, lambda number: (OPERATOR, waiting[number]), **self.by())
        numbers = [self.run_unit(orders.read, OPERATOR, each).invoice for each in waiting]
        self.assertEqual(list(range(2, 14)), sorted(each.number for each in numbers if each is not None))


class PostgresSettlingTests(OnPostgresAtOnce, SettlingTests):
    """The same on PostgreSQL."""
