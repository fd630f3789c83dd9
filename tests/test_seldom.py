from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meshd.seldom import EVERY, KINDS, Seldom
from tests.support.said import said

HERE = "tests.test_seldom"


class SeldomTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = Logger(namespace=HERE)
        self.seldom = Seldom(self.clock.seconds)

    def warn(self, times: int = 1, **facts: object) -> None:
        for _ in range(times):
            self.seldom.say(self.log.warn, "full of {what}", **facts)

    def fail(self, raised: Callable[[], object], **facts: object) -> None:
        try:
            raised()
        except Exception:
            self.seldom.failure(self.log, "{what} failed", **facts)

    def test_a_kind_is_said_at_once_and_then_once_a_minute(self) -> None:
        """With how many were left out, whatever their facts were."""
        with said(HERE) as lines:
            self.warn(what="air")
            self.clock.advance(EVERY - 1)
            self.warn(5, what="water")
            self.assertEqual(lines, ["full of air"])
            self.clock.advance(1)
            self.warn(3, what="earth")
        self.assertEqual(lines, ["full of air", "full of earth (5 more of these were left out)"])

    def test_one_kind_does_not_silence_another(self) -> None:
        """Each is a text of its own."""
        with said(HERE) as lines:
            self.warn(2, what="air")
            self.seldom.say(self.log.warn, "empty")
        self.assertEqual(lines, ["full of air", "empty"])

    def test_failures_are_told_apart_by_where_they_were_raised(self) -> None:
        """A second fault is not hidden by a first one that comes all the time."""

        def first() -> None:
            raise ValueError

        def second() -> None:
            raise ValueError

        def third() -> None:
            raise KeyError

        with said(HERE) as lines:
            for number in range(3):
                for raised in (first, second, third):
                    self.fail(raised, what=number)
            self.seldom.failure(self.log, "{what} failed", Failure(ValueError()), what="unraised")
        self.assertEqual(lines, ["0 failed", "0 failed", "0 failed", "unraised failed"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_what_is_remembered_is_bounded(self) -> None:
        """The kind that was said longest ago goes first."""
        for kind in range(KINDS + 1):
            self.assertEqual(self.seldom.due(kind), 0)
        self.assertIsNone(self.seldom.due(KINDS))
        self.assertIsNone(self.seldom.due(1))
        self.assertEqual(self.seldom.due(0), 0)
