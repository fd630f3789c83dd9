"""What tells equal rows from others, which rows fit, and how keys are written: no database is asked."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreError
from meshd.store.moving import fitting, keys, sums
from meshd.store.moving.shape import Column, Kind, Table, kind, require_alike

TABLE = Table(
    "t",
    (
        Column("big", Kind.BIG, False),
        Column("blob", Kind.BYTES, True),
        Column("id", Kind.MIDDLE, False),
        Column("small", Kind.SMALL, False),
        Column("text", Kind.TEXT, False),
    ),
    ("id",),
)

GOOD = (2**63 - 1, None, 2**31 - 1, -(2**15), "ü\n")

BAD: dict[str, tuple[Any, ...]] = {
    "big is no number there": ("1", None, 1, 1, ""),
    "big has no value": (None, None, 1, 1, ""),
    "blob is no bytes there": (1, "x", 1, 1, ""),
    "id is too large a number": (1, b"", 2**31, 1, ""),
    "small is too large a number": (1, b"", 1, -(2**15) - 1, ""),
    "small is no number there": (1, b"", 1, 1.0, ""),
    "text is no text there": (1, b"", 1, 1, b""),
    "text holds a NUL": (1, b"", 1, 1, "a\0"),
    "text is not UTF-8": (1, b"", 1, 1, "a\udcff"),
}

values = some.none() | some.integers(-(2**63), 2**63 - 1) | some.text() | some.binary()
rows = some.lists(some.tuples(values, values))


class FittingTests(SynchronousTestCase):
    def test_each_fault(self) -> None:
        """Is found by the quick look, alone and among good ones, and told by the slow one."""
        for reason, row in BAD.items():
            for there in ([row], [GOOD, row, GOOD]):
                self.assertFalse(fitting.fit(TABLE, there), reason)
            self.assertEqual(list(fitting.sieve(TABLE, [GOOD, row])), [(GOOD, ""), (row, reason)])

    def test_what_fits(self) -> None:
        """The ends of each range, nothing where a column may have none, and no row at all."""
        for there in ([GOOD], [GOOD, (0, b"\0", 0, 0, "")], []):
            self.assertTrue(fitting.fit(TABLE, there))


class SumTests(SynchronousTestCase):
    @given(rows, some.randoms())
    def test_order_does_not_count(self, found: list[Any], chance: Any) -> None:
        """Nor in how many pieces they are read."""
        shuffled = list(found)
        chance.shuffle(shuffled)
        cut = len(found) // 2
        self.assertEqual(sums.of(found), sums.of(shuffled[:cut]).plus(sums.of(shuffled[cut:])))
        self.assertEqual(sums.of(found).minus(sums.of(found[:cut])), sums.of(found[cut:]))

    def test_what_differs(self) -> None:
        """A value, its type, its column, and how often a row is there."""
        one = sums.of([(1, "2")])
        for other in ([(1, 2)], [(1, b"2")], [("2", 1)], [(1, "2")] * 2, [(1, None)], []):
            self.assertNotEqual(one, sums.of(other), other)
        self.assertEqual(len(one.text), 32)


class ShapeTests(SynchronousTestCase):
    @given(some.lists(some.integers(-(2**63), 2**63 - 1) | some.text() | some.binary()))
    def test_keys(self, key: list[Any]) -> None:
        """Are read as they were written."""
        self.assertEqual(keys.read(keys.written(tuple(key))), tuple(key))

    def test_a_type_that_no_migration_has_used(self) -> None:
        """Whoever uses one has to say how it moves."""
        with self.assertRaisesRegex(StoreError, r"t\.c has a type that a move does not know: jsonb"):
            kind("jsonb", "t", "c")

    def test_stores_that_differ(self) -> None:
        """By a table, a column or a key."""
        require_alike({"t": TABLE}, {"t": TABLE})
        for other in ({}, {"t": TABLE._replace(key=())}, {"t": TABLE._replace(columns=TABLE.columns[1:])}):
            self.assertRaises(StoreError, require_alike, {"t": TABLE}, other)
