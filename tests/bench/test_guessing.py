"""How a difference is told from noise, and that the measurement runs."""

from __future__ import annotations

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from bench import guessing


class JudgingTests(SynchronousTestCase):
    def test_the_noise_is_what_a_way_differs_by_from_itself(self) -> None:
        """The medians of its even and of its odd tries; the noisiest way counts."""
        self.assertEqual(guessing.noise({"a": [1, 2, 1, 2], "b": [5, 8, 5, 8, 5]}), 3)

    def test_the_difference_is_between_the_medians_of_two_ways(self) -> None:
        """The largest of all pairs."""
        self.assertEqual(guessing.difference({"a": [1, 2, 3], "b": [4, 4, 4], "c": [9, 2, 2]}), 2)

    def test_the_figures_stand_in_lines(self) -> None:
        """In milliseconds."""
        told = guessing.lines("API", {"a": [0.001, 0.001], "b": [0.003, 0.003]})
        self.assertEqual(told[0], "API: a: median 1.000 ms of 2")
        self.assertEqual(told[2], "API: they differ by 2.000 ms, each from itself by 0.000 ms")


class RunTests(SynchronousTestCase):
    def test_a_short_run_prints_its_figures(self) -> None:
        """At both places, for each way."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            guessing.main(["--tries", "2"])
        lines = printed.getvalue().splitlines()
        self.assertEqual([line.split(":")[0] for line in lines[1:]], ["API"] * 4 + ["proxy"] * 4)
