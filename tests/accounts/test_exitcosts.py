"""What exits cost: exact, rounded once, and unknown where it is unknown."""

from __future__ import annotations

from decimal import Decimal

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.exitcosts import Rates, Total
from meshd.store.statements.tops import OTHER, Sum
from meshd.topology import Exit, Topology
from meshd.values.costs import amount, cost, read_rate

EXITS = (Exit("a", "direct", cost=Decimal("2.50")), Exit("b", "direct"), Exit("seller-0123abcd", "direct"))


def rates(currency: str = "EUR") -> Rates:
    return Rates(Topology({}, EXITS, {}, cost_currency=currency, list_costs={"seller": Decimal("0.8")}))


def moved(name: str, up: int, down: int = 0) -> Sum:
    return Sum(name, up, down, 1, 0)


class RateTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Decimals alone, of bounded length."""
        for text, rate in (("2.50", "2.50"), ("0", "0"), ("9999999.999999", "9999999.999999")):
            self.assertEqual(read_rate(text), Decimal(rate))
        for text in ("", "-1", "1e3", ".5", "5.", "1.1234567", "12345678", "NaN", "1,5", "2.50 EUR", "٢"):
            self.assertRaises(ValueError, read_rate, text)

    def test_exact(self) -> None:
        """No float on the way: a byte at the dearest rate is seen, and nothing is lost of very many."""
        self.assertEqual(cost(Decimal("0.1"), 3), Decimal("0.0000000003"))
        self.assertEqual(cost(Decimal("9999999.999999"), 2**62), Decimal("46116860184269267.353981572612096"))

    def test_rounded(self) -> None:
        """To what the currency has, a half up."""
        for value, currency, text in (
            ("1.005", "EUR", "1.01"), ("1.004999", "EUR", "1.00"), ("0.5", "JPY", "1"), ("0.0005", "KWD", "0.001"),
        ):  # fmt: skip
            self.assertEqual(amount(Decimal(value), currency), text)

    def test_by_exit(self) -> None:
        """By its own rate, or by that of the list that had it once; one that is there and says nothing has none."""
        for name, text in (
            ("a", "2.50"), ("b", None), ("seller-0123abcd", None), ("seller-89abcdef", "0.80"),
            ("seller-0123456789abcdef", "0.80"), ("seller-89abcde", None), ("other-89abcdef", None), (OTHER, None),
        ):  # fmt: skip
            self.assertEqual(rates().cost(moved(name, 4 * 10**8, 6 * 10**8)), text, name)

    def test_total(self) -> None:
        """The sum of what is exact, and how many are not in it; who moved nothing is nowhere."""
        sums = [moved("a", 1_400_000), moved("seller-89abcdef", 1_900_000), moved("b", 5), moved(OTHER, 0)]
        self.assertEqual([rates().cost(each) for each in sums[:2]], ["0.00", "0.00"])
        self.assertEqual(rates().total(sums), Total("0.01", 1))
        self.assertEqual(rates().total([]), Total("0.00", 0))
        self.assertEqual(rates().of([sums[0], None, sums[2]]), {"a": "0.00 EUR"})
