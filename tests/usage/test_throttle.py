"""Rates: the bucket's arithmetic, and who gets what, by a clock that a test turns."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.running.ticks import TICK, Ticks
from meshd.usage.throttle import BURST, GRAIN, LEAST, UNBOUNDED, Lane, Pace, Throttle

RATE = 1_250_000
"""Bytes a second: 10 Mbit/s."""


class Puller:
    """Moves what it is given, at once, as long as it wants any."""

    def __init__(self, clock: Clock, *throttles: Throttle, wants: int = 2**62) -> None:
        self.clock = clock
        self.throttles = throttles
        self.lane = Lane()
        self.wants = wants
        self.took = 0
        self.waited = 0.0
        self.asked = clock.seconds()

    def go_on(self) -> None:
        while self.wants and (n := min(self.wants, *(each.allow(self.lane, self.go_on) for each in self.throttles))):
            n = min(n, 16_384)
            for each in self.throttles:
                each.tokens -= n
            self.lane.spend(n)
            self.took += n
            self.wants -= n
        if not self.wants:
            self.waited = max(self.waited, self.clock.seconds() - self.asked)

    def want(self, n: int) -> None:
        self.wants, self.asked = n, self.clock.seconds()
        self.go_on()


class ThrottleCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ticks = Ticks(self.clock)

    def throttle(self, rate: float = RATE) -> Throttle:
        return Throttle(self.ticks, rate)

    def pulling(self, *throttles: Throttle, count: int = 1) -> list[Puller]:
        found = [Puller(self.clock, *throttles) for _ in range(count)]
        for each in found:
            each.go_on()
        return found

    def run_for(self, seconds: float, each: Callable[[], None] = lambda: None, step: float = TICK) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            each()

    def near(self, found: float, expected: float, part: float = 0.02) -> None:
        self.assertLessEqual(abs(found - expected), expected * part, (found, expected))


class RateTests(ThrottleCase):
    def test_however_many_there_are(self) -> None:
        """All together get the rate, within two in a hundred over ten seconds, and share it evenly."""
        for count in (1, 2, 50, 500):
            self.setUp()
            pullers = self.pulling(self.throttle(), count=count)
            self.run_for(10)
            self.near(sum(each.took for each in pullers), 10 * RATE)
            took = sorted(each.took for each in pullers)
            self.assertLessEqual(took[-1] - took[0], RATE * BURST + 8 * LEAST, count)

    def test_fast_and_slow_rates(self) -> None:
        """From a kilobyte to a hundred megabytes a second."""
        for rate in (1000, 16_000, 10**7, 10**8):
            self.setUp()
            pullers = self.pulling(self.throttle(rate), count=3)
            self.run_for(5)
            moved = sum(each.took for each in pullers)
            self.assertLessEqual(abs(moved - 5 * rate), rate * BURST + 2 * LEAST + GRAIN, rate)

    def test_late_ticks_lose_nothing(self) -> None:
        """As long as none is later than half a second."""
        pullers = self.pulling(self.throttle(), count=5)
        self.run_for(10, step=0.25)
        self.near(sum(each.took for each in pullers), 10 * RATE, 0.04)

    def test_silence_is_worth_a_moment(self) -> None:
        """However long it was."""
        throttle = self.throttle()
        self.clock.advance(3600)
        (puller,) = self.pulling(throttle)
        self.near(puller.took, RATE * BURST)

    def test_what_could_not_wait_is_paid_back(self) -> None:
        """Before anything else moves."""
        throttle = self.throttle()
        throttle.tokens = -float(RATE)
        (puller,) = self.pulling(throttle)
        self.run_for(0.9)
        self.assertEqual(puller.took, 0)
        self.run_for(0.2)
        self.assertGreater(puller.took, 0)

    def test_two_rates_at_once(self) -> None:
        """An account's own and its family's: the lower one decides, and the family's rest is the others'."""
        family, own = self.throttle(), self.throttle(RATE // 5)
        (bound,), free = self.pulling(own, family), self.pulling(family, count=2)
        self.run_for(10)
        self.near(bound.took, 10 * RATE / 5, 0.1)
        self.near(bound.took + sum(each.took for each in free), 10 * RATE)

    def test_directions_are_apart(self) -> None:
        """What is sent up takes nothing of what may come down."""
        pace = Pace(self.ticks)
        pace.set(RATE, RATE // 10)
        (up,), (down,) = self.pulling(pace.up), self.pulling(pace.down)
        self.run_for(10)
        self.near(up.took, 10 * RATE)
        self.near(down.took, RATE)


class TurnTests(ThrottleCase):
    def test_a_keystroke_does_not_wait_behind_downloads(self) -> None:
        """Of fifty: it goes with the next tick, each time."""
        throttle = self.throttle()
        bulk = self.pulling(throttle, count=50)
        self.run_for(1)
        typist = Puller(self.clock, throttle, wants=0)
        for _ in range(20):
            typist.want(200)
            self.run_for(0.1)
            self.assertEqual(typist.wants, 0)
        self.assertLessEqual(typist.waited, 2 * TICK)
        self.assertGreater(min(each.took for each in bulk), 0)

    def test_many_that_type_do_not_starve_a_download(self) -> None:
        """Which has every fourth turn."""
        throttle = self.throttle(100_000)
        (bulk,) = self.pulling(throttle)
        self.run_for(1)
        typists = [Puller(self.clock, throttle, wants=0) for _ in range(500)]
        before = bulk.took

        def type_() -> None:
            for each in typists:
                if not each.wants:
                    each.want(1000)

        self.run_for(5, type_)
        self.assertGreater(bulk.took - before, 100_000)


class ChangeTests(ThrottleCase):
    def test_another_rate_holds_at_once(self) -> None:
        """For those that wait too; without one nobody does."""
        throttle = self.throttle(10_000)
        (puller,) = self.pulling(throttle)
        self.run_for(1)
        before = puller.took
        throttle.set(RATE)
        self.run_for(1)
        self.near(puller.took - before, RATE, 0.1)
        puller.wants = 10 * RATE
        throttle.set(0)
        self.run_for(0.1)
        self.assertEqual(puller.wants, 0)
        self.assertEqual(throttle.allow(puller.lane, puller.go_on), UNBOUNDED)

    def test_no_timer_without_anybody_who_waits(self) -> None:
        """One for all who do."""
        for _ in range(3):
            self.pulling(self.throttle(), count=3)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.setUp()
        (puller,) = self.pulling(self.throttle())
        puller.wants = 0
        self.run_for(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
