"""Two units at the same time, on PostgreSQL, where they really are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.attempt import perform_blocking
from meshd.accounts.errors import AccountError
from meshd.store.open import BlockingStore
from meshd.store.unit import Row, Statement, Unit

Begun = Callable[[], Unit[Any]]


class Counted:
    """A unit that says how often it was begun: again where it has met another in a deadlock."""

    def __init__(self, unit: Begun) -> None:
        self._unit, self.times = unit, 0

    def __call__(self) -> Unit[Any]:
        self.times += 1
        return (yield from self._unit())


def in_the_midst(
    test: SynchronousTestCase, open_store: Callable[[], BlockingStore], first: Begun, after: str, second: Begun
) -> str:
    """Let the second unit begin once the first has executed a statement with that text, and the first go on only when
    the second is done or waits; what the second was refused with, "" for nothing.
    """
    begun, go_on, watching = Event(), Event(), open_store()

    def slowly() -> Unit[Any]:
        unit = first()
        statement, met = next(unit), False
        while True:
            if met:
                begun.set()
                go_on.wait(60)
            met = met or after in statement.sql
            try:
                statement = unit.send((yield statement))
            except StopIteration:
                return

    def run() -> str:
        try:
            perform_blocking(open_store().run, second)
        except AccountError as error:
            return type(error).__name__
        return ""

    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(open_store().run, slowly)
        slow.add_done_callback(lambda _: begun.set())
        try:
            test.assertTrue(begun.wait(60))
            test.assertFalse(slow.done(), f"the first unit has executed no statement with {after!r}")
            outcome = threads.submit(run)
            while not outcome.done() and not watching.run(_waiting):
                Event().wait(0.01)
        finally:
            go_on.set()
        slow.result()
        return outcome.result()


def _waiting() -> Unit[list[Row]]:
    """Whoever waits for a lock of this database's."""
    return (
        yield Statement(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()", {}
        )
    )
