"""The fine timer, which runs only while something waits."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.running.ticks import TICK, Ticks


class Waiting:
    """Wants so many ticks."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.ticks: list[float] = []

    def tick(self, monotonic: float) -> bool:
        self.ticks.append(monotonic)
        return len(self.ticks) < self.wanted


class TicksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ticks = Ticks(self.clock)

    def test_as_long_as_something_wants(self) -> None:
        """Each as often as it wants, by one timer, and none afterwards."""
        one, three = Waiting(1), Waiting(3)
        for each in (one, three, one):
            self.ticks.want(each)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([TICK] * 10)
        self.assertEqual((len(one.ticks), len(three.ticks)), (1, 3))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_wants_again_begins_again(self) -> None:
        """From within a tick too."""
        waiting = Waiting(1)
        self.ticks.want(waiting)
        self.clock.pump([TICK] * 3)
        self.ticks.want(waiting)
        self.clock.pump([TICK] * 3)
        self.assertEqual(len(waiting.ticks), 2)
        self.assertEqual(len(self.ticks), 0)
