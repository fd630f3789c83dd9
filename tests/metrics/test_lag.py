"""How late the event loop is."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.metrics.lag import EVERY, Lag


class LagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lag = Lag(self.clock)
        self.lag.start()

    def seen(self) -> dict[str, float]:
        return {name: value for name, _, value in self.lag.samples() if not name.endswith("_bucket")}

    def test_a_loop_that_is_in_time_has_none(self) -> None:
        self.clock.pump([EVERY] * 4)
        self.assertEqual(self.seen(), {"reactor_lag_seconds_sum": 0.0, "reactor_lag_seconds_count": 4.0})

    def test_what_is_late_is_measured_once(self) -> None:
        """Two seconds in which nothing ran; the next is due a quarter of a second after that."""
        self.clock.advance(EVERY + 2.0)
        self.clock.advance(EVERY)
        self.assertEqual(self.seen(), {"reactor_lag_seconds_sum": 2.0, "reactor_lag_seconds_count": 2.0})

    def test_it_stops(self) -> None:
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.lag.stop()
