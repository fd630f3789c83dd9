"""Which rows another database would not take, and why: SQLite keeps what a column's type does not say, and more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meshd.store.moving.shape import Column, Kind, Table
from meshd.store.unit import Row

MOST = 1_000
"""Rows that are told of; who has more is told how many."""

_TYPES = {Kind.TEXT: str, Kind.BYTES: bytes}


def fit(table: Table, rows: Sequence[Row]) -> bool:
    """Whether every row fits; column by column, since that is quick for many rows."""
    return not rows or all(map(_all_fit, table.columns, zip(*rows, strict=True)))


def sieve(table: Table, rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Each row with what is wrong with it, "" for nothing."""
    for row in rows:
        yield row, next((fault for fault in map(_fault, table.columns, row) if fault), "")


def _all_fit(column: Column, values: Sequence[Any]) -> bool:
    wanted = _TYPES.get(column.kind, int)
    found = set(map(type, values))
    if found != {wanted}:
        return found <= {wanted, type(None)} and not any(_fault(column, value) for value in values)
    if wanted is str:
        return "\0" not in "".join(values) and _encodes("".join(values))
    return wanted is bytes or not (_beyond(column, min(values)) or _beyond(column, max(values)))


def _fault(column: Column, value: object) -> str:
    wanted = _TYPES.get(column.kind, int)
    if value is None:
        return "" if column.optional else f"{column.name} has no value"
    if type(value) is not wanted:
        return f"{column.name} is no {'number' if wanted is int else column.kind.value} there"
    if isinstance(value, int) and _beyond(column, value):
        return f"{column.name} is too large a number"
    if isinstance(value, str) and "\0" in value:
        return f"{column.name} holds a NUL"
    if isinstance(value, str) and not _encodes(value):
        return f"{column.name} is not UTF-8"
    return ""


def _beyond(column: Column, value: int) -> bool:
    bound: int = column.kind.value
    return not -bound <= value < bound


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
