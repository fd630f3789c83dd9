"""One of the two stores of a move, over a blocking connection of its own: what both kinds have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from meshd.store.drive import drive
from meshd.store.interface import Conflict, StoreError
from meshd.store.moving.shape import Table
from meshd.store.unit import Row, Unit

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds to wait for others that write."""

LOG = "meshd_move_log"
"""The table of changes in a source that is followed: a number, a table's name, a key as `keys` writes it."""

AT_ONCE = 200
"""Keys that are looked for in one statement."""


class Dangling(StoreError):
    """A row points at one that is not there."""


class Unique(NamedTuple):
    """Columns whose values are unique together, primary keys included."""

    columns: tuple[str, ...]
    where: str
    """The SQL condition for rows that it concerns; "" for all."""


def quoted(name: str) -> str:
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))


class End(ABC):
    """A store, its schema up to date.  Its methods raise StoreError."""

    place: str
    """What tells it from other stores, without secrets."""

    @abstractmethod
    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Execute one statement, its parameters written `:name`."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Commit at the block's end, roll back on an exception."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """Within the block, all reads see the store as of the first of them."""

    @abstractmethod
    def locked(self, seconds: float = PATIENCE) -> AbstractContextManager[None]:
        """A transaction during which nobody else can write; who reads goes on.

        seconds: how long to wait for whoever writes.  Raises: StoreUnavailable where that was not enough.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connection; a transaction that is open is undone."""

    @cached_property
    @abstractmethod
    def tables(self) -> Mapping[str, Table]:
        """By name, those that move."""

    @abstractmethod
    def uniques(self, table: Table) -> list[Unique]:
        """What is unique in that table."""

    @abstractmethod
    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows of all columns, or none of them.  Raises: Conflict."""

    @abstractmethod
    def sequences(self) -> dict[str, int]:
        """By table, the last id that was given."""

    @abstractmethod
    def set_sequences(self, last: Mapping[str, int]) -> None:
        """Give ids beyond these from now on."""

    @abstractmethod
    def loosen(self) -> None:
        """Let rows come in any order: what points at rows that are not there yet is not refused until `tighten`."""

    @abstractmethod
    def tighten(self) -> None:
        """Refuse from now on what points at rows that are not there; what is in the store may be looked at later."""

    @abstractmethod
    def look_through(self) -> None:
        """Check that no row points at one that is not there.  Raises: Dangling."""

    @abstractmethod
    def dangling(self, limit: int) -> list[tuple[str, Row, str]]:
        """Up to so many rows that point at one that is not there: table, key, and the table of what is not there."""

    @abstractmethod
    def follow(self) -> None:
        """Have every change of a row write its key into the table LOG, from the transaction's commit on."""

    @abstractmethod
    def unfollow(self) -> None:
        """Undo `follow`, if that was done."""

    @abstractmethod
    def followed(self) -> bool:
        """Whether changes are written down."""

    @abstractmethod
    def seal(self) -> None:
        """Have every table refuse writes, also those of a program that looked at the marks before."""

    @abstractmethod
    def unseal(self) -> None:
        """Undo `seal`."""

    def run(self, unit: Unit[T]) -> T:
        """Drive a unit within the transaction that is open."""
        return drive(unit, lambda statement: self.execute(statement.sql, statement.params))

    def count(self, table: Table) -> int:
        return int(self.execute(f"select count(*) from {quoted(table.name)}")[0][0])  # noqa: S608 (quoted)

    def page(self, table: Table, after: Row, limit: int) -> list[Row]:
        """Up to so many rows in the order of the key, from behind that key (() for the first) on; a table without a key
        as a whole.
        """
        sql = f"select {listed(table.names)} from {quoted(table.name)}"  # noqa: S608 (quoted)
        if not table.key:
            return self.execute(sql)
        params = {f"k{n}": value for n, value in enumerate(after)}
        if params:
            sql += f" where ({listed(table.key)}) > ({', '.join(f':{name}' for name in params)})"
        return self.execute(f"{sql} order by {listed(table.key)} limit {limit:d}", params)

    def pages(self, table: Table, limit: int) -> Iterator[list[Row]]:
        """All rows."""
        after: Row = ()
        while rows := self.page(table, after, limit):
            yield rows
            if not table.key or len(rows) < limit:
                return
            after = table.key_of(rows[-1])

    def at(self, table: Table, columns: Sequence[str], values: Sequence[Row], where: str = "") -> list[Row]:
        """The rows that have one of the values in those columns, and fulfil the condition."""
        found: list[Row] = []
        for start in range(0, len(values), AT_ONCE):
            condition, params = _among(columns, values[start : start + AT_ONCE])
            more = f" and ({where})" if where else ""
            found += self.execute(
                f"select {listed(table.names)} from {quoted(table.name)} where ({condition}){more}",  # noqa: S608
                params,
            )
        return found

    def remove(self, table: Table, rows: Sequence[Row]) -> None:
        """Delete these rows by their keys."""
        keys = [table.key_of(row) for row in rows]
        for start in range(0, len(keys), AT_ONCE):
            condition, params = _among(table.key, keys[start : start + AT_ONCE])
            self.execute(f"delete from {quoted(table.name)} where {condition}", params)  # noqa: S608 (quoted)

    def wipe(self, table: Table) -> None:
        self.execute(f"delete from {quoted(table.name)}")  # noqa: S608 (quoted)

    def put(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """Add the rows, after removing those that have one of their unique values; what was removed."""
        try:
            self.insert(table, rows)
        except Conflict:
            removed: list[Row] = []
            for unique in self.uniques(table):
                places = [table.names.index(name) for name in unique.columns]
                values = [tuple(row[place] for place in places) for row in rows]
                others = self.at(table, unique.columns, values, unique.where)
                self.remove(table, others)
                removed += others
            self.insert(table, rows)
            return removed
        return []

    def changes(self, limit: int) -> list[tuple[int, str, str]]:
        """Up to so many changes that were written down: number, table, key.  Their order says nothing."""
        return [(n, str(name), str(key)) for n, name, key in self.execute(f"select * from {LOG} limit {limit:d}")]  # noqa: S608

    def forget(self, numbers: Sequence[int]) -> None:
        """Strike out these changes."""
        for start in range(0, len(numbers), AT_ONCE):
            condition, params = _among(("n",), [(n,) for n in numbers[start : start + AT_ONCE]])
            self.execute(f"delete from {LOG} where {condition}", params)  # noqa: S608 (a name of ours)


def _among(columns: Sequence[str], values: Sequence[Row]) -> tuple[str, dict[str, Any]]:
    """A condition that columns have one of the values, and its parameters.

    Several columns are compared value by value: for `(a, b) in (values …)` with two values or more, SQLite looks at
    every row of the table.
    """
    params = {f"v{n}_{m}": each for n, value in enumerate(values) for m, each in enumerate(value)}
    if len(columns) == 1:
        return f"{quoted(columns[0])} in ({', '.join(f':{name}' for name in params)})", params

    def equal(n: int) -> str:
        return "(" + " and ".join(f"{quoted(column)} = :v{n}_{m}" for m, column in enumerate(columns)) + ")"

    return " or ".join(map(equal, range(len(values)))), params
