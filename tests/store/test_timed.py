"""A store that counts what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.errors import AccountError
from meshd.store.interface import Conflict, StoreError, StoreUnavailable
from meshd.store.timed import TimedStore
from meshd.store.unit import Unit


def unit(number: int) -> Unit[int]:
    yield from ()
    return number


class Store:
    def __init__(self) -> None:
        self.answer: Deferred[Any] = Deferred()
        self.wakes: list[Callable[[], None]] = []
        self.running = False

    async def start(self) -> None:
        self.running = True

    async def run(self, unit: Any, *args: Any) -> Any:
        return await self.answer

    def on_change(self, wake: Callable[[], None]) -> None:
        self.wakes.append(wake)

    async def stop(self) -> None:
        self.running = False


class TimedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.at = 0.0
        self.inner = Store()
        self.store = TimedStore(self.inner, lambda: self.at)  # type: ignore[arg-type]

    def seen(self) -> tuple[float, float, float]:
        """How many units, how long they took together, how many failed."""
        found = {name: value for name, _, value in self.store.samples()}
        return found["store_unit_seconds_count"], found["store_unit_seconds_sum"], found["store_failures_total"]

    def run_one(self, outcome: Any) -> Deferred[int]:
        self.inner.answer = Deferred()
        done = Deferred.fromCoroutine(self.store.run(unit, 3))
        self.at += 2.0
        self.inner.answer.callback(outcome) if outcome == 3 else self.inner.answer.errback(outcome)
        return done

    def test_what_is_carried_out_is_timed(self) -> None:
        self.assertEqual(self.successResultOf(self.run_one(3)), 3)
        self.assertEqual(self.seen(), (1.0, 2.0, 0.0))

    def test_failures_are_the_stores_own(self) -> None:
        """Not what a rule refuses, and not a name that is taken."""
        for error, failures in (
            (StoreUnavailable("away"), 1),
            (StoreError("x"), 2),
            (Conflict("x"), 2),
            (AccountError("x"), 2),
        ):
            self.failureResultOf(self.run_one(error), type(error))
            self.assertEqual(self.seen()[2], failures, error)

    def test_the_rest_is_passed_on(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.store.start()))
        self.assertTrue(self.inner.running)
        self.store.on_change(self.setUp)
        self.assertEqual(self.inner.wakes, [self.setUp])
        self.successResultOf(Deferred.fromCoroutine(self.store.stop()))
        self.assertFalse(self.inner.running)
