"""Rows of calls that are due, by a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.dns.deadlines import TOGETHER, Deadlines


class DeadlinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock)
        self.called: list[tuple[str, float]] = []

    def call(self, name: str) -> Callable[[], None]:
        return partial(self.note, name)

    def note(self, name: str) -> None:
        self.called.append((name, self.clock.seconds()))

    def test_each_is_called_when_it_is_due(self) -> None:
        """Whatever its span, and in the order in which they were armed."""
        self.deadlines.arm(self.call("slow"), 3)
        self.clock.advance(1)
        self.deadlines.arm(self.call("quick"), 0.5)
        self.deadlines.arm(self.call("later"), 3)
        self.clock.advance(0.5)
        self.clock.advance(1.5)
        self.clock.advance(1)
        self.assertEqual(self.called, [("quick", 1.5), ("slow", 3.0), ("later", 4.0)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_was_called_off_is_not_called(self) -> None:
        """And its row goes on with the next; to call off what is not armed does nothing."""
        first, second = self.call("first"), self.call("second")
        self.deadlines.disarm(first, 1)
        self.deadlines.arm(first, 1)
        self.clock.advance(0.5)
        self.deadlines.arm(second, 1)
        self.deadlines.disarm(first, 1)
        self.clock.advance(0.5)
        self.assertEqual(self.called, [])
        self.clock.advance(0.5)
        self.assertEqual(self.called, [("second", 1.5)])

    def test_a_row_has_one_timer(self) -> None:
        """However many are in it, and none when it is empty."""
        calls = [self.call(str(number)) for number in range(100)]
        for call in calls:
            self.deadlines.arm(call, 1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for call in calls:
            self.deadlines.disarm(call, 1)
        self.clock.advance(1)
        self.assertEqual((self.called, self.clock.getDelayedCalls()), ([], []))

    def test_many_at_once_are_called_in_several_turns(self) -> None:
        """So that others have theirs in between."""
        for number in range(2 * TOGETHER + 1):
            self.deadlines.arm(self.call(str(number)), 1)
        self.clock.callLater(1, self.note, "other")
        self.clock.advance(1)
        names = [name for name, _ in self.called]
        self.assertEqual(names.pop(TOGETHER), "other")
        self.assertEqual(names, [str(number) for number in range(2 * TOGETHER + 1)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_fails_stops_no_other(self) -> None:
        """Its fault is in the log, and the clock goes on."""

        def failing() -> None:
            raise ZeroDivisionError

        self.deadlines.arm(failing, 1)
        self.deadlines.arm(self.call("other"), 1)
        self.clock.advance(1)
        self.deadlines.arm(self.call("later"), 1)
        self.clock.advance(1)
        self.assertEqual([name for name, _ in self.called], ["other", "later"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_call_may_arm_another(self) -> None:
        """Of the same span, and even when its row was empty by then."""

        def again() -> None:
            self.note("again")
            self.deadlines.arm(self.call("other"), 1)

        self.deadlines.arm(again, 1)
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertEqual(self.called, [("again", 1.0), ("other", 2.0)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_is_armed_again_holds_up_nobody(self) -> None:
        """What was armed before it is due before it."""
        again: list[Callable[[], None]] = []

        def retry() -> None:
            self.note("retry")
            self.deadlines.arm(again[0], 1)

        again.append(retry)
        self.deadlines.arm(retry, 1)
        for name in ("second", "third"):
            self.clock.advance(0.25)
            self.deadlines.arm(self.call(name), 1)
        for _ in range(8):
            self.clock.advance(0.25)
        self.assertEqual(self.called, [("retry", 1.0), ("second", 1.25), ("third", 1.5), ("retry", 2.0)])

    def test_a_call_may_stop_everything(self) -> None:
        """What would have come is called off."""
        self.deadlines.arm(self.deadlines.stop, 1)
        self.deadlines.arm(self.call("late"), 1)
        self.deadlines.arm(self.call("later"), 2)
        self.clock.advance(3)
        self.assertEqual((self.called, self.clock.getDelayedCalls()), ([], []))
