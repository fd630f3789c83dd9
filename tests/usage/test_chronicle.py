"""What ends is passed on many at a time, and none is missing when it is written."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.statements import activity, tops
from meshd.topology import Limits
from meshd.usage.chronicle import AT_ONCE, Chronicle
from tests.support.live import settings
from tests.usage.support import NOON, exchange, now


class Notes:
    """In the place of a store: how many exchanges reached the newest ones, and how many the sums by host."""

    def __init__(self) -> None:
        self.newest = self.summed = self.outcomes = 0

    async def run(self, unit: object, *args: Any) -> bool:
        if unit is activity.add:
            self.newest += len(args[0])
        if unit is tops.record:
            self.summed += sum(cell[2] for _, cell in args[0])
            self.outcomes += sum(cell[2] for (kind, _, _), cell in args[1] if kind == tops.OUTCOME)
        return False


class ChronicleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store, self.clock = Notes(), Clock()
        live = settings(Limits(domain_days=9, activity_per_account=7, activity_seconds=100))
        self.chronicle = Chronicle(self.store, self.clock, lambda: NOON, live, "node")  # type: ignore[arg-type]

    def end(self, count: int, *, admitted: bool = True) -> None:
        for _ in range(count):
            add = self.chronicle.add if admitted else self.chronicle.add_tried
            add(exchange(account_id=7, up=1))

    def test_however_many_wait_the_next_writing_has_them(self) -> None:
        """Also those that are fewer than are passed on together."""
        for count in (1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1):
            with self.subTest(count):
                self.setUp()
                self.chronicle.start(lambda account_id: [])
                self.end(count)
                self.clock.pump([1.0] * 5)
                self.assertEqual((self.store.summed, self.store.outcomes), (count, count))
                self.assertEqual(self.store.newest, min(count, 50))

    def test_the_last_writing_has_them_too(self) -> None:
        """Nothing that ended before the stop is left out."""
        self.chronicle.start(lambda account_id: [])
        self.end(AT_ONCE // 2)
        now(self.chronicle.stop())
        self.assertEqual((self.store.newest, self.store.summed), (AT_ONCE // 2, AT_ONCE // 2))

    def test_what_a_stranger_tried_is_an_outcome_alone(self) -> None:
        """The account whose name was tried sees nothing of it among its newest."""
        self.end(3, admitted=False)
        now(self.chronicle.stop())
        self.assertEqual((self.store.newest, self.store.outcomes), (0, 3))
