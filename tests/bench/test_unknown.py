"""The heads that are compared, and that the measurement runs."""

from __future__ import annotations

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from bench import unknown
from bench.unknown import Found


class HeadTests(SynchronousTestCase):
    def test_a_plain_head_has_the_size_that_is_wanted(self) -> None:
        """Whatever it is, as long as a field fits; and each of its lines ends as lines do."""
        for size in (len(unknown.GET) + 6, 100, 4_090, 4_100, 8_200, 15_000):
            head = unknown.filled(unknown.GET, size, b"X: y\r\n" if size > 100 else b"")
            self.assertEqual(len(head), size)
            self.assertTrue(head.endswith(b"\r\n\r\n"))
            self.assertTrue(all(b":" in line for line in head.splitlines()[1:-1]), head)

    def test_both_of_a_kind_have_one_size(self) -> None:
        """Else a ratio would say nothing."""
        for kind in unknown.kinds():
            beside = [kind.guess(1)] if kind.guess else [head for head in (kind.plain, kind.refused) if head]
            self.assertEqual({len(head) for head in beside}, {len(kind.sent(1))}, kind.name)

    def test_a_table_tells_the_ratio(self) -> None:
        """Of the kind to the plain one."""
        (*_, row) = unknown.table([Found("proxy: much", 15_000, 1_234.5, 500)]).splitlines()
        self.assertEqual(row, "| proxy: much | 15,000 | 1,234 | 500 | 2.5 |")


class RunTests(SynchronousTestCase):
    def test_a_short_run_prints_its_figures(self) -> None:
        """For each kind, whatever they are."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            unknown.main(["--heads", "20", "--rounds", "1"])
        for kind in unknown.kinds():
            self.assertIn(f"| {kind.place}: {kind.name} | {len(kind.sent(0)):,} | ", printed.getvalue())
