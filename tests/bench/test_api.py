"""The API's comparison: its table, its client's reading, and a short run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench import api, asking
from bench.api import BARE, Sample

PROGRAM = Path(__file__).parents[2] / "bench" / "api.py"


def samples(*figures: float) -> list[Sample]:
    return [Sample(figure, 2 * figure, 1.5, 0) for figure in figures]


def cells(text: str) -> dict[str, list[str]]:
    """By the name of the row."""
    found = [[part.strip() for part in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {name: rest for name, *rest in found}


class TableTests(SynchronousTestCase):
    """One row a server."""

    TABLE = cells(api.rows({BARE: samples(8_000, 8_000, 90), "meshd": samples(5_000, 6_000, 100)}))

    def test_a_row_has_the_medians_and_the_ratio_to_the_bare_route(self) -> None:
        """One round that a busy machine spoilt moves neither."""
        self.assertEqual(self.TABLE["meshd"], ["5,000", "200", "0.62x", "10,000", "1.5 ms", "118%"])

    def test_the_aim_stands_below(self) -> None:
        """In the column that it is about."""
        self.assertEqual(self.TABLE["*wanted of meshd*"], ["", "", "at least 0.5x", "", "", ""])

    def test_every_row_has_as_many_cells_as_the_heading(self) -> None:
        """Markdown drops what is too much."""
        self.assertEqual({len(row) for row in self.TABLE.values()}, {6})

    def test_failures_are_told_beside_the_table(self) -> None:
        """A refusal takes less time than an answer."""
        found = {BARE: samples(1), "meshd": [Sample(1, 1, 1, 3)]}
        self.assertIn("meshd failed 3 times", api.report(found, "x", 1, 32, 0))
        self.assertNotIn("failed", api.report({BARE: samples(1)}, "x", 1, 32, 0))


class AskingTests(SynchronousTestCase):
    """What the clients take for an answer."""

    def test_an_answer_is_whole_when_its_length_has_come(self) -> None:
        """Head and body may come apart."""
        said = b"HTTP/1.1 404 Not Found\r\nServer: x\r\ncontent-length: 2\r\n\r\nab"
        self.assertEqual([asking.whole(said[:n]) for n in (5, 40, len(said) - 1)], [None, None, None])
        self.assertEqual(asking.whole(said), (404, b"ab"))

    def test_an_answer_without_a_length_is_an_error(self) -> None:
        """Its end would be a guess."""
        with self.assertRaises(ValueError):
            asking.whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def test_a_credential_is_a_field_of_the_request(self) -> None:
        """And there is none where none is shown."""
        self.assertIn(b"\r\nAuthorization: x\r\n\r\n", asking.request("/", "Authorization: x"))
        self.assertNotIn(b"Authorization", asking.request("/", ""))


class RunTests(SynchronousTestCase):
    """A comparison that nobody starts until a release would be broken by then."""

    def test_each_server_is_measured(self) -> None:
        """Every cell has a figure, and every answer was 200."""
        words = ("--seconds", "0.2", "--rounds", "1", "--clients", "2")
        environ = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1])}
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
            env=environ,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in (BARE, "meshd, password", "meshd, bearer token"):
            figures = [
                float(cell.strip("x%").removesuffix(" ms").replace(",", "")) for cell in cells(done.stdout)[name]
            ]
            self.assertGreaterEqual(len(figures), 5)
