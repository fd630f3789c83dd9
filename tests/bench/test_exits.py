"""The measuring of choices, on sizes that take no time."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

from twisted.trial.unittest import SynchronousTestCase

from bench import exits


class ExitsTests(SynchronousTestCase):
    def test_a_row_for_each_size(self) -> None:
        """With a figure in every cell, and a line for the spread."""
        out = io.StringIO()
        with redirect_stdout(out):
            exits.main(["--sizes", "1", "40", "--calls", "3", "--ring", "40", "--keys", "400"])
        _, header, *rows, spread = out.getvalue().splitlines()
        self.assertIn("sticky key", header)
        self.assertEqual([row.split()[0] for row in rows], ["1", "40"])
        self.assertEqual({len([float(cell) for cell in row.split()]) for row in rows}, {8})
        self.assertIn("400 keys over 40 exits", spread)

    def test_shares_are_all_of_the_keys(self) -> None:
        """Whether or not an exit has any."""
        found = exits.shares(40, 400)
        self.assertEqual(len(found), 40)
        self.assertAlmostEqual(sum(found), 40)
        self.assertEqual(found, sorted(found))

    def test_every_work_finds_an_exit(self) -> None:
        """Also where there is but one."""
        for size in (1, 40):
            pools, *_ = exits.built(size)
            for name, wish in exits.works(size).items():
                self.assertGreaterEqual(exits.cost(pools, wish, 1), 0.0, name)
