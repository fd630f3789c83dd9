"""Orders, on both databases."""

from __future__ import annotations

from typing import Any

from meshd.accounts import orders, settling, subaccounts
from meshd.accounts.errors import Forbidden, Invalid, NotFound, NotYours
from meshd.accounts.ownership import ActorId, ByToken
from meshd.store.statements import audit
from tests.accounts.selling import MONTH, SELLER, SELLING, TEN, OnPostgresAtOnce, OnSQLiteAtOnce, SellingCase
from tests.accounts.support import DAY, NOON, OPERATOR, named


class OrderTests(OnSQLiteAtOnce, SellingCase):
    def ordering(self, actor: ActorId = OPERATOR, username: str | None = "bob", offer: Any = TEN) -> Any:
        return orders.create(actor, username, offer, plans=self.plans, selling=SELLING, now=NOON)

    def test_what_an_order_keeps(self) -> None:
        """The offer as it was; nothing is added by it."""
        order = self.ordered()
        self.assertEqual(("ten", "regular", "10 GB", 10**10, 1999, 0, "EUR"), (order[3:7] + order[9:12]))
        self.assertEqual(("open", NOON, NOON + 14 * DAY), (order.state, order.created_at, order.expires_at))
        self.assertEqual(0, self.prepaid())
        entry = self.run_unit(audit.of_account, self.bob.id, 1)[0]
        self.assertEqual(("order.create", f"order {order.id}, 10 GB, 19.99 EUR"), (entry.action, entry.detail))

    def test_who_orders(self) -> None:
        """Whoever has an account with a limit for itself, operators for customers; no sub-account."""
        viewer, root = self.customer("viewer", role="viewer"), self.root()
        self.run_unit(self.ordering, self.bob.id, None)
        self.run_unit(self.ordering, root.id, "bob")
        for sentence, kind, actor, username in (
            ("a sub-account", NotYours, self.kid.id, None),
            ("a viewer", NotYours, viewer.id, "bob"),
            ("another customer", NotYours, self.alice.id, "bob"),
            ("by a token that may do less", Forbidden, ByToken(self.bob.id, 1, confined=True), None),
        ):
            with named(sentence):
                self.refused(kind, self.ordering, actor, username)
        error = self.refused(Invalid, self.ordering, self.alice.id, None)
        self.assertEqual("username", error.field)

    def test_at_most_so_many_wait(self) -> None:
        """Cancelled, one makes room."""
        made = [self.ordered() for _ in range(orders.OPEN)]
        self.assertEqual("offer", self.refused(Invalid, self.ordering).field)
        self.run_unit(orders.cancel, self.bob.id, made[0].id, now=NOON)
        self.ordered()

    def test_anothers_order_is_none(self) -> None:
        """Its number is answered as one that no order has, to whoever asks, and for whatever."""
        order = self.ordered()
        viewer, admin = self.customer("viewer", role="viewer"), self.customer("admin2", role="admin")
        token = self.token(self.alice.id)
        for actor in (self.alice.id, self.kid.id, self.by_token(token)):
            for number in (order.id, order.id + 1, 0, -1, 2**70):
                with named((actor, number)):
                    told = str(self.refused(NotFound, orders.read, actor, number))
                    self.assertEqual(f"there is no order {number}", told)
                    told = str(self.refused(NotFound, orders.cancel, actor, number, now=NOON))
                    self.assertEqual(f"there is no order {number}", told)
        self.refused(NotFound, orders.cancel, viewer.id, order.id, now=NOON)
        for actor in (self.bob.id, viewer.id, admin.id, OPERATOR):
            self.assertEqual(order, self.run_unit(orders.read, actor, order.id).order)
        self.assertEqual("cancelled", self.run_unit(orders.cancel, admin.id, order.id, now=NOON).state)

    def test_what_is_over_stays_so(self) -> None:
        """An order ends once: paid, cancelled, or too late."""
        paid, cancelled, late, overdue = (self.ordered() for _ in range(4))
        self.settled(paid.id)
        self.run_unit(orders.cancel, self.bob.id, cancelled.id, now=NOON)
        self.assertEqual("cancelled", self.run_unit(orders.cancel, self.bob.id, cancelled.id, now=NOON).state)
        self.assertEqual(0, self.run_unit(orders.expire, now=NOON + 14 * DAY - 1))
        for order, unit, how in (
            (paid, orders.cancel, {"now": NOON}),
            (cancelled, settling.settle, self.by()),
            (overdue, settling.settle, self.by(now=NOON + 14 * DAY)),
        ):
            self.assertEqual("number", self.refused(Invalid, unit, OPERATOR, order.id, **how).field)
        self.assertEqual(2, self.run_unit(orders.expire, now=NOON + 14 * DAY))
        self.assertEqual(0, self.run_unit(orders.expire, now=NOON + 14 * DAY))
        self.assertEqual("expired", self.run_unit(orders.read, OPERATOR, late.id).order.state)
        self.refused(Invalid, orders.cancel, self.bob.id, late.id, now=NOON)
        self.refused(Invalid, settling.settle, OPERATOR, late.id, **self.by())
        self.assertEqual(10.0, self.bought())

    def test_the_lists(self) -> None:
        """The newest first, page by page, by account and state; a customer's are her own."""
        self.buyer("carol")
        mine = [self.ordered().id for _ in range(3)]
        others = [self.ordered(username="carol").id for _ in range(2)]
        self.settled(mine[0])
        viewer = self.customer("viewer", role="viewer")
        for sentence, wanted, unit, arguments, how in (
            ("all", [*mine, *others], orders.listing, (viewer.id,), {}),
            ("of one", mine, orders.listing, (OPERATOR,), {"account": "Bob"}),
            ("that wait", [*mine[1:], *others], orders.listing, (OPERATOR,), {"state": "open"}),
            ("of one, paid", mine[:1], orders.listing, (OPERATOR,), {"account": "bob", "state": "settled"}),
            ("own", mine, orders.of_account, (self.bob.id, None), {}),
            ("own that wait", mine[1:], orders.of_account, (self.bob.id, None), {"state": "open"}),
        ):
            with named(sentence):
                found: list[int] = []
                cursor = ""
                while True:
                    page = self.run_unit(unit, *arguments, cursor=cursor, limit=2, **how)  # type: ignore[arg-type]
                    found += [each.id for each in page.rows]
                    cursor = page.cursor
                    if not cursor:
                        break
                self.assertEqual(sorted(wanted, reverse=True), found)
        self.refused(Forbidden, orders.listing, self.bob.id)
        self.refused(NotFound, orders.listing, OPERATOR, account="nobody")
        self.refused(NotYours, orders.of_account, self.alice.id, "bob")
        for bad in ({"limit": 0}, {"cursor": "x"}, {"state": "paid"}):
            self.refused(Invalid, orders.listing, OPERATOR, **bad)

    def test_what_a_coupon_leaves_nothing_of(self) -> None:
        """Is settled at once."""
        self.coupon("WHOLE", value=100)
        order = self.ordered(coupon="WHOLE", actor=self.bob.id, username=None)  # type: ignore[arg-type]
        self.assertEqual(
            ("settled", 0, "coupon WHOLE", "bob"), (order.state, order.amount, order.reference, order.ended_by)
        )
        self.assertEqual(10.0, self.bought())
        invoice = self.run_unit(orders.read, self.bob.id, order.id).invoice
        assert invoice is not None
        self.assertEqual((1, SELLER.lines), (invoice.number, invoice.seller))

    def test_of_an_account_that_is_gone(self) -> None:
        """Operators see it still; nobody is given anything for it."""
        paid, left = self.ordered(), self.ordered(MONTH)
        self.settled(paid.id)
        self.run_unit(subaccounts.delete, OPERATOR, "bob", now=NOON)
        found = self.run_unit(orders.read, self.root().id, paid.id)
        self.assertIsNotNone(found.invoice)
        self.refused(NotFound, orders.read, self.alice.id, paid.id)
        self.refused(NotFound, settling.settle, OPERATOR, left.id, **self.by())
        self.assertEqual("cancelled", self.run_unit(orders.cancel, OPERATOR, left.id, now=NOON).state)

    def test_many_at_the_same_time(self) -> None:
        """However many order at once, no more wait than may."""
        how: dict[str, Any] = {"plans": self.plans, "selling": SELLING, "now": NOON}
        found = self.at_once(orders.OPEN + 5, orders.create, lambda _: (self.bob.id, None, TEN), **how)
        self.assertEqual(5, sum(isinstance(each, Invalid) for each in found))


class PostgresOrderTests(OnPostgresAtOnce, OrderTests):
    """The same on PostgreSQL."""
