"""How usage is read piece by piece: in how many statements, and how many rows these read."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.statements import series
from meshd.store.statements.series import HOUR, PIECE, READ


def walked(density: int, hours: int, most: int) -> tuple[list[Any] | None, int, int]:
    """What is read of a table with so many rows an hour, in how many statements, and how many rows they have read."""
    unit = series.read(1, 0, hours * 3600, span=HOUR, by="total", most=most, made=lambda each: each)
    statements = rows = 0
    answer: list[tuple[int, ...]] | None = None
    while True:
        try:
            asked = unit.send(answer)  # type: ignore[arg-type]
        except StopIteration as ended:
            return ended.value, statements, rows
        statements += 1
        params = asked.params
        left = params["limit"]
        answer = []
        for at in range(params["since"], params["until"], 3600):
            count = min(density, left)
            left -= count
            if count:
                answer.append((at, 0, 0, count, count, count, count))
        rows += params["limit"] - left


class SeriesTests(SynchronousTestCase):
    def test_each_row_is_read_about_once(self) -> None:
        """However many rows of the table make one that is told."""
        for density, hours in ((1, 8_736), (9, 720), (134, 370), (500, 100), (3_000, 16)):
            found, statements, rows = walked(density, hours, 60_000)
            assert found is not None
            self.assertEqual(len(found), hours)
            wanted = density * hours
            self.assertLess(rows, 1.7 * wanted + 3 * READ * PIECE, density)
            self.assertLess(statements, 8 + 3 * max(hours / PIECE, 2 * wanted / (READ * PIECE)), density)

    def test_too_much(self) -> None:
        """Is found without reading much more than may be read."""
        found, _, rows = walked(134, 8_736, 50_000)
        self.assertIsNone(found)
        self.assertLess(rows, 1.7 * 50_000)
