from __future__ import annotations

import csv
import time

from meshd.model import UsageEntry
from meshd.store.statements import accounts, tops, usage
from meshd.values import period
from meshd.values.times import DAY, today
from tests.cli.support import CommandCase, named


class UsageTests(CommandCase):
    """Alice with a sub-account, and a customer whose name a spreadsheet would calculate, have used something."""

    def setUp(self) -> None:
        super().setUp()
        self.now = int(time.time())
        self.customer("alice", "--monthly-limit", "5")
        self.customer("kid", "--parent", "alice")
        self.old_account("=cmd")
        found = [self.store().run(accounts.by_username, name) for name in ("alice", "kid", "=cmd")]
        self.accounts = [each for each in found if each is not None]
        entries = [UsageEntry(each.id, each.parent_id or 0, 0, 10**9, 2 * 10**9, 7) for each in self.accounts]
        self.store().run(usage.apply, "j", 1, self.now, entries)

    def test_everybody(self) -> None:
        """A line an account, with its own period."""
        table = self.done("usage", "--all")
        self.assertEqual(["NAME", "PARENT", "FROM", "UNTIL", "UP", "DOWN", "TOTAL", "LIMIT"], table.rows[0])
        billing_day = self.accounts[0].billing_day
        dates = [today(period.start(billing_day, self.now)), today(period.following(billing_day, self.now))]
        self.assertEqual(["alice", "-", *dates, *["2", "GB", "4", "GB", "6", "GB", "5", "GB"]], table.rows[1])
        self.assertEqual(["kid", "alice", *dates, *["1", "GB", "2", "GB", "3", "GB", "none"]], table.rows[2])
        rows = self.done("usage", "--all", "--without-subaccounts", "--json").json
        self.assertEqual(["alice", "=cmd"], [row["username"] for row in rows])
        self.assertEqual({0}, {row["total_bytes"] for row in self.done("usage", "--all", "--last", "--json").json})

    def test_csv(self) -> None:
        """Names first, in the order that the manual tells; nothing that a spreadsheet would calculate."""
        month = today(self.now)[:7]
        lines = list(csv.reader(self.done("usage", "--all", "--month", month, "--csv").out.splitlines()))
        self.assertEqual(
            [
                "username",
                "parent",
                "plan",
                "active",
                "period_start",
                "period_end",
                "up_bytes",
                "down_bytes",
                "total_bytes",
                "exchanges",
                "limit_bytes",
            ],
            lines[0],
        )
        begin, end = period.month(month) or (0, 0)
        dates = [f"{today(begin)}T00:00:00Z", f"{today(end)}T00:00:00Z"]
        sums = ["2000000000", "4000000000", "6000000000", "14", "5000000000"]
        self.assertEqual(["alice", "", "10", "yes", *dates, *sums], lines[1])
        self.assertEqual("'=cmd", lines[3][0])

    def test_domains(self) -> None:
        """A family's, those with most bytes first."""
        day = self.now - self.now % DAY
        rows = [
            ((each.id, day, host), [size, 0, 1, 0]) for each in self.accounts[:2] for host, size in (("a", 5), ("b", 7))
        ]
        self.store().run(tops.record, rows, [])
        result = self.done("usage", "alice", "--domains")
        self.assertEqual([["b", "14", "B", "0", "B", "2", "0"], ["a", "10", "B", "0", "B", "2", "0"]], result.rows[1:])
        self.assertIn(f" to {today(self.now)}\n", result.err)
        facts = {"domain": "b", "up_bytes": 14, "down_bytes": 0, "exchanges": 2, "failures": 0}
        self.assertEqual(
            facts, self.done("usage", "alice", "--domains", "--month", today(self.now)[:7], "--json").json[0]
        )
        self.assertEqual([], self.done("usage", "alice", "--domains", "--month", "2001-01", "--json").json)

    def test_wrong_usage(self) -> None:
        """What does not go together is said, and nothing is done."""
        for argv in (
            [],
            ["alice", "--all"],
            ["alice", "--csv"],
            ["alice", "--last"],
            ["alice", "--month", "2026-10"],
            ["--all", "--domains"],
            ["--all", "--last", "--month", "2026-10"],
            ["--all", "--month", "2026-13"],
        ):
            with named(argv):
                self.misused("usage", *argv)
