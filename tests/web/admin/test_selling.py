"""Offers, orders and coupons in the operators' API."""

from __future__ import annotations

from typing import Any

from meshd.values.offers import Offer, Selling
from tests.web.admin.support import AdminTestCase
from tests.web.support import named

TEN = Offer("ten", "regular", 10, 1999, "EUR", "10 GB")
MONTH = Offer("month", "subscription", 50, 4900, "EUR", "50 GB a month", "monthly", True)
REPEATED = ("Idempotency-Key", "0123456789abcdef")


class SellingTests(AdminTestCase):
    def setUp(self) -> None:
        super().setUp()
        offers = {each.name: each for each in (TEN, MONTH)}
        self.world.set_topology(selling=Selling("Mesh Ltd", offers=offers))
        self.do("PATCH", "/accounts/jo", {"monthly_limit": 1})

    def order(self, **members: Any) -> int:
        answer = self.do("POST", "/orders", {"account": "jo", "offer": "ten"} | members)
        self.assertEqual(201, answer.status, answer)
        return int(answer.json["number"])

    def test_what_is_sold(self) -> None:
        ten, month = self.do("GET", "/offers", who="vi").json["offers"]
        self.assertEqual(
            ("ten", "19.99", 10**10, None), tuple(ten[name] for name in ("name", "price", "bytes", "period"))
        )
        self.assertEqual(("monthly", True), (month["period"], month["rollover_enabled"]))

    def test_from_the_order_to_the_invoice(self) -> None:
        """Settled once, however often it is told."""
        body = {"account": "jo", "offer": "ten"}
        made = self.do("POST", "/orders", body, REPEATED)
        again = self.do("POST", "/orders", body, REPEATED)
        self.assertEqual((made.body, "/api/admin/orders/1"), (again.body, made.one("Location")))
        self.refused(self.do("GET", "/orders/1/invoice"), 404, "not-found")
        first = self.do("POST", "/orders/1/settle", {"reference": "bank 7"}).json
        second = self.do("POST", "/orders/1/settle", who="admin").json
        self.assertEqual(
            (False, "settled", 1, "bank 7"), tuple(first[name] for name in ("again", "state", "invoice", "reference"))
        )
        self.assertEqual((True, 1), (second["again"], second["invoice"]))
        self.assertEqual(10**10, self.do("GET", "/accounts/jo/usage").json["prepaid_bytes"])
        invoice = self.do("GET", "/orders/1/invoice", who="vi")
        self.assertTrue(invoice.body.startswith(b"%PDF-"))
        self.assertEqual(1, self.do("GET", "/orders/1", who="vi").json["invoice"])

    def test_lists(self) -> None:
        made = [self.order() for _ in range(3)]
        self.assertEqual("cancelled", self.do("POST", f"/orders/{made[0]}/cancel").json["state"])
        found = self.do("GET", "/orders?state=open&account=jo&limit=1", who="vi").json
        self.assertEqual([made[2]], [each["number"] for each in found["orders"]])
        more = self.do("GET", f"/orders?state=open&account=jo&cursor={found['next']}").json
        self.assertEqual(([made[1]], None), ([each["number"] for each in more["orders"]], more["next"]))
        self.refused(self.do("GET", "/orders?state=paid"), 400, "invalid", "state")
        self.refused(self.do("GET", "/orders?account=nobody"), 404, "not-found")

    def test_what_is_refused(self) -> None:
        number = self.order()
        self.do("POST", f"/orders/{number}/cancel")
        for kind, status, names, answer in (
            ("invalid", 400, ("offer",), self.do("POST", "/orders", {"account": "jo", "offer": "none"})),
            ("invalid", 400, ("account",), self.do("POST", "/orders", {"offer": "ten"})),
            (
                "invalid",
                400,
                ("code",),
                self.do("POST", "/orders", {"account": "jo", "offer": "ten", "coupon": "none"}),
            ),
            ("invalid", 400, ("username",), self.do("POST", "/orders", {"account": "eve", "offer": "ten"})),
            ("not-found", 404, (), self.do("POST", "/orders", {"account": "nobody", "offer": "ten"})),
            ("invalid", 400, ("number",), self.do("POST", f"/orders/{number}/settle")),
            ("not-found", 404, (), self.do("GET", "/orders/99")),
            ("not-found", 404, (), self.do("POST", "/orders/99/settle")),
            ("not-found", 404, (), self.do("POST", "/orders/x/cancel")),
            ("role", 403, (), self.do("POST", f"/orders/{number}/settle", who="vi")),
            ("role", 403, (), self.do("GET", "/orders", who="jo")),
            ("role", 403, (), self.do("POST", "/coupons", {"code": "SAVE", "percent": 10}, who="vi")),
            ("not-found", 404, (), self.do("POST", "/coupons/none/disable")),
        ):
            with named((kind, names, answer)):
                self.refused(answer, status, kind, *names)

    def test_coupons(self) -> None:
        """Worth one thing each; what they are is told as it was given."""
        for worth, body in (
            ("percent", {"percent": 10, "offers": ["ten"], "uses": 5, "last_day": "2099-12-31"}),
            ("amount", {"amount": "5.00", "currency": "EUR", "each_uses": 0}),
            ("bytes", {"bytes": 10**9}),
        ):
            with named(worth):
                made = self.do("POST", "/coupons", {"code": f"code-{worth}", **body}).json
                self.assertEqual((f"CODE-{worth.upper()}", body[worth]), (made["code"], made[worth]))
        self.assertFalse(self.do("POST", "/coupons/CODE-BYTES/disable").json["active"])
        found = self.do("GET", "/coupons?limit=2", who="vi").json
        self.assertEqual(["CODE-BYTES", "CODE-AMOUNT"], [each["code"] for each in found["coupons"]])
        self.assertEqual(1, len(self.do("GET", f"/coupons?cursor={found['next']}").json["coupons"]))
        self.assertEqual("17.99", self.do("GET", f"/orders/{self.order(coupon='code-percent')}").json["amount"])

    def test_what_is_refused_of_a_coupon(self) -> None:
        self.do("POST", "/coupons", {"code": "SAVE", "percent": 10})
        for names, status, body in (
            (("percent",), 400, {}),
            (("percent",), 400, {"percent": 10, "bytes": 1}),
            (("percent",), 400, {"percent": 101}),
            (("currency",), 400, {"amount": "5"}),
            (("amount",), 400, {"amount": "5.001", "currency": "EUR"}),
            (("offers",), 400, {"percent": 10, "offers": ["none"]}),
            (("last_day",), 400, {"percent": 10, "last_day": "soon"}),
            (("value",), 400, {"percent": 10, "value": 5}),
            (("code",), 409, {"code": "save", "percent": 5}),
            (("code",), 400, {"code": "a b c", "percent": 5}),
        ):
            with named(body):
                kind = "taken" if status == 409 else "invalid"
                self.refused(self.do("POST", "/coupons", {"code": "NEW1"} | body), status, kind, *names)
