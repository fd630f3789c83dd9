from __future__ import annotations

import io
import json
from argparse import ArgumentParser, ArgumentTypeError, _SubParsersAction
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli import output, values
from meshd.cli.main import parser
from meshd.cli.progress import Progress
from tests.cli.support import Terminal, named


def arguments(below: ArgumentParser) -> Iterator[tuple[str, Any]]:
    """Each argument of every command, and what reads it."""
    for action in below._actions:
        if isinstance(action, _SubParsersAction):
            for each in action.choices.values():
                yield from arguments(each)
        else:
            yield f"{below.prog} {action.dest}", action.type


class ValueTests(SynchronousTestCase):
    def test_limits(self) -> None:
        """GB to bytes, exactly, and back."""
        for text, size, back in (
            ("0", 0, "0"),
            ("1", 10**9, "1"),
            ("0.01", 10**7, "0.01"),
            ("1.50", 15 * 10**8, "1.5"),
            ("0.000000001", 1, "0.000000001"),
            ("1000", 10**12, "1000"),
            ("0.3", 3 * 10**8, "0.3"),
        ):
            with named(text):
                self.assertEqual((size, back), (values.limit_bytes(text), values.gigabytes(size)))
        for text in (
            "",
            "-1",
            "+1",
            "1e3",
            "nan",
            "inf",
            ".5",
            "5.",
            "1,5",
            "1_000",
            "\u0661",
            "0.0000000001",
            "1 ",
            "1" * 13,
        ):
            with named(repr(text)):
                self.assertRaises(ValueError, values.limit_bytes, text)

    def test_whole_numbers(self) -> None:
        """In decimal digits; no command takes what Python's int() would beside them, and a wrong id for another's."""
        for text, number in (("0", 0), ("12", 12), ("-3", -3), ("9" * 30, 10**30 - 1)):
            with named(text):
                self.assertEqual(values.number_argument(text), number)
        for text in ("", "1_0", " 1", "1 ", "+1", "\u0661", "\uff11", "1.0", "1e1", "0x1", "9" * 31):
            with named(repr(text)):
                self.assertRaises(ArgumentTypeError, values.number_argument, text)
        self.assertEqual([name for name, read in arguments(parser()) if read in (int, float)], [])

    def test_human_bytes(self) -> None:
        """Three digits, in the unit that fits."""
        for size, text in (
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (1234, "1.23 kB"),
            (12_345, "12.3 kB"),
            (123_456, "123 kB"),
            (999_499, "999 kB"),
            (999_500, "1 MB"),
            (10_000_000, "10 MB"),
            (1_500_000_000, "1.5 GB"),
            (10**18, "1 EB"),
            (10**22, "10000 EB"),
        ):
            with named(size):
                self.assertEqual(text, values.human_bytes(size))
        self.assertEqual(("none", "1 GB"), (values.human_limit(0), values.human_limit(10**9)))

    def test_counted(self) -> None:
        """One of a thing, and any other number."""
        self.assertEqual(["0 rows", "1 row", "2,000 rows"], [values.counted(n, "row") for n in (0, 1, 2000)])

    def test_moments(self) -> None:
        """UTC, whatever the machine's zone."""
        self.assertEqual("2026-01-15T12:00:00Z", values.moment(1768478400))
        self.assertEqual("2026-01-15 12:00:00", values.human_moment(1768478400))


class OutputTests(SynchronousTestCase):
    def table(self, *rows: list[object]) -> str:
        out = io.StringIO()
        output.show_table(out, ["NAME", "COUNT"], rows)
        return out.getvalue()

    def test_aligned(self) -> None:
        """Columns begin together, numbers end together, wide and combining characters count as shown."""
        self.assertEqual("NAME  COUNT\n", self.table())
        self.assertEqual("NAME  COUNT\na         5\nbbbb     10\n", self.table(["a", 5], ["bbbb", 10]))
        self.assertEqual("NAME  COUNT\n中文  x\ne\u0301     y\n", self.table(["中文", "x"], ["e\u0301", "y"]))

    def test_json_rows(self) -> None:
        """Always an array that can be read."""
        tables: list[list[dict[str, Any]]] = [[], [{"a": 1}], [{"a": "ü"}, {"a": None}]]
        for rows in tables:
            out = io.StringIO()
            output.show_json_rows(out, rows)
            self.assertEqual(rows, json.loads(out.getvalue()))


class ProgressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0

    def progress(self, err: io.StringIO, total: int = 0, wanted: bool = True) -> Progress:
        return Progress(err, "imported", total, wanted=wanted, clock=lambda: self.now)

    def test_short_work_says_nothing(self) -> None:
        """Less than a second needs no telling."""
        err = Terminal()
        progress = self.progress(err, 10)
        self.now = 0.9
        progress.step(10)
        progress.close()
        self.assertEqual("", err.getvalue())

    def test_a_terminal(self) -> None:
        """One line that changes five times a second at most, and is gone at the end."""
        err = Terminal()
        progress = self.progress(err, 1000)
        self.now = 2.0
        progress.step(500)
        self.assertEqual("\rimported 500 of 1,000 (50 %, 2 s left)", err.getvalue())
        progress.step(1)
        self.now = 2.2
        progress.step(1)
        self.assertEqual(2, err.getvalue().count("\r"))
        progress.close()
        self.assertTrue(err.getvalue().endswith(" \r"))

    def test_a_file(self) -> None:
        """Without a terminal a line a second, where it is wanted at all."""
        err = io.StringIO()
        progress = self.progress(err)
        for self.now in (1.0, 1.5, 2.0):
            progress.step(100)
        progress.close()
        self.assertEqual("imported 100 (100 a second)\nimported 300 (150 a second)\n", err.getvalue())
        silent = self.progress(io.StringIO(), wanted=False)
        self.now = 9.0
        silent.step(1)
        self.assertEqual("", silent._err.getvalue())  # type: ignore[attr-defined]

    def test_long_work(self) -> None:
        """Minutes are told as such."""
        err = Terminal()
        progress = self.progress(err, 10_000)
        self.now = 10.0
        progress.step(1000)
        self.assertIn("10 %, 1 min 30 s left", err.getvalue())
