"""Statements about many rows at once, with one text for each number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from sys import intern
from types import MappingProxyType
from typing import Any, TypeVar

from meshd.store.unit import Params, Row, Statement, Unit

T = TypeVar("T")

CHUNK = 100
"""Rows in one statement; 6 columns of them stay below 999 parameters, the bound of some SQLite builds."""


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in their order, at most so many (size) of them at a time."""
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk


@cache
def placeholders(columns: tuple[str, ...], count: int) -> str:
    """The text behind `values` for `count` rows, such as `(:a0, :b0), (:a1, :b1)`."""
    return ", ".join("(" + ", ".join(f":{name}{i}" for name in columns) + ")" for i in range(count))


@cache
def listed(name: str, count: int) -> str:
    """The text behind `in` for `count` values, such as `(:id0, :id1)`."""
    return "(" + ", ".join(f":{name}{i}" for i in range(count)) + ")"


def insert_alike(table: str, own: tuple[str, ...], shared: tuple[str, ...], count: int) -> str:
    """An insert of `count` rows with values of their own in some columns (parameters as of `numbered`), and one value
    for all in the others (a parameter by the column's name), which is handed over once.
    """
    given = ", ".join([*(f"column{place}" for place in range(1, len(own) + 1)), *(f":{name}" for name in shared)])
    values = f"(values {placeholders(own, count)}) as given"
    # Without a condition SQLite reads a following `on conflict` as one of a join.
    return f"insert into {table} ({', '.join((*own, *shared))}) select {given} from {values} where true"  # noqa: S608 (names of this package)


def numbered(columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The parameters of `placeholders`, and of `listed` with one column."""
    return dict(zip(_names(columns, len(rows)), chain.from_iterable(rows), strict=True))


@cache
def _names(columns: tuple[str, ...], count: int) -> tuple[str, ...]:
    return tuple(intern(f"{name}{i}") for i in range(count) for name in columns)


def among(sql: str, values: Iterable[Any], params: Params = MappingProxyType({})) -> Unit[list[Row]]:
    """Run the statement for the values, CHUNK at a time; all its rows.  `{0}` in its text stands for their list."""
    found: list[Row] = []
    for chunk in chunks(values):
        listing = numbered(("each",), [(value,) for value in chunk])
        found += yield Statement(sql.format(listed("each", len(chunk))), {**params, **listing})
    return found
