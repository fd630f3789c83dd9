"""How often certificates are ordered for a name."""

from __future__ import annotations

from meshd.accounts.published import attempts
from meshd.accounts.published.attempts import HOUR
from meshd.store.statements import attempts as stored
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import DAY, NOON, OnPostgres


class AttemptsTests(PublishedCase):
    def begin(self, now: int, *names: str) -> int:
        return self.run_unit(attempts.begin, names, now)

    def test_four_an_hour(self) -> None:
        """For each name; the next may be begun when the first of them lies an hour back."""
        self.assertEqual([self.begin(NOON + number, "a.test", "b.test") for number in range(4)], [0] * 4)
        self.assertEqual(self.begin(NOON + 9, "a.test"), NOON + HOUR)
        self.assertEqual(self.begin(NOON + 9, "c.test", "b.test"), NOON + HOUR)
        self.assertEqual(self.begin(NOON + 9, "c.test"), 0)
        self.assertEqual(self.begin(NOON + HOUR, "a.test"), 0)
        self.assertEqual(self.begin(NOON + HOUR, "a.test"), NOON + 1 + HOUR)

    def test_ten_a_day(self) -> None:
        """However they are spread, and also where they succeeded."""
        for number in range(10):
            self.assertEqual(self.begin(NOON + number * HOUR, "a.test"), 0)
        self.assertEqual(self.begin(NOON + 11 * HOUR, "a.test"), NOON + DAY)
        self.assertEqual(self.begin(NOON + DAY, "a.test"), 0)

    def test_what_is_refused_is_not_counted(self) -> None:
        """And what lies a day back is forgotten."""
        for number in range(9):
            self.begin(NOON + number, "a.test")
        self.assertEqual(self.run_unit(stored.of, ["a.test", "b.test"]), {"a.test": [NOON + n for n in range(4)]})
        self.begin(NOON + 2 * DAY, "b.test")
        self.assertEqual(self.run_unit(stored.of, ["a.test", "b.test"]), {"b.test": [NOON + 2 * DAY]})

    def test_many_names(self) -> None:
        """More than one statement takes."""
        names = [f"{number}.test" for number in range(150)]
        self.assertEqual(self.begin(NOON, *names), 0)
        self.assertEqual(len(self.run_unit(stored.of, names)), 150)


class PostgresAttemptsTests(OnPostgres, AttemptsTests):
    """The same on PostgreSQL."""
