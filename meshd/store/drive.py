"""Driving a unit over a connection: what the reactor, SQLite's writer thread and the command line share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn, TypeVar

from meshd.store.interface import StoreError
from meshd.store.unit import Row, Statement, Unit

T = TypeVar("T")

Execute = Callable[[Statement], list[Row]]
"""Executes a statement and gives its rows.  Raises: StoreError, in place of what the driver raises."""


def drive(unit: Unit[T], execute: Execute) -> T:
    """Drive the unit to its end over a blocking connection, and return what the unit returns."""

    async def executed(statement: Statement) -> list[Row]:
        return execute(statement)

    try:
        drive_awaiting(unit, executed).send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("nothing here waits")


async def drive_awaiting(unit: Unit[T], execute: Callable[[Statement], Awaitable[list[Row]]]) -> T:
    """Execute the unit's statements one after the other and return what the unit returns."""
    try:
        statement = next(unit)
        while True:
            try:
                rows = await execute(statement)
            except StoreError as error:
                _give_up(unit, error)
            statement = unit.send(rows)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        unit.close()


def _give_up(unit: Unit[T], error: StoreError) -> NoReturn:
    """Throw a statement's failure into the unit, which may raise an exception of its own but cannot go on."""
    with suppress(StopIteration):
        unit.throw(error)
    raise StoreError("a unit went on after a statement that failed") from error
