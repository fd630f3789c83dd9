"""`[offers.NAME]` and `[selling]`."""

from __future__ import annotations

import os

from meshd.config import ConfigError, rows
from meshd.values.offers import Offer, Selling
from tests.config.support import ConfigTestCase

TEN = '[offers.ten]\ngb = 10\nprice = "19.99"\ncurrency = "EUR"\n'


class OfferTests(ConfigTestCase):
    def offers(self, text: str) -> list[Offer]:
        return list(self.load(text).topology.selling.offers.values())

    def test_in_the_files_order(self) -> None:
        """With prices in minor units, and titles where none are given."""
        month = '[offers.month]\nkind = "subscription"\ngb = 50\nprice = "4900"\ncurrency = "JPY"\n'
        kept = f'{month.replace("month", "kept")}title = "Kept"\nperiod = "monthly"\nrollover_enabled = true\n'
        self.assertEqual(
            self.offers(month + TEN + kept),
            [
                Offer("month", "subscription", 50, 4900, "JPY", "50 GB a month", "monthly"),
                Offer("ten", "regular", 10, 1999, "EUR", "10 GB"),
                Offer("kept", "subscription", 50, 4900, "JPY", "Kept", "monthly", True),
            ],
        )
        self.assertEqual(self.offers(""), [])

    def test_what_is_refused(self) -> None:
        """With the line, and what is wrong."""
        for text, told in (
            ("[offers]\nten = 5", "line 2: [offers.ten] must be a table"),
            ('[offers."a b"]\n', "line 1: [offers] a b must be a name"),
            ('[offers.ten]\ngb = 10\ncurrency = "EUR"', "line 1: [offers.ten] price is missing"),
            (TEN.replace("10", "0"), "line 2: [offers.ten] gb must be a whole number of GB from 1 to 1000000, not 0"),
            (TEN.replace("10", "0.5"), "line 2: [offers.ten] gb must be"),
            (TEN.replace('"19.99"', "19.99"), 'line 3: [offers.ten] price must be a decimal in quotes such as "9.99"'),
            (TEN.replace("19.99", "19.999"), "line 1: [offers.ten] price must be an amount of EUR: EUR has 2 decimals"),
            (TEN.replace("EUR", "JPY"), "price must be an amount of JPY: JPY has no decimals"),
            (TEN.replace("19.99", "0.00"), "price must be more than 0"),
            (TEN.replace("19.99", "99999999999"), "price must be an amount of EUR: it is more than 10000000000.00"),
            (TEN.replace("EUR", "eur"), "line 4: [offers.ten] currency must be"),
            (f'{TEN}period = "monthly"', 'period is for kind = "subscription" alone'),
            (f'{TEN}kind = "gift"', 'line 5: [offers.ten] kind must be "regular" or "subscription"'),
            (f'{TEN}title = "{"x" * 101}"', "line 5: [offers.ten] title must be text of at most 100 characters"),
            (f"{TEN}vat = 19", "line 5: [offers.ten] unknown key 'vat'"),
        ):
            error = self.assertRaises(ConfigError, self.load, text)
            self.assertIn(told, str(error), text)

    def test_it_is_shown(self) -> None:
        shown = {key: value for key, value, _ in rows(self.load(TEN))}
        self.assertEqual(("19.99", "false"), (shown["offers.ten.price"], shown["offers.ten.rollover_enabled"]))


class SellingTests(ConfigTestCase):
    def test_the_seller(self) -> None:
        text = (
            '[selling]\nname = "Mesh Ltd"\naddress = ["1 Example Street", "VAT X1"]\nnote = "No VAT."\n'
            'instructions = """\nTransfer {amount}\nand name {number}."""\ndays = 7'
        )
        selling = self.load(text).topology.selling
        self.assertEqual(("1 Example Street", "VAT X1"), selling.address)
        self.assertEqual("Transfer 19.99 EUR\nand name 12.", selling.told(12, 1999, "EUR"))
        self.assertEqual(Selling(), self.load("").topology.selling)

    def test_a_font(self) -> None:
        """Must be one that invoices can be made with."""
        self.write("right.ttf", b"\0\1\0\0" + b"x" * 100)
        self.write("wrong.ttf", b"OTTO" + b"x" * 100)
        selling = self.load('[selling]\nfont = "right.ttf"').topology.selling
        self.assertEqual(str(self.folder / "right.ttf"), selling.font)
        for name, told in (("wrong.ttf", "is no TrueType font"), ("none.ttf", "cannot be read")):
            error = self.assertRaises(ConfigError, self.load, f'[selling]\nfont = "{name}"')
            self.assertIn(told, str(error))


class WebhookTests(ConfigTestCase):
    """`v1.webhook_secret`."""

    def test_the_secret_is_read(self) -> None:
        """And shown nowhere."""
        self.write("hook", "  0123456789abcdef\n")
        config = self.load('[v1]\nwebhook_secret = "hook"')
        self.assertIsNotNone(config.topology.v1)
        self.assertEqual(b"0123456789abcdef", config.topology.selling.webhook_key)
        self.assertNotIn("0123456789abcdef", repr(config.topology))
        shown = {key: value for key, value, _ in rows(config)}
        self.assertEqual(os.fspath(self.folder / "hook"), shown["v1.webhook_secret"])

    def test_what_is_refused(self) -> None:
        """A file that is open to others, that is not there, that holds too little."""
        for sentence, content, mode, told in (
            ("open to others", "0123456789abcdef", 0o644, "is open to others (mode 0644): chmod 640 or 600"),
            ("too short", "0123456789abcde\n", 0o600, "must hold 16 to 4096 bytes"),
            ("too long", "x" * 4097, 0o600, "must hold 16 to 4096 bytes"),
            ("not there", None, 0, "cannot be read"),
        ):
            name = sentence.replace(" ", "-")
            if content is not None:
                self.write(name, content, mode)
            error = self.assertRaises(ConfigError, self.load, f'[v1]\nwebhook_secret = "{name}"')
            self.assertIn(f"line 2: v1.webhook_secret: {self.folder / name} {told}", str(error))
