"""Running a change: what the daemon and the command line do around a unit.

Two changes at once may both find a name free; one of them then meets the unique index, as Conflict.  Run again, that
change sees what the other has made, and is refused by the rule, in the rule's words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from meshd.running.cause import Cause
from meshd.store.interface import Conflict
from meshd.store.statements import audit, changes
from meshd.store.unit import Statement, Unit

P = ParamSpec("P")
T = TypeVar("T")


COMMAND = Cause("cli")


def perform_blocking(run: Callable[..., T], unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the unit on a blocking store (`run`) for the command, once more after a Conflict.
    Raises: AccountError, StoreError.
    """
    caused = partial(published, [], COMMAND, unit)
    try:
        return run(caused, *args, **kwargs)
    except Conflict:
        return run(caused, *args, **kwargs)


def published(
    seen: list[int], cause: Cause, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs
) -> Unit[T]:
    """Wrap the unit so that `seen` holds the ids of the accounts whose changes it published, once it has ended; what it
    records of its changes tells their cause.
    """
    seen.clear()  # the store may run a unit again from the start
    generator = unit(*args, **kwargs)
    try:
        statement = next(generator)
        while True:
            if statement.sql is changes.PUBLISH:
                seen.append(statement.params["account_id"])
            elif statement.sql is audit.RECORD:
                statement = Statement(statement.sql, {**statement.params, **cause._asdict()})
            statement = generator.send((yield statement))
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        generator.close()
