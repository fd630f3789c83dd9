"""Billing periods."""

from __future__ import annotations

from calendar import timegm
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.values import period

PERIODS = [
    # the rule, billing day, a moment, first second, first second of the next
    ("from the billing day on it is this month's", 15, "2024-05-15 00:00:00", "2024-05-15", "2024-06-15"),
    ("one second before it is last month's", 15, "2024-05-14 23:59:59", "2024-04-15", "2024-05-15"),
    ("day 1 is the calendar month", 1, "2024-12-31 23:59:59", "2024-12-01", "2025-01-01"),
    ("a period crosses the new year", 20, "2025-01-03 08:00:00", "2024-12-20", "2025-01-20"),
    ("day 31 is the last of February", 31, "2023-02-28 00:00:00", "2023-02-28", "2023-03-31"),
    ("and of a leap year's", 31, "2024-02-29 00:00:00", "2024-02-29", "2024-03-31"),
    ("whose 28th is still the old period", 31, "2024-02-28 23:59:59", "2024-01-31", "2024-02-29"),
    ("day 29 is the 28th where there is none", 29, "2023-02-28 12:00:00", "2023-02-28", "2023-03-29"),
    ("day 30 follows the 28th with the 30th", 30, "2023-03-29 23:59:59", "2023-02-28", "2023-03-30"),
    ("day 31 is the 30th of April", 31, "2024-04-30 00:00:00", "2024-04-30", "2024-05-31"),
]


def seconds(text: str) -> int:
    return timegm(datetime.fromisoformat(text).timetuple())


class Periods(SynchronousTestCase):
    def test_table(self) -> None:
        """Each moment lies in the period that the table gives it."""
        for rule, day, at, first, after in PERIODS:
            found = period.start(day, seconds(at)), period.following(day, seconds(at))
            self.assertEqual(found, (seconds(first), seconds(after)), rule)

    def test_the_one_before(self) -> None:
        """Ends where that of the moment begins."""
        found = period.before(31, seconds("2024-03-05 12:00:00"))
        self.assertEqual(found, (seconds("2024-01-31"), seconds("2024-02-29")))

    def test_months(self) -> None:
        """As they are called; whatever else is none."""
        self.assertEqual(period.month("2026-12"), (seconds("2026-12-01"), seconds("2027-01-01")))
        self.assertEqual(period.month("1970-01"), (0, seconds("1970-02-01")))
        for text in ("2026-13", "2026-00", "2026-1", "26-01", "1969-12", "2026-01-01", "", "2026-01\n", "\uff12026-01"):
            self.assertIsNone(period.month(text), text)

    @given(st.integers(1, 31), st.integers(0, 2**33))
    def test_periods_join(self, day: int, at: int) -> None:
        """A period holds its moment, and ends in the very second in which the next begins."""
        first, after = period.start(day, at), period.following(day, at)
        self.assertTrue(first <= at < after)
        self.assertEqual(period.start(day, after), after)
        self.assertEqual(period.start(day, after - 1), first)
        self.assertIn((after - first) // 86_400, range(28, 32))
        self.assertEqual(datetime.fromtimestamp(first, UTC).time().isoformat(), "00:00:00")
