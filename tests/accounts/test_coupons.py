"""Coupons, on both databases."""

from __future__ import annotations

from typing import Any

from meshd.accounts import coupons, orders
from meshd.accounts.coupons import NewCoupon
from meshd.accounts.errors import Forbidden, Invalid, NotFound, NotYours, Taken
from meshd.model import GB
from tests.accounts.selling import KEPT, OFFERS, SELLING, TEN, YEN, OnPostgresAtOnce, OnSQLiteAtOnce, SellingCase
from tests.accounts.support import DAY, NOON, OPERATOR, named


class CouponTests(OnSQLiteAtOnce, SellingCase):
    def check(self, code: str, **how: Any) -> coupons.Priced:
        return self.run_unit(coupons.check, self.bob.id, None, code, now=NOON, **how)

    def test_what_it_takes_off(self) -> None:
        """Rounded to the nearest minor unit, a half up; never more than the price."""
        for sentence, kind, value, currency, amount, off in (
            ("a tenth", "percent", 10, "", 1999, 200),
            ("a half of a cent is rounded up", "percent", 50, "", 1999, 1000),
            ("less than a half down", "percent", 33, "", 1001, 330),
            ("a third of a cent is nothing", "percent", 33, "", 1, 0),
            ("all", "percent", 100, "", 1999, 1999),
            ("of nothing", "percent", 50, "", 0, 0),
            ("an amount", "amount", 500, "EUR", 1999, 500),
            ("more than the price", "amount", 5000, "EUR", 1999, 1999),
        ):
            with named(sentence):
                coupon = self.coupon(f"C-{sentence.replace(' ', '-')}", kind, value, currency=currency)
                priced = self.check(coupon.code, amount=amount, currency="EUR")
                self.assertEqual((off, amount - off), (priced.discount, priced.amount))

    def test_the_code(self) -> None:
        """Whatever its case; 4 to 40 characters that can be told over the telephone."""
        self.coupon("save10")
        self.assertEqual("SAVE10", self.check(" Save10 ").coupon.code)
        for code in ("abc", "x" * 41, "öäüß", "a b c d", "-abc", ""):
            with named(code):
                error = self.refused(Invalid, self.creating, code=code)
                self.assertEqual("code", error.field)
        self.assertEqual("code", self.refused(Taken, self.creating, code="SAVE10").field)

    def creating(self, **how: Any) -> Any:
        given: dict[str, Any] = {"code": "GOOD", "kind": "percent", "value": 10}
        return coupons.create(how.pop("actor", OPERATOR), NewCoupon(**given | how), known=OFFERS, now=NOON)

    def test_what_is_refused_of_a_new_one(self) -> None:
        for field, how in (
            ("value", {"value": 0}),
            ("value", {"value": 101}),
            ("value", {"kind": "bytes", "value": 10**18 + 1}),
            ("currency", {"kind": "amount"}),
            ("currency", {"kind": "amount", "currency": "euro"}),
            ("currency", {"currency": "EUR"}),
            ("uses", {"uses": -1}),
            ("each_uses", {"each_uses": 10**9 + 1}),
            ("last_day", {"last_day": "soon"}),
            ("offers", {"offers": ("none",)}),
            ("offers", {"kind": "amount", "currency": "EUR", "offers": ("yen",)}),
            ("offers", {"kind": "bytes", "offers": ("ten",)}),
        ):
            with named((field, how)):
                self.assertEqual(field, self.refused(Invalid, self.creating, **how).field)

    def test_who_may(self) -> None:
        """Operators make them and see all of them; a viewer sees them."""
        viewer, root = self.customer("viewer", role="viewer"), self.root()
        for actor, kind in ((self.bob.id, Forbidden), (viewer.id, Forbidden), (self.kid.id, Forbidden)):
            self.refused(kind, self.creating, actor=actor)
        self.run_unit(self.creating, actor=root.id)
        self.refused(Forbidden, coupons.disable, viewer.id, "GOOD", now=NOON)
        self.refused(Forbidden, coupons.listing, self.bob.id)
        self.assertEqual(["GOOD"], [each.code for each in self.run_unit(coupons.listing, viewer.id).rows])
        self.refused(NotYours, coupons.check, self.kid.id, None, "GOOD", now=NOON)

    def test_which_are_over_or_not_for_this(self) -> None:
        """What is over is told as what never was."""
        self.coupon("PAST", last_day="2026-01-14")
        self.coupon("TODAY", last_day="2026-01-15")
        self.coupon("STOPPED")
        self.run_unit(coupons.disable, OPERATOR, "stopped", now=NOON)
        self.coupon("KEPT-ONLY", offers=("kept",))
        self.coupon("EURO", "amount", 100, currency="EUR")
        self.coupon("GIFT", "bytes", 5)
        for code, offer, why in (
            ("PAST", TEN, coupons.UNKNOWN),
            ("STOPPED", TEN, coupons.UNKNOWN),
            ("NEVER", TEN, coupons.UNKNOWN),
            ("N\0L", TEN, coupons.UNKNOWN),
            ("KEPT-ONLY", TEN, "This coupon is not for this offer."),
            ("KEPT-ONLY", None, "This coupon is not for this offer."),
            ("EURO", YEN, "This coupon is for prices in EUR."),
        ):
            with named((code, why)):
                error = self.refused(Invalid, coupons.check, self.bob.id, None, code, offer=offer, now=NOON)
                self.assertEqual({"code": [why]}, error.messages)
        self.assertEqual(1799, self.check("TODAY", offer=TEN).amount)
        self.assertEqual(2700, self.check("KEPT-ONLY", offer=KEPT).amount)
        self.assertIsNone(self.check("GIFT", offer=TEN).amount)
        error = self.refused(Invalid, self.ordering, "GIFT")
        self.assertIn("is redeemed", error.messages["code"][0])
        self.refused(NotFound, coupons.disable, OPERATOR, "never", now=NOON)

    def ordering(self, code: str, offer: Any = TEN) -> Any:
        return orders.create(self.bob.id, None, offer, coupon=code, plans=self.plans, selling=SELLING, now=NOON)

    def test_once_for_each_account(self) -> None:
        """An order that is not paid gives its use back."""
        self.buyer("carol")
        self.coupon("ONCE")
        first = self.ordered(coupon="ONCE")
        self.assertEqual((200, 1799, "ONCE"), (first.discount, first.amount, first.coupon))
        told = "This coupon was used by this account already."
        self.assertEqual({"code": [told]}, self.refused(Invalid, self.ordering, "ONCE").messages)
        self.ordered(username="carol", coupon="ONCE")
        self.run_unit(orders.cancel, self.bob.id, first.id, now=NOON)
        self.ordered(coupon="ONCE")
        self.assertEqual(1, self.run_unit(orders.expire, now=NOON + 15 * DAY) - 1)
        self.ordered(coupon="ONCE", now=NOON + 1)

    def test_so_many_uses_in_all(self) -> None:
        self.buyer("carol")
        self.coupon("FIRST2", uses=2, each_uses=0)
        self.ordered(coupon="FIRST2")
        self.ordered(coupon="FIRST2")
        error = self.refused(Invalid, self.ordering, "FIRST2")
        self.assertEqual({"code": [coupons.UNKNOWN]}, error.messages)
        self.assertEqual((2, 2), self.run_unit(coupons.listing, OPERATOR).rows[0][5:8:2])

    def test_redeeming(self) -> None:
        """Bytes are added at once, as often as an account may."""
        self.coupon("GIFT", "bytes", 5 * GB, each_uses=2)
        self.coupon("OFFER")
        for number in (1, 2):
            found = self.run_unit(coupons.redeem, self.bob.id, None, "gift", plans=self.plans, now=NOON)
            self.assertEqual(f"coupon GIFT {number}", found.topped.topup.reference)
        self.assertEqual(10.0, self.bought())
        self.assertEqual("account.topup", self.told()[1])
        for code in ("GIFT", "OFFER", "NONE"):
            error = self.refused(Invalid, coupons.redeem, self.bob.id, None, code, plans=self.plans, now=NOON)
            self.assertEqual("code", error.field)
        self.coupon("MORE", "bytes", 1)
        error = self.refused(Invalid, coupons.redeem, self.alice.id, None, "MORE", plans=self.plans, now=NOON)
        self.assertEqual("username", error.field)

    def test_the_list(self) -> None:
        """The newest first, page by page."""
        for number in range(5):
            self.coupon(f"CODE{number}")
        found, cursor = [], ""
        while True:
            page = self.run_unit(coupons.listing, OPERATOR, cursor=cursor, limit=2)
            found += [each.code for each in page.rows]
            cursor = page.cursor
            if not cursor:
                break
        self.assertEqual([f"CODE{number}" for number in (4, 3, 2, 1, 0)], found)
        for how in ({"limit": 0}, {"limit": 1001}, {"cursor": "x"}):
            self.refused(Invalid, coupons.listing, OPERATOR, **how)

    def test_used_at_the_same_time(self) -> None:
        """By several orders, or redeemed several times: once counts."""
        self.coupon("ONCE")
        how: dict[str, Any] = {"coupon": "ONCE", "plans": self.plans, "selling": SELLING, "now": NOON}
        found = self.at_once(8, orders.create, lambda _: (self.bob.id, None, TEN), **how)
        self.assertEqual(1, sum(not isinstance(each, Invalid) for each in found), found)
        self.coupon("GIFT", "bytes", 5 * GB)
        found = self.at_once(8, coupons.redeem, lambda _: (self.bob.id, None, "GIFT"), plans=self.plans, now=NOON)
        self.assertEqual(1, sum(not isinstance(each, Invalid) for each in found), found)
        self.assertEqual(5.0, self.bought())

    def test_used_by_several_at_the_same_time(self) -> None:
        """A coupon for three customers serves three of eight."""
        buyers = [self.buyer(f"buyer{number}") for number in range(8)]
        self.coupon("THREE", uses=3)
        how: dict[str, Any] = {"coupon": "THREE", "plans": self.plans, "selling": SELLING, "now": NOON}
        found = self.at_once(8, orders.create, lambda number: (buyers[number].id, None, TEN), **how)
        self.assertEqual(3, sum(not isinstance(each, Invalid) for each in found), found)
        self.assertEqual(3, self.run_unit(coupons.listing, OPERATOR).rows[0].used)


class PostgresCouponTests(OnPostgresAtOnce, CouponTests):
    """The same on PostgreSQL."""
