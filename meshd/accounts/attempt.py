"""Running a change: what the daemon and the command line do around a unit.

Two changes at once may both find a name free; one of them then meets the unique index.  Run again, it sees what the
other has made, and refuses in its own words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from meshd.store.interface import Conflict
from meshd.store.statements import changes
from meshd.store.unit import Unit

P = ParamSpec("P")
T = TypeVar("T")


def performed(run: Callable[..., T], unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `run(unit, …)` returns of a store that makes its caller wait.  AccountError, StoreError."""
    try:
        return run(unit, *args, **kwargs)
    except Conflict:
        return run(unit, *args, **kwargs)


def published(seen: list[int], unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> Unit[T]:
    """The same unit; seen holds the accounts whose change it published, once it has ended."""
    seen.clear()  # the store may run a unit again from the start
    generator = unit(*args, **kwargs)
    try:
        statement = next(generator)
        while True:
            if statement.sql is changes.PUBLISH:
                seen.append(statement.params["account_id"])
            statement = generator.send((yield statement))
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        generator.close()
