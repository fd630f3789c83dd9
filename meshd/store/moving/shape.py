"""What a table looks like, in the words of neither database; and whether two stores look alike."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from meshd.store.interface import StoreError
from meshd.store.unit import Row

STAY = frozenset({"schema_migrations", "schema_versions", "nodes"})
"""Tables that do not move: what was applied is the target's own, and processes tell of themselves where they work."""

SEEDED = frozenset({"change_counter", "failure_locks", "invoice_numbers", "published_lock"})
"""Tables in which a migrated store has rows before anybody uses it."""


class Kind(Enum):
    """What a column takes; of numbers, how long."""

    SMALL = 2**15
    MIDDLE = 2**31
    BIG = 2**63
    TEXT = "text"
    BYTES = "bytes"


_KINDS = {
    "smallint": Kind.SMALL,
    "integer": Kind.MIDDLE,
    "bigint": Kind.BIG,
    "text": Kind.TEXT,
    "bytea": Kind.BYTES,
}


class Column(NamedTuple):
    """One column."""

    name: str
    kind: Kind
    optional: bool
    """Whether it may be null."""


class Table(NamedTuple):
    """One table; its columns are sorted by name, as the databases have them in different orders."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The columns of its primary key, in the key's order; () for a table without one."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def key_of(self, row: Row) -> Row:
        """The values of the key in a row of all columns."""
        places = [self.names.index(name) for name in self.key]
        return tuple(row[place] for place in places)


def kind(declared: str, table: str, column: str) -> Kind:
    """By a column's type as the database has it.  Raises: StoreError for one that migrations do not use."""
    try:
        return _KINDS[declared.lower()]
    except KeyError:
        raise StoreError(f"{table}.{column} has a type that a move does not know: {declared}") from None


def require_alike(source: Mapping[str, Table], target: Mapping[str, Table]) -> None:
    """Check that both have the same tables with the same columns.  Raises: StoreError, which names what differs."""
    if odd := sorted(source.keys() ^ target.keys()):
        raise StoreError(f"one of the stores has tables that the other has not: {', '.join(odd)}")
    for name, table in source.items():
        other = target[name]
        if table.names != other.names or table.key != other.key:
            raise StoreError(f"table {name} is not the same in both stores")
