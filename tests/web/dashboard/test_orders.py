"""What customers see of their orders."""

from __future__ import annotations

from meshd.accounts import coupons
from meshd.accounts.coupons import NewCoupon
from meshd.topology import V1
from meshd.values.offers import Selling
from tests.web.dashboard.selling import OPERATOR, TEN, opened, ordered, settled, sold
from tests.web.dashboard.support import PagesTestCase, named
from tests.web.dashboard.test_hostile import HOSTILE
from tests.web.support import NOON

ORDERS = "/account/orders/"


class OrderTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        opened(self.world)
        self.browser.sign_in()

    def test_where_the_page_is_found(self) -> None:
        """Where something is sold, or the dialect is on; no sub-account buys."""
        for sentence, selling, v1, shown in (
            ("nothing is sold", Selling(), None, False),
            ("something is sold", self.world.live.topology.selling, None, True),
            ("the dialect is on", Selling(), V1(), True),
        ):
            with named(sentence):
                self.world.set_topology(selling=selling, v1=v1)
                self.assertEqual(shown, ORDERS in self.browser.open("/account/dashboard/").links.values())
                self.assertEqual(200, self.browser.open(ORDERS).status)
        sub = self.signed_in("sub")
        self.assertNotIn(ORDERS, sub.page.links.values())
        self.assertEqual(403, sub.ask("GET", ORDERS).status)

    def test_from_the_order_to_the_invoice(self) -> None:
        """How to pay is told beside it; the invoice once it is paid."""
        self.browser.open(ORDERS)
        page = self.browser.send(ORDERS, offer="ten", coupon="")
        self.assertIn("Order 1 was made.", page.text)
        self.assertIn("Transfer 19.99 EUR for 1.", page.text)
        self.assertEqual(404, self.browser.ask("GET", f"{ORDERS}1/invoice.pdf").status)
        settled(self.world, ordered(self.world))
        self.assertIn("/account/orders/2/invoice.pdf", self.browser.open(ORDERS).links.values())
        answer = self.world.ask("GET", f"{ORDERS}2/invoice.pdf", self.cookie(), who=None)
        self.assertEqual((200, "application/pdf"), (answer.status, answer.one("Content-Type")))
        page = self.browser.send(f"{ORDERS}cancel/")
        self.assertIn("Order 1 was cancelled.", page.text)

    def cookie(self) -> tuple[str, str]:
        return "Cookie", "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())

    def test_a_coupon(self) -> None:
        """One that takes all off settles the order; one that is not is told beside the field."""
        new = NewCoupon(code="GIFT", kind="percent", value=100)
        self.world.store.file.run(coupons.create, OPERATOR, new, known={}, now=NOON)
        self.browser.open(ORDERS)
        page = self.browser.ask("POST", ORDERS, self.browser.page.form(ORDERS) | {"offer": "ten", "coupon": "none"})
        self.assertEqual(400, page.status)
        self.assertIn(coupons.UNKNOWN, page.text)
        page = self.browser.send(ORDERS, offer="ten", coupon="gift")
        self.assertIn("Order 1 was made: it costs nothing", page.text)

    def test_guessing_a_coupon(self) -> None:
        """Twenty wrong codes in an hour; then no code is looked at, and what is ordered without one is ordered."""
        self.browser.open(ORDERS)
        form = self.browser.page.form(ORDERS) | {"offer": "ten"}
        for number in range(22):
            page = self.browser.ask("POST", ORDERS, form | {"coupon": f"wrong{number}"})
            with named(number):
                expected = (400, False) if number < 20 else (429, True)
                self.assertEqual((page.status, "too many codes were wrong" in page.text.lower()), expected)
        self.assertEqual(self.browser.ask("POST", ORDERS, form | {"coupon": ""}).status, 303)

    def test_what_is_refused(self) -> None:
        """Offers that are none, numbers that are another's."""
        ordered(self.world, "eve")
        other = ordered(self.world)
        self.browser.open(ORDERS)
        form = self.browser.page.form(ORDERS)
        self.assertEqual(400, self.browser.ask("POST", ORDERS, form | {"offer": "none"}).status)
        cancel = {"csrf": form["csrf"]}
        for number, status in ((1, 404), (99, 404), ("x", 400), (other.id, 303), (other.id, 303)):
            with named(number):
                self.assertEqual(
                    status, self.browser.ask("POST", f"{ORDERS}cancel/", cancel | {"number": number}).status
                )
        tom = self.signed_in("tom")
        tom.open(ORDERS)
        page = tom.ask("POST", ORDERS, tom.page.form(ORDERS) | {"offer": "ten"})
        self.assertIn("there is nothing to buy", page.text)

    def test_anothers_invoice(self) -> None:
        """Is a page that there is not, for a customer and for an operator who looks among her own."""
        sold(self.world)
        self.world.account("ada", plan="20", role="admin")
        for who in ("eve", "ada"):
            self.assertEqual(404, self.signed_in(who).ask("GET", f"{ORDERS}1/invoice.pdf").status)

    def test_page_by_page(self) -> None:
        for _ in range(11):
            for _ in range(5):
                last = ordered(self.world)
                settled(self.world, last)
        first = self.browser.open(ORDERS)
        self.assertIn(f"{ORDERS}{last.id}/invoice.pdf", first.links.get("Invoice", "") + str(first.links))
        older = self.browser.open(first.links["Older ones"])
        self.assertIn("Newest ones", older.links)
        self.assertNotIn("Older ones", older.links)

    def test_hostile_texts(self) -> None:
        """What an operator called an offer, what somebody types as a coupon."""
        for text in HOSTILE:
            with named(text):
                ordered(self.world, offer=TEN.__class__("x", "regular", 1, 1, "EUR", text[:100]))
                self.browser.open(ORDERS)
                self.browser.ask("POST", ORDERS, self.browser.page.form(ORDERS) | {"offer": "ten", "coupon": text[:40]})
                raw = self.browser.page.answer.body.decode()
                for sign in ("<script>alert", "<svg onload", '" onfocus'):
                    self.assertNotIn(sign, raw)
