"""The manual's table is the catalogue."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.metrics.catalogue import FAMILIES
from meshd.metrics.page import renewed, table
from tests.support.manual import ROOT

PAGE = ROOT / "docs/metrics.md"


class PageTests(SynchronousTestCase):
    def test_the_table_is_todays(self) -> None:
        """`python -m meshd.metrics.page docs/metrics.md` renews it."""
        page = PAGE.read_text()
        self.assertEqual(renewed(page), page)
        self.assertEqual(len(list(table())), len(FAMILIES) + 2)

    def test_nothing_else_is_changed(self) -> None:
        page = PAGE.read_text()
        old = page.replace("| gauge |", "| counter |")
        self.assertEqual(renewed(old), page)
