"""The comparison of two APIs of one daemon: its ratio, its table, and a short run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench import v1
from bench.api import Sample

PROGRAM = Path(__file__).parents[2] / "bench" / "v1.py"


def samples(*figures: float) -> list[Sample]:
    return [Sample(figure, figure, 1, 0) for figure in figures]


class RatioTests(SynchronousTestCase):
    FOUND = {v1.KEY: samples(900, 1000, 10), "a token": samples(500, 600, 450), "a password": samples(400, 800, 450)}

    def test_it_is_to_the_quickest_of_the_others(self) -> None:
        """By medians: a round that a busy machine spoilt moves none."""
        self.assertEqual(v1.ratio(self.FOUND), 900 / 500)

    def test_the_table_has_it_too(self) -> None:
        told = v1.report(self.FOUND, 16, 0.1)
        self.assertIn("1.80 times", told)
        self.assertIn("at least 1x", told)


class RunTests(SynchronousTestCase):
    def test_a_short_run(self) -> None:
        """Each is asked, and none fails."""
        words = [sys.executable, str(PROGRAM), "--seconds", "0.2", "--rounds", "1", "--clients", "2"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertIn("times as many per CPU second", done.stdout, done.stderr)
        self.assertEqual(done.stderr.count("per CPU second"), 3)
