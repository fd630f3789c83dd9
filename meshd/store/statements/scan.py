"""One page of a list that may have millions of rows: found by an index, in that index's order.

Conditions that the index answers bound what is read.  All other conditions are looked at in the rows that the index
gives, a bounded number of them for each page: such a page may have fewer rows than asked for, and others follow it.
"""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshd.store.unit import Row, Statement, Unit

SCANNED = 2_000
"""Rows of the index that one page looks at: some 10 ms of the database's time where no row is what was asked for."""

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """A table as one of its indexes gives its rows."""

    table: str
    id: str
    """The column with the id of the row that is wanted."""
    keys: tuple[str, ...]
    """The columns that the rows are ordered by, which together are unique."""
    descending: bool = False

    def order(self, *, reverse: bool = False) -> str:
        way = " desc" if self.descending is not reverse else ""
        return ", ".join(f"{key}{way}" for key in self.keys)

    @property
    def beyond(self) -> str:
        """The condition of rows after the one with the parameters `key0`, `key1`."""
        sign = "<" if self.descending else ">"
        if len(self.keys) == 1:
            return f"{self.keys[0]} {sign} :key0"
        return f"({', '.join(self.keys)}) {sign} ({', '.join(f':key{n}' for n in range(len(self.keys)))})"


@dataclass(frozen=True, slots=True)
class Found:
    """One page."""

    rows: list[Row]
    after: Key | None
    """The key after which the next page begins; None where there is none."""


def page(
    index: Index,
    columns: str,
    joins: str,
    *,
    within: Sequence[str],
    also: Sequence[str],
    params: Mapping[str, Any],
    after: Key | None,
    limit: int,
) -> Unit[Found]:
    """The next rows, at most `limit`.

    columns, joins: what is read of each row, with the row's id as `s.id`; within: conditions on the table that the
    index answers; also: conditions on what is joined; after: the key of the row before this page.
    """
    conditions = [*within, *([index.beyond] if after is not None else [])]
    where = f"where {' and '.join(conditions)}" if conditions else ""
    scanned = SCANNED if also else limit + 1
    given = {**params, **{f"key{n}": value for n, value in enumerate(after or ())}}
    keys = ", ".join(f"{key} as k{n}" for n, key in enumerate(index.keys))
    outer = ", ".join(f"s.k{n}{' desc' if index.descending else ''}" for n in range(len(index.keys)))
    rows = yield Statement(
        f"select {', '.join(f's.k{n}' for n in range(len(index.keys)))}, {columns} from ("
        f"select {index.id} as id, {keys} from {index.table} {where} order by {index.order()} limit :scanned"
        f") as s {joins} {'where ' + ' and '.join(also) if also else ''} order by {outer} limit :more",
        {**given, "scanned": scanned, "more": limit + 1},
    )
    width = len(index.keys)
    if len(rows) > limit:
        return Found([row[width:] for row in rows[:limit]], rows[limit - 1][:width])
    last = (yield from _last(index, where, given)) if also else None
    return Found([row[width:] for row in rows], last)


def _last(index: Index, where: str, params: Mapping[str, Any]) -> Unit[Key | None]:
    """The key of the last row that was looked at; None where no row can follow it."""
    keys = ", ".join(index.keys)
    rows = yield Statement(
        f"select {keys} from {index.table} {where} order by {index.order()} limit 1 offset :skipped",
        {**params, "skipped": SCANNED - 1},
    )
    return rows[0] if rows else None
