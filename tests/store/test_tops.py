from __future__ import annotations

from twisted.trial import unittest

from meshd.store.statements import tops
from meshd.store.statements.tops import DOMAINS, OTHER, Key, Sums
from meshd.store.unit import Row


def written(rows: list[tuple[Key, Sums]], there: list[Row]) -> tuple[list[Row], list[str]]:
    """The rows that are inserted where the table has rows of these names, and how the statements begin."""
    inserted: list[Row] = []
    begin: list[str] = []
    unit = tops.add(DOMAINS, rows)
    try:
        statement = next(unit)
        while True:
            begin.append(statement.sql.split()[0])
            values = list(statement.params.values())
            if begin[-1] == "insert":
                inserted += [tuple(values[at : at + 7]) for at in range(0, len(values), 7)]
            statement = unit.send(there if statement.sql.startswith("select name") else [])
    except StopIteration:
        return inserted, begin


class TopsTests(unittest.TestCase):
    def test_few_names(self) -> None:
        """Each has its row, and the store is not asked about any first."""
        rows: list[tuple[Key, Sums]] = [((1, 0, f"{n}"), [n, 0, 1, 0]) for n in range(100, 300)]
        self.assertEqual(
            written(rows, []), ([(1, 0, f"{n}", n, 0, 1, 0) for n in range(100, 300)], ["insert"] * 2 + ["select"])
        )

    def test_many_new_names(self) -> None:
        """Rows for the largest, for those that have one, and one for all others."""
        rows: list[tuple[Key, Sums]] = [((1, 0, f"{n:04}"), [n, 0, 1, 0]) for n in range(2000)]
        other: list[tuple[Key, Sums]] = [((1, 0, OTHER), [7, 7, 7, 7]), ((2, 0, "a"), [1, 1, 1, 1])]
        inserted, begin = written([*rows, *other], [("0003",), ("gone",)])
        self.assertEqual(begin[:3], ["select", "insert", "insert"])
        self.assertEqual([row[2] for row in inserted], [OTHER, "0003", *(f"{n:04}" for n in range(1900, 2000)), "a"])
        self.assertEqual(inserted[0], (1, 0, OTHER, sum(range(1900)) - 3 + 7, 7, 1899 + 7, 7))

    def test_many_names_that_have_rows(self) -> None:
        """None is taken from them."""
        rows: list[tuple[Key, Sums]] = [((1, 0, f"{n:04}"), [1, 0, 1, 0]) for n in range(300)]
        inserted, _ = written(rows, [(f"{n:04}",) for n in range(100)])
        self.assertEqual(len(inserted), 300)
