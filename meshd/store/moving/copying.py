"""Copying tables row by row into the store that is being filled: each piece in one transaction, with how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meshd.store.moving import fitting, sums
from meshd.store.moving.end import End
from meshd.store.moving.record import Held, Record
from meshd.store.moving.shape import Kind, Table
from meshd.store.unit import Row

NUMBERS, MIXED = 10_000, 2_000
"""Rows in memory at once: of a table of numbers alone, and of one with texts, whose rows may be kilobytes."""


class Unfit(NamedTuple):
    """A row that the target cannot take."""

    table: str
    key: Row
    """The values of its primary key; of its columns, where the table has none."""
    reason: str


class Copying:
    """The copying of one move."""

    def __init__(self, source: End, target: End, step: Callable[[int], None]) -> None:
        """step: told of so many rows more."""
        self.source = source
        self._target = target
        self._step = step
        self.record = Record(target)
        self.unfit: list[Unfit] = []
        """At most fitting.MOST."""
        self.unfit_count = 0
        self.spoiled: set[str] = set()
        """Tables with rows that do not fit."""

    def copy(self, table: Table) -> sums.Sum:
        """Go on with a table until its end; the sum of what the source had of it, as far as this call has read it."""
        held = self.record.read(table)
        read = sums.Sum()
        while not held.done:
            rows = self.source.page(table, held.after, page_of(table))
            read = read.plus(sums.of(rows))
            held = self._add(table, held, rows)
            self._step(len(rows))
        return read

    def _add(self, table: Table, held: Held, rows: Sequence[Row]) -> Held:
        """Put the next rows into the target."""
        good = self.fitting(table, rows)
        done = not table.key or len(rows) < page_of(table)
        with self._target.transaction():
            if not table.key:
                self._target.wipe(table)
            removed = self._target.put(table, good)
            total = held.sum.plus(sums.of(good)).minus(sums.of(removed))
            held = Held(table.key_of(rows[-1]) if rows and table.key else held.after, total, done)
            self.record.keep(table, held)
        return held

    def fitting(self, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows that the target can take; the others are noted."""
        there = self._target.tables[table.name]
        if fitting.fit(there, rows):
            return rows
        good = []
        for row, fault in fitting.sieve(there, rows):
            if fault:
                self._note(Unfit(table.name, table.key_of(row) or row, fault))
            else:
                good.append(row)
        return good

    def _note(self, unfit: Unfit) -> None:
        self.spoiled.add(unfit.table)
        self.unfit_count += 1
        if len(self.unfit) < fitting.MOST:
            self.unfit.append(unfit)

    def start_over(self, table: Table) -> None:
        """Take everything of a table out of the target again."""
        with self._target.transaction():
            self._target.wipe(table)
            self.record.keep(table, Held())


def page_of(table: Table) -> int:
    """How many rows are in memory at once."""
    return MIXED if any(column.kind in (Kind.TEXT, Kind.BYTES) for column in table.columns) else NUMBERS


def whole(end: End, table: Table, step: Callable[[int], None]) -> sums.Sum:
    """Read a table of a store from its beginning to its end; its sum."""
    total = sums.Sum()
    for rows in end.pages(table, page_of(table)):
        total = total.plus(sums.of(rows))
        step(len(rows))
    return total
