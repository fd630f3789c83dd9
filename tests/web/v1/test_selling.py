"""Plans, coupons, payments, and what the payment processor tells."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from meshd.accounts import coupons, orders, settling, toplevel
from meshd.accounts.coupons import NewCoupon
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.auth.signatures import sign
from meshd.model import GB
from meshd.store.statements import usage
from meshd.topology import PLANS, V1
from meshd.values.offers import Offer, Selling, seller
from meshd.web.flood import GUESSED_BY_ACCOUNT, HOUR
from tests.web.support import NOON, Answer, named
from tests.web.v1.support import CONTRACT, V1TestCase

OPERATOR = Operator("operator:test")
TEN = Offer("ten", "regular", 10, 1999, "EUR", "10 GB")
USD = Offer("usd", "regular", 1, 500, "USD", "1 GB")
MONTH = Offer("month", "subscription", 50, 4900, "EUR", "50 GB a month", "monthly")
KEY = b"0123456789abcdef"
SELLING = Selling(
    "Mesh Ltd",
    instructions="Transfer {amount} for {number}.",
    offers={each.name: each for each in (TEN, USD, MONTH)},
    webhook_key=KEY,
)
ORDER = {"type": "regular", "plan_id": "ten", "gate": "crypto", "cryptocurrency_code": "BTC"}


class SellingCase(V1TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.world.set_topology(v1=V1(), selling=SELLING)
        self.run_unit = self.world.store.file.run
        for name in ("jo", "eve"):
            limit = Profile(monthly_limit=1)
            self.run_unit(toplevel.edit, OPERATOR, name, limit, Terms(), plans=PLANS, now=NOON)

    def coupon(self, code: str, kind: Any = "percent", value: int = 10, **how: Any) -> None:
        new = NewCoupon(code=code, kind=kind, value=value, **how)
        self.run_unit(coupons.create, OPERATOR, new, known=dict(SELLING.offers), now=NOON)

    def order(self, who: str = "jo", **members: Any) -> str:
        answer = self.do("POST", "/payments", ORDER | members, who=who)
        self.assertEqual(201, answer.status, answer)
        return str(answer.json["data"]["payment_id"])

    def settle(self, number: str) -> None:
        self.run_unit(settling.settle, OPERATOR, int(number), plans=PLANS, seller=seller(SELLING), now=NOON)

    def bought(self, who: str = "jo") -> float:
        account_id = self.run_unit(orders.of_account, OPERATOR, who).rows[0].account_id
        return self.run_unit(usage.of_account, account_id, NOON).prepaid_bytes / GB


class PlanTests(SellingCase):
    def test_what_is_sold(self) -> None:
        """Bare arrays, by kind, the prices for everybody."""
        ten = {
            "id": "ten",
            "name": "ten",
            "title": "10 GB",
            "gb": 10,
            "price_per_gb": 1.999,
            "price_total": 19.99,
            "currency": "EUR",
        }
        for path, who in (("/regular-options", "jo"), ("/pricing/regular", "")):
            self.assertEqual(
                [ten, "usd"],
                [each if each["id"] == "ten" else each["id"] for each in self.do("GET", path, who=who).json],
            )
        for path, who in (("/subscription-plans", "jo"), ("/pricing/subscriptions", "")):
            (month,) = self.do("GET", path, who=who).json
            self.assertEqual(("month", "monthly", False), (month["id"], month["period"], month["rollover_enabled"]))
        self.assertEqual(ten, self.do("GET", "/plans/regular/ten").json)
        self.assertEqual(49.0, self.do("GET", "/plans/subscription/month").json["price_total"])
        for path in ("/plans/regular/month", "/plans/subscription/ten", "/plans/regular/none"):
            self.assertEqual(404, self.do("GET", path).status)
        self.assertEqual(401, self.do("GET", "/regular-options", who="").status)

    def test_nothing_is_sold(self) -> None:
        """Lists are empty; an order is refused by a sentence that says so."""
        self.world.set_topology(v1=V1(), selling=Selling())
        for path in ("/regular-options", "/subscription-plans", "/pricing/regular", "/pricing/subscriptions"):
            self.assertEqual([], self.do("GET", path).json)
        self.assertEqual([], self.do("GET", "/payments").json["data"])
        answer = self.do("POST", "/payments", ORDER)
        self.invalid(answer, "plan_id")
        self.assertIn("nothing is sold here", answer.json["description"])
        self.assertEqual(404, self.world.ask("POST", "/v1/webhooks/payments").status)


class CouponTests(SellingCase):
    def test_what_it_does_to_a_price(self) -> None:
        """Of a plan, or of a sum in a currency; validate and apply alike."""
        self.coupon("SAVE10")
        self.coupon("FIVE", "amount", 500, currency="EUR")
        for body, discount, left in (
            ({"code": "save10", "plan_id": "ten"}, 2.0, 17.99),
            ({"code": "FIVE", "plan_id": "ten"}, 5.0, 14.99),
            ({"code": "SAVE10", "order_sum": 50, "currency": "USD"}, 5.0, 45.0),
            ({"code": "SAVE10", "order_sum": 0.1, "currency": "EUR"}, 0.01, 0.09),
            ({"code": "SAVE10", "order_sum": 1000, "currency": "JPY"}, 100, 900),
            ({"code": "SAVE10"}, None, None),
            ({"code": "SAVE10", "plan_id": None, "order_sum": None}, None, None),
        ):
            for call in ("validate", "apply"):
                with named((call, body)):
                    found = self.do("POST", f"/coupon/{call}", body).json["coupon"]
                    self.assertEqual((discount, left), (found["discount"], found["final_amount"]))
        self.assertEqual("percentage", found["type"])

    def test_what_is_refused(self) -> None:
        self.coupon("FIVE", "amount", 500, currency="EUR")
        for field, body in (
            ("code", {}),
            ("code", {"code": "none"}),
            ("code", {"code": "x" * 41}),
            ("code", {"code": "FIVE", "plan_id": "usd"}),
            ("plan_id", {"code": "FIVE", "plan_id": "none"}),
            ("plan_id", {"code": "FIVE", "plan_id": 1}),
            ("currency", {"code": "FIVE", "order_sum": 5}),
            ("order_sum", {"code": "FIVE", "order_sum": "5", "currency": "EUR"}),
            ("order_sum", {"code": "FIVE", "order_sum": -1, "currency": "EUR"}),
            ("order_sum", {"code": "FIVE", "order_sum": 1e300, "currency": "EUR"}),
            ("order_sum", {"code": "FIVE", "order_sum": 0.001, "currency": "EUR"}),
            ("order_sum", {"code": "FIVE", "order_sum": True, "currency": "EUR"}),
            ("discount", {"code": "FIVE", "discount": 100}),
        ):
            with named(body):
                self.invalid(self.do("POST", "/coupon/validate", body), field)

    def test_guessing(self) -> None:
        """An account names twenty wrong codes in an hour, wherever; right ones do not count."""
        self.coupon("RIGHT", uses=0, each_uses=0)
        asks: tuple[tuple[str, dict[str, Any], str], ...] = (
            ("/coupon/validate", {}, "code"),
            ("/payments", ORDER, "coupon_code"),
        )
        for number in range(GUESSED_BY_ACCOUNT * 2):
            path, more, field = asks[number % 2]
            right = self.do("POST", "/coupon/validate", {"code": "RIGHT"}, who="eve")
            self.assertEqual(right.status, 200)
            with named((path, number)):
                answer = self.do("POST", path, {**more, field: f"WRONG{number}"})
                self.assertEqual(answer.status, 422 if number < GUESSED_BY_ACCOUNT else 429)
        for path in ("validate", "apply", "redeem"):
            self.assertEqual(self.do("POST", f"/coupon/{path}", {"code": "RIGHT"}).status, 429)
        self.order(plan_id="ten")
        self.world.later(HOUR)
        self.assertEqual(self.do("POST", "/coupon/validate", {"code": "RIGHT"}).status, 200)

    def test_redeemed(self) -> None:
        """Its bytes are added, once."""
        self.coupon("GIFT", "bytes", 5 * GB)
        found = self.do("POST", "/coupon/redeem", {"code": "gift"}).json
        self.assertEqual((True, "traffic"), (found["success"], found["coupon"]["type"]))
        self.invalid(self.do("POST", "/coupon/redeem", {"code": "gift"}), "code")
        self.assertEqual(5 * GB, self.do("GET", "/auth/user").json["payload"]["traffic"]["regular_bytes"])


class PaymentTests(SellingCase):
    def test_from_the_order_to_the_invoice(self) -> None:
        """Told with the operator's words; completed when he says so."""
        number = self.order()
        (row,) = self.do("GET", "/payments").json["data"]
        self.assertEqual(
            (number, "regular", "pending", 19.99, "EUR"),
            tuple(row[name] for name in ("id", "type", "status", "amount", "currency")),
        )
        for path in (f"/payments/{number}", f"/payments/{number}/check"):
            found = self.do("GET", path).json["data"]
            self.assertEqual(f"Transfer 19.99 EUR for {number}.", found["pay_address"])
            self.assertEqual(("", None, None), (found["crypto"]["code"], found["amount_usd"], found["completed_at"]))
        self.assertEqual(404, self.do("GET", f"/payments/{number}/invoice?format=pdf").status)
        self.settle(number)
        found = self.do("GET", f"/payments/{number}").json["data"]
        self.assertEqual(
            ("completed", "", "2026-01-15T12:00:00.000000Z"),
            (found["status"], found["pay_address"], found["completed_at"]),
        )
        invoice = self.do("GET", f"/payments/{number}/invoice?format=pdf")
        self.assertTrue(invoice.body.startswith(b"%PDF-"))
        self.assertEqual('attachment; filename="invoice-1.pdf"', invoice.one("Content-Disposition"))
        self.assertEqual(10.0, self.bought())
        self.assertEqual([], self.do("GET", "/payments/cryptocurrencies").json["data"])

    def test_a_subscription(self) -> None:
        """Is told with its title, and from when until when it is paid for."""
        self.settle(self.order(type="subscription", plan_id="month"))
        traffic = self.do("GET", "/auth/user").json["payload"]["traffic"]
        self.assertEqual(("50 GB a month", 50 * GB), (traffic["subscription"], traffic["subscription_bytes"]))
        days = "2026-01-15T00:00:00.000000Z", "2026-02-15T00:00:00.000000Z"
        self.assertEqual(days, (traffic["subscription_starts_at"], traffic["subscription_expires_at"]))

    def test_what_is_refused(self) -> None:
        """By the name of its field."""
        for field, members in (
            ("type", {"type": "gift"}),
            ("type", {"type": None}),
            ("plan_id", {"plan_id": "none"}),
            ("plan_id", {"plan_id": "month"}),
            ("plan_id", {"plan_id": 7}),
            ("coupon_code", {"coupon_code": "none"}),
            ("gate", {"gate": "x" * 65}),
            ("amount", {"amount": 0}),
            ("status", {"status": "completed"}),
        ):
            with named(members):
                self.invalid(self.do("POST", "/payments", ORDER | members), field)
        self.invalid(self.do("GET", f"/payments/{self.order()}/invoice?format=html"), "format")
        self.invalid(self.do("POST", "/payments", ORDER, who="tom"), "plan_id")

    def test_a_coupon_in_an_order(self) -> None:
        """Once; where nothing is left to be paid the order is completed at once."""
        self.coupon("SAVE10")
        self.coupon("GIFT100", value=100)
        self.assertEqual(17.99, self.do("GET", f"/payments/{self.order(coupon_code='save10')}").json["data"]["amount"])
        self.invalid(self.do("POST", "/payments", ORDER | {"coupon_code": "SAVE10"}), "coupon_code")
        free = self.order(coupon_code="GIFT100", plan_id="usd")
        found = self.do("GET", f"/payments/{free}").json["data"]
        self.assertEqual(("completed", 0.0, 0.0), (found["status"], found["amount"], found["amount_usd"]))

    def test_anothers_payment_is_none(self) -> None:
        """Answered as a number that nobody has, byte for byte, whatever is asked of it."""
        number = self.order()
        self.settle(number)
        for end in ("", "/check", "/invoice?format=pdf"):
            absent = self.do("GET", f"/payments/99{end}", who="eve")
            for asked in (number, "0", "-1", "x", "9" * 30, "%20"):
                with named((asked, end)):
                    answer = self.do("GET", f"/payments/{asked}{end}", who="eve")
                    self.assertEqual((404, absent.body), (answer.status, answer.body))
        self.assertEqual([], self.do("GET", "/payments", who="eve").json["data"])

    def test_page_by_page(self) -> None:
        made = [self.order() for _ in range(5)]
        found, cursor = [], ""
        while True:
            page = self.do("GET", f"/payments?limit=2&cursor={cursor}").json
            found += [each["id"] for each in page["data"]]
            cursor = page["next"]
            if not cursor:
                break
        self.assertEqual(made[::-1], found)
        self.invalid(self.do("GET", "/payments?cursor=x"), "cursor")


