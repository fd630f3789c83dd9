from __future__ import annotations

import time

from meshd.store.statements import opened, tops
from meshd.store.statements.tops import EXIT, HOUR, OUTCOME
from tests.cli.support import CommandCase


class OverviewTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = int(time.time())
        hour = self.now - self.now % HOUR
        rows = [
            ((OUTCOME, hour, "served"), [1000, 2000, 7, 0]),
            ((OUTCOME, hour - 20 * HOUR, "auth"), [0, 0, 2, 2]),
            ((EXIT, hour, "rack-1"), [1000, 2000, 7, 1]),
        ]
        self.store().run(tops.record, [], rows)
        self.store().run(opened.write, "a", self.now, 5, [])
        self.customer("alice")

    def test_overview(self) -> None:
        """What there was none of is left out of the table, and a 0 in JSON."""
        table = self.done("overview")
        self.assertEqual(
            [
                ["LAST", "HOUR", "LAST", "DAY", "LAST", "MONTH"],
                ["exchanges", "7", "9", "9"],
                ["served", "7", "7", "7"],
                ["auth", "0", "2", "2"],
                ["up", *["1", "kB"] * 3],
                ["down", *["2", "kB"] * 3],
                ["accounts", "active", "0", "0", "0"],
                ["accounts", "made", "1", "1", "1"],
                [],
                ["open", "now", "5"],
                ["exits", "1", "up,", "0", "resting,", "0", "drained"],
            ],
            table.rows,
        )
        shown = self.done("overview", "--json").json
        self.assertEqual(({"up": 1, "resting": 0, "drained": 0}, 5), (shown["exits"], shown["open"]))
        self.assertEqual(
            (7, 0, 1),
            (
                shown["spans"]["hour"]["exchanges"],
                shown["spans"]["hour"]["outcomes"]["auth"],
                shown["spans"]["hour"]["accounts_made"],
            ),
        )

    def test_by_exit(self) -> None:
        """Of the day, if nothing else is asked for."""
        self.assertEqual([["rack-1", "7", "1", "1", "kB", "2", "kB", "-"]], self.done("exit", "usage").rows[1:])
        row = {"exit": "rack-1", "exchanges": 7, "failures": 1, "up_bytes": 1000, "down_bytes": 2000}
        row |= {"cost": None, "currency": "USD"}
        self.assertEqual([row], self.done("exit", "usage", "--span", "hour", "--json").json)
        self.misused("exit", "usage", "--span", "year")
