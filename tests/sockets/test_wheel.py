"""Timeouts, by a clock that the test moves."""

from __future__ import annotations

import random
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.wheel import TICK, TOGETHER, Wheel


class Timer:
    """Notes when it expired."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.deadline = 0.0
        self.slot = 0
        self.expirations: list[float] = []

    def expired(self) -> None:
        self.expirations.append(self.clock.seconds())


class WheelTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.1)
        self.wheel = Wheel(self.clock)
        self.wheel.start()
        self.addCleanup(self.wheel.stop)

    def timer(self, seconds: float) -> Timer:
        timer = Timer(self.clock)
        self.wheel.arm(timer, seconds)
        return timer

    def run_for(self, seconds: float, step: float = 0.05) -> None:
        self.clock.pump([step] * round(seconds / step))

    def test_never_early_and_little_late(self) -> None:
        """Each of many expires once, not before its time and within three ticks of it."""
        source = random.Random(3)
        timers = []
        for _ in range(300):
            self.run_for(0.05)
            seconds = source.uniform(0.01, 20)
            timers.append((self.clock.seconds() + seconds, self.timer(seconds)))
        self.run_for(25)
        for due, timer in timers:
            (at,) = timer.expirations
            self.assertGreaterEqual(at, due - 1e-6)
            self.assertLessEqual(at, due + 3 * TICK)

    def test_many_at_once_take_turns(self) -> None:
        """Some in each turn of the reactor; those that wait may still be disarmed, moved or armed anew."""
        turns: list[Callable[[], None]] = []
        later = self.clock.callLater
        self.patch(self.clock, "callLater", lambda at, call: later(at, call) if at else turns.append(call))
        timers = [self.timer(1) for _ in range(3 * TOGETHER)]
        while not any(timer.expirations for timer in timers):
            self.clock.advance(TICK)
        waiting = [timer for timer in timers if not timer.expirations]
        self.assertEqual(2 * TOGETHER, len(waiting))
        disarmed, moved, again = waiting[:3]
        self.wheel.disarm(disarmed)
        moved.deadline = self.clock.seconds() + 1
        self.wheel.arm(again, 1)
        while turns:
            turns.pop()()
        self.assertEqual([disarmed, moved, again], [timer for timer in waiting if not timer.expirations])
        self.run_for(2)
        self.assertEqual([0, 1, 1], [len(timer.expirations) for timer in (disarmed, moved, again)])

    def test_deadline_moves_later(self) -> None:
        """Activity is an attribute: what it moves later expires later."""
        timer = self.timer(1)
        for _ in range(20):
            self.run_for(0.5)
            timer.deadline = self.wheel.monotonic + 1
        self.assertEqual(timer.expirations, [])
        self.run_for(2)
        self.assertEqual(len(timer.expirations), 1)

    def test_armed_earlier(self) -> None:
        """Armed anew for sooner, it expires sooner, and once."""
        timer = self.timer(600)
        self.wheel.arm(timer, 1)
        self.run_for(2)
        self.assertEqual(len(timer.expirations), 1)
        self.run_for(700, 0.25)
        self.assertEqual(len(timer.expirations), 1)

    def test_disarm(self) -> None:
        """What is disarmed does not expire, and leaves nothing on the wheel."""
        timers = [self.timer(1) for _ in range(10)]
        for timer in timers:
            self.wheel.disarm(timer)
            self.wheel.disarm(timer)
        self.assertEqual(self.wheel._slots, {})
        self.run_for(3)
        self.assertEqual([timer.expirations for timer in timers], [[]] * 10)

    def test_one_disarms_another(self) -> None:
        """Of two that are due in the same tick, the first may disarm the second."""
        first, second = self.timer(1), self.timer(1)

        def expired(who: Timer, other: Timer) -> None:
            Timer.expired(who)
            self.wheel.disarm(other)

        first.expired = lambda: expired(first, second)  # type: ignore[method-assign]
        second.expired = lambda: expired(second, first)  # type: ignore[method-assign]
        self.run_for(3)
        self.assertEqual(len(first.expirations) + len(second.expirations), 1)

    def test_arms_itself_again(self) -> None:
        """One that arms itself while it expires comes again, after its time."""
        timer = self.timer(1)

        def again() -> None:
            Timer.expired(timer)
            self.wheel.arm(timer, 1)

        timer.expired = again  # type: ignore[method-assign]
        self.run_for(6)
        self.assertIn(len(timer.expirations), (3, 4, 5))
        gaps = [later - sooner for sooner, later in zip(timer.expirations, timer.expirations[1:], strict=False)]
        self.assertTrue(all(gap >= 1 - 1e-6 for gap in gaps), gaps)

    def test_one_fails(self) -> None:
        """An owner that fails keeps no other from its time, and the wheel turns on."""

        def fail() -> None:
            raise RuntimeError("an owner's fault")

        bad, good, later = self.timer(1), self.timer(1), self.timer(3)
        bad.expired = fail  # type: ignore[method-assign]
        self.run_for(5)
        self.assertEqual((len(good.expirations), len(later.expirations)), (1, 1))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_time_that_it_was_not_there(self) -> None:
        """What a look comes later than two ticks is told, in all; a look in time adds nothing."""
        wheel = Wheel(clock := Clock())
        for pause, missed in ((2 * TICK, 0), (5.0, 5.0 - 2 * TICK), (TICK, 5.0 - 2 * TICK), (1.0, 6.0 - 4 * TICK)):
            clock.advance(pause)
            wheel.tick()
            self.assertAlmostEqual(wheel.missed, missed)

    def test_long_sleep(self) -> None:
        """After a process slept through an hour everything due expires, and nothing else."""
        due, not_due = self.timer(100), self.timer(4000)
        self.clock.advance(3600)
        self.run_for(1)
        self.assertEqual((len(due.expirations), len(not_due.expirations)), (1, 0))
