"""Amounts of money."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.values import money


class MoneyTests(SynchronousTestCase):
    """As tables."""

    def test_read_and_written(self) -> None:
        """Every currency with its own decimals, exactly."""
        for text, currency, amount, shown, number in (
            ("9.99", "EUR", 999, "9.99", 9.99),
            ("9.9", "EUR", 990, "9.90", 9.9),
            ("9", "EUR", 900, "9.00", 9.0),
            ("0.01", "USD", 1, "0.01", 0.01),
            ("0", "EUR", 0, "0.00", 0.0),
            ("1200", "JPY", 1200, "1200", 1200),
            ("1.234", "KWD", 1234, "1.234", 1.234),
            ("9999999999.99", "EUR", 999999999999, "9999999999.99", 9999999999.99),
        ):
            self.assertEqual(amount, money.minor(text, currency), text)
            self.assertEqual((shown, number), (money.decimal(amount, currency), money.number(amount, currency)), text)
        self.assertEqual("9.90 EUR", money.shown(990, "EUR"))

    def test_what_is_none(self) -> None:
        for text, currency in (
            ("", "EUR"),
            ("-1", "EUR"),
            ("+1", "EUR"),
            ("1,50", "EUR"),
            ("1e2", "EUR"),
            (".5", "EUR"),
            ("1.", "EUR"),
            ("1.005", "EUR"),
            ("1.0", "JPY"),
            ("1.0001", "KWD"),
            ("٣", "EUR"),
            ("nan", "EUR"),
            ("1\n", "EUR"),
            ("10000000000.01", "EUR"),
            ("9" * 14, "JPY"),
        ):
            self.assertRaises(ValueError, money.minor, text, currency)

    def test_shares(self) -> None:
        """To the nearest minor unit, a half up."""
        for amount, percent, part in ((1999, 50, 1000), (1, 50, 1), (1, 49, 0), (3, 33, 1), (10**12, 100, 10**12)):
            self.assertEqual(part, money.share(amount, percent))

    def test_prices_of_one(self) -> None:
        """Two decimals more exact than the currency, a half up."""
        for amount, count, currency, one in (
            (1999, 10, "EUR", 1.999),
            (1000, 3, "EUR", 3.3333),
            (2, 3, "EUR", 0.0067),
            (100, 3, "JPY", 33.33),
        ):
            self.assertEqual(one, money.per(amount, count, currency))

    def test_currencies(self) -> None:
        self.assertTrue(money.is_currency("EUR"))
        for text in ("eur", "EURO", "", "E1R", "EUR\n"):
            self.assertFalse(money.is_currency(text))
