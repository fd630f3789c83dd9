"""A unit of work: a generator that yields statements and is sent their rows.

One unit is one transaction.  Units are composed with `yield from`, know no driver, and are tested by feeding rows.
A unit may be run again from the start after a serialization failure, so it keeps no state outside itself.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

Row = tuple[Any, ...]
Params = Mapping[str, Any]


class Statement(NamedTuple):
    """SQL in the common subset of both databases, its parameters written `:name`."""

    sql: str
    params: Params


Unit = Generator[Statement, list[Row], T]