class WebhookTests(SellingCase):
    def setUp(self) -> None:
        super().setUp()
        self.number = int(self.order())

    def event(self, id_: str = "evt-1", **members: Any) -> dict[str, Any]:
        given = {"id": id_, "type": "order.settled", "order": self.number, "amount": "19.99", "currency": "EUR"}
        return given | members

    def tell(self, body: Any, *, at: int = NOON, key: bytes = KEY, field: str | None = None) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = [("Content-Type", "application/json")]
        if field != "":
            fields.append(("Meshd-Signature", field or sign(key, at, content)))
        answer = self.world.ask("POST", "/v1/webhooks/payments", *fields, who=None, body=content)
        CONTRACT.check("POST", "/v1/webhooks/payments", answer)
        return answer

    def test_paid(self) -> None:
        """Settles the order; told again it is refused, and adds nothing; another event of it adds nothing either."""
        self.assertEqual({"success": True, "order": self.number, "state": "settled"}, self.tell(self.event()).json)
        self.assertEqual(409, self.tell(self.event()).status)
        self.assertEqual(200, self.tell(self.event("evt-2")).status)
        self.assertEqual(10.0, self.bought())

    def test_forged(self) -> None:
        """Unsigned, of another body, by another secret, or kept for too long."""
        body = json.dumps(self.event()).encode()
        for sentence, answer in (
            ("unsigned", self.tell(body, field="")),
            ("signed by nonsense", self.tell(body, field="t=1,v1=x")),
            ("of another body", self.tell(body, field=sign(KEY, NOON, body + b" "))),
            ("by another secret", self.tell(body, key=b"x" * 16)),
            ("late", self.tell(body, at=NOON - 301)),
            ("ahead", self.tell(body, at=NOON + 301)),
        ):
            with named(sentence):
                self.assertEqual(401, answer.status)
        self.assertEqual(0.0, self.bought())
        self.assertEqual(200, self.tell(body, at=NOON - 300).status)

    def test_nothing_is_read_before_the_signature_is_right(self) -> None:
        """What is no JSON is told so to those who know the secret alone."""
        for body in (b"{", b"[]", b"\xff", b"[" * 5000):
            self.assertEqual(401, self.tell(body, key=b"x" * 16).status)
            self.assertEqual(422, self.tell(body).status)
        self.assertEqual(413, self.tell(b"x" * (16 * 1024 + 1)).status)
        self.world.store.away = AssertionError("the store was asked")
        self.assertEqual(401, self.tell(self.event(), key=b"x" * 16).status)

    def test_what_is_refused(self) -> None:
        for field, members in (
            ("amount", {"amount": "19.98"}),
            ("amount", {"currency": "USD"}),
            ("amount", {"amount": 19.99}),
            ("id", {"id": ""}),
            ("id", {"id": "x" * 101}),
            ("type", {"type": "order.made"}),
            ("order", {"order": "1"}),
            ("order", {"order": 0}),
            ("account", {"account": "eve"}),
        ):
            with named(members):
                self.invalid(self.tell(self.event(**members)), field)
        self.assertEqual(404, self.tell(self.event(order=999)).status)
        self.assertEqual(200, self.tell(self.event()).status)

    def test_without_a_secret_there_is_no_webhook(self) -> None:
        """And none without the dialect."""
        for selling, v1 in ((replace(SELLING, webhook_key=b""), V1()), (SELLING, None)):
            self.world.set_topology(v1=v1, selling=selling)
            self.assertEqual(404, self.tell(self.event()).status)
