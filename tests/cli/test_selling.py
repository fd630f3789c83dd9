"""`meshd order` and `meshd coupon`."""

from __future__ import annotations

import os

from tests.cli.support import CommandCase, named

OFFERS = """
[offers.ten]
gb = 10
price = "19.99"
currency = "EUR"
[selling]
name = "Mesh Ltd"
"""


class SellingCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice", "--monthly-limit", "0.000000001")
        self.config = ["--config", self.settings(OFFERS)]


class OrderTests(SellingCase):
    def test_from_the_order_to_the_invoice(self) -> None:
        ordered = self.done("order", "create", "alice", "ten", *self.config).facts
        self.assertEqual(
            ("1", "10 GB, 10 GB", "19.99 EUR", "open"),
            tuple(ordered[name] for name in ("number", "what", "amount", "state")),
        )
        settled = self.done("order", "settle", "1", "--reference", "bank 7", *self.config)
        self.assertEqual(
            ("settled", "bank 7", "1"), tuple(settled.facts[name] for name in ("state", "reference", "invoice"))
        )
        again = self.done("order", "settle", "1", "--json", *self.config)
        self.assertEqual("This order was settled before; nothing is added now.\n", again.err)
        self.assertEqual("10 GB", self.done("account", "show", "alice").facts["prepaid"])
        path = os.path.join(self.folder, "invoice.pdf")
        self.assertIn("invoice 1, ", self.done("order", "invoice", "1", path, *self.config).err)
        with open(path, "rb") as file:
            self.assertTrue(file.read().startswith(b"%PDF-1."))

    def test_the_list(self) -> None:
        """By state, and as JSON."""
        for _ in range(2):
            self.done("order", "create", "alice", "ten", *self.config)
        self.assertEqual("cancelled", self.done("order", "cancel", "1").facts["state"])
        header, *rows = self.done("order", "list").rows
        self.assertEqual(("NUMBER", "2", "1"), (header[0], rows[0][0], rows[1][0]))
        (shown,) = self.done("order", "list", "--state", "cancelled", "--account", "alice", "--json").json
        self.assertEqual(
            (1, "19.99", "EUR", "cancelled"), tuple(shown[name] for name in ("number", "amount", "currency", "state"))
        )
        self.assertIsNone(self.done("order", "show", "2", "--json").json["invoice"])

    def test_what_is_refused(self) -> None:
        self.customer("bob")
        self.done("order", "create", "alice", "ten", *self.config)
        for told, *argv in (
            ("the settings have no offer 'tem' (did you mean 'ten'?)", "order", "create", "alice", "tem", *self.config),
            (
                "username: This account has no limit, so there is nothing to buy.",
                "order",
                "create",
                "bob",
                "ten",
                *self.config,
            ),
            ("there is no order 9", "order", "settle", "9"),
            ("there is no order 9", "order", "cancel", "9"),
            ("there is no order 9", "order", "show", "9"),
            ("there is no account named 'nobody'", "order", "list", "--account", "nobody"),
            ("order 1 is open: only what was paid has an invoice", "order", "invoice", "1", "-"),
        ):
            with named(argv):
                self.refused(told, *argv)
        self.misused("order", "list", "--state", "paid")


class CouponTests(SellingCase):
    def test_each_kind(self) -> None:
        for worth, *options in (
            ("10 % off", "--percent", "10"),
            ("5.00 EUR off", "--amount", "5", "--currency", "EUR", "--offer", "ten", *self.config),
            ("2.5 GB", "--gb", "2.5", "--uses", "100", "--each", "0", "--until", "2099-12-31"),
        ):
            with named(worth):
                self.assertEqual(worth, self.done("coupon", "create", f"CODE-{options[0]}", *options).facts["worth"])
        gift = self.done("coupon", "list", "--json").json[0]
        self.assertEqual(
            (100, 0, "2099-12-31", True), tuple(gift[name] for name in ("uses", "each_uses", "last_day", "active"))
        )
        disabled = self.done("coupon", "disable", "code---gb").facts
        self.assertEqual(("CODE---GB", "disabled"), (disabled["code"], disabled["state"]))
        header, *rows = self.done("coupon", "list").rows
        self.assertEqual((["CODE", "WORTH"], 3), (header[:2], len(rows)))

    def test_a_code_that_is_made_up(self) -> None:
        """Is long enough that nobody guesses it."""
        first, second = (self.done("coupon", "create", "--percent", "10").facts["code"] for _ in range(2))
        self.assertNotEqual(first, second)
        self.assertGreaterEqual(len(first), 12)

    def test_in_an_order(self) -> None:
        self.done("coupon", "create", "SAVE", "--percent", "100")
        self.assertEqual(
            "settled", self.done("order", "create", "alice", "ten", "--coupon", "save", *self.config).facts["state"]
        )

    def test_what_is_refused(self) -> None:
        self.done("coupon", "create", "SAVE", "--percent", "10")
        for told, *argv in (
            ("code: There is a coupon of this code already.", "coupon", "create", "save", "--percent", "5"),
            (
                "--amount '5.001': EUR has 2 decimals",
                "coupon",
                "create",
                "X123",
                "--amount",
                "5.001",
                "--currency",
                "EUR",
            ),
            ("currency: Enter the currency of the amount, such as EUR.", "coupon", "create", "X123", "--amount", "5"),
            ("there is no coupon 'NONE'", "coupon", "disable", "none"),
        ):
            with named(argv):
                self.refused(told, *argv)
        for misused in ((), ("--percent", "0"), ("--percent", "5", "--gb", "1"), ("--gb", "1", "--uses", "-1")):
            self.misused("coupon", "create", "X123", *misused)
