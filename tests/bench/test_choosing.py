"""How what was found becomes tables, and that the measurement runs."""

from __future__ import annotations

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from bench import choosing, works
from bench.choosing import Found, Way
from bench.table import quotient

WAYS = [Way("none", chooses=False), Way("random"), Way("direct", table=1), Way("other", table=1)]


class TableTests(SynchronousTestCase):
    def test_medians_and_ratios_to_the_first_row(self) -> None:
        """What was not measured is a dash."""
        found = [Found("none", "connect", each) for each in (90, 100, 990)]
        found += [Found("random", "connect", each) for each in (94, 95, 96)]
        *_, none, random = choosing.table(WAYS[:2], choosing.medians(found)).splitlines()
        self.assertEqual(none, "| none | 100 | - | - |")
        self.assertEqual(random, "| random | 95 (0.95x) | - | - |")

    def test_a_report_has_both_tables(self) -> None:
        """Each with its own first row."""
        found = [Found(way.name, "connect", 100) for way in WAYS]
        told = choosing.report(WAYS, found, 0.25, "the command")
        self.assertEqual(told.count("| --- |"), 2)
        self.assertIn("`the command`", told)
        self.assertIn("25%", told)

    def test_a_run_too_short_for_an_exchange_has_no_ratios(self) -> None:
        """As on a busy machine: nothing is divided by nothing."""
        found = [Found(way.name, "connect", 0.0) for way in WAYS]
        self.assertIn("| random | 0 | - | - |", choosing.table(WAYS[:2], choosing.medians(found)))
        self.assertEqual(quotient(5.0, 0.0), 0.0)


class RunTests(SynchronousTestCase):
    def test_a_short_run_prints_its_figures(self) -> None:
        """Every way works, whatever its figures are."""
        self.patch(works, "WARM_UP", 0.05)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            choosing.main(["--seconds", "0.05", "--rounds", "1"])
        text = printed.getvalue()
        for name in ("no choice at all", "a sticky key", "another proxy, by HTTP with a password"):
            self.assertIn(f"| {name} | ", text)
