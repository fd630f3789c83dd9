"""The programs, run: short, and with meshd alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon

BENCH = Path(__file__).parents[2] / "bench"


class TreeTests(SynchronousTestCase):
    def test_a_tree_that_is_measured_beside_this_one_has_its_own_command(self) -> None:
        """Its accounts are made by its own rules, wherever the measurement is started."""
        tree = Path(self.mktemp()).resolve()
        (tree / "meshd" / "cli").mkdir(parents=True)
        for package in (tree / "meshd", tree / "meshd" / "cli"):
            (package / "__init__.py").touch()
        (tree / "meshd" / "cli" / "main.py").write_text("def main():\n    print('another tree')\n")
        daemon = LiveDaemon(tree=str(tree), start=False)
        self.addCleanup(daemon.close)
        self.assertEqual(daemon.cli("whatever"), "another tree\n")


@skipUnless(shutil.which("cc"), "no C compiler")
class RunTests(SynchronousTestCase):
    """A comparison that nobody starts until a release would be broken by then."""

    def run_program(self, name: str, *arguments: str, statuses: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [sys.executable, str(BENCH / name), *arguments], check=False, capture_output=True, text=True, timeout=60
        )
        self.assertIn(done.returncode, statuses, done.stdout + done.stderr)
        return done.stdout

    def test_a_comparison_of_meshd_alone_measures_each_work(self) -> None:
        """Every cell of its row has a figure."""
        words = ("--seconds", "0.3", "--rounds", "1", "--idle", "50", "--only", "meshd")
        said = self.run_program("compare.py", *words, statuses=(0, 1))  # 1: too short for an exchange, here
        row = next(line for line in said.splitlines() if line.startswith("| meshd |"))
        figures = [float(cell.strip().replace(",", "")) for cell in row.strip("|").split("|")[1:]]
        self.assertEqual(len(figures), 4)

    def test_published_hosts_of_meshd_alone_do_each_work(self) -> None:
        said = self.run_program("reverse.py", "--seconds", "0.5", "--rounds", "1", "--only", "meshd")
        row = next(line for line in said.splitlines() if line.startswith("| meshd |"))
        figures = [float(cell.strip().replace(",", "")) for cell in row.strip("|").split("|")[1:]]
        self.assertGreater(min(figures), 0)

    def test_limits_and_neighbours_are_measured(self) -> None:
        """Whatever the figures are."""
        self.assertIn("| 1 MB | 20 |", self.run_program("limited.py", "--rounds", "1", "--most", "1000000"))
        self.assertIn("| tunnel down | this |", self.run_program("neighbours.py", "--seconds", "0.3"))

    def test_idle_tunnels_stand_beside_work(self) -> None:
        """All of them, to the end; whether the others were as quick is not for such a short run to say."""
        words = ("--seconds", "0.5", "--rounds", "1", "--tunnels", "50", "--workers", "4")
        self.assertIn("tunnels lost: 0", self.run_program("idle.py", *words, statuses=(0, 1)))
