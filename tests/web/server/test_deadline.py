from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.web.server.deadline import Deadline


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.deadline = Deadline(self.clock)
        self.late: list[tuple[str, float]] = []

    def start(self, seconds: float, name: str) -> None:
        self.deadline.start(seconds, lambda: self.late.append((name, self.clock.seconds())))

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds * 2):
            self.clock.advance(0.5)

    def rounded(self) -> list[tuple[str, float]]:
        return [(name, round(at, 1)) for name, at in self.late]

    def test_it_comes_once_at_its_time(self) -> None:
        """And never again."""
        self.start(10, "a")
        self.pass_time(100)
        self.assertEqual(self.rounded(), [("a", 10.0)])

    def test_another_replaces_it_whether_earlier_or_later(self) -> None:
        """Only the last one that was started counts."""
        for second, at in ((3, 5.0), (30, 32.0)):
            self.setUp()
            self.start(10, "a")
            self.pass_time(2)
            self.start(second, "b")
            self.pass_time(100)
            self.assertEqual(self.rounded(), [("b", at)])

    def test_a_stopped_one_does_not_come_and_can_be_started_again(self) -> None:
        """The time counts from the new start."""
        self.start(10, "a")
        self.deadline.stop()
        self.pass_time(20)
        self.start(10, "b")
        self.pass_time(20)
        self.assertEqual(self.rounded(), [("b", 30.0)])

    def test_a_busy_connection_touches_the_reactor_rarely(self) -> None:
        """A thousand requests are two or three timers."""
        made: list[float] = []
        call_later = self.clock.callLater
        self.clock.callLater = lambda delay, *args: (made.append(delay), call_later(delay, *args))[1]  # type: ignore[method-assign]
        for _ in range(1000):
            self.start(60, "idle")
            self.start(10, "head")
            self.deadline.stop()
            self.clock.advance(0.01)
        self.assertLess(len(made), 5)
        self.assertEqual(self.late, [])

    def test_what_comes_late_may_start_the_next(self) -> None:
        """Two seconds to linger, then five to go."""
        self.deadline.start(2, lambda: self.start(5, "gone"))
        self.pass_time(20)
        self.assertEqual(self.rounded(), [("gone", 7.0)])

    def test_its_end_leaves_no_timer(self) -> None:
        """In whatever state."""
        self.deadline.end()
        self.start(10, "a")
        self.deadline.end()
        self.start(10, "a")
        self.deadline.stop()
        self.deadline.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])
