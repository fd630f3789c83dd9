"""When a round begins, and what the log hears of it."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from meshd.running.regularly import Regularly

STEP = 1 / 16
"""Sums of it are exact."""


class RegularlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.begun: list[float] = []
        self.error: Exception | None = None
        self.gate: Deferred[None] | None = None
        self.said: list[str] = []
        self.rounds = self.regularly()
        self.rounds.start()

    def regularly(self) -> Regularly:
        return Regularly(
            self.clock,
            self.work,
            lambda: 1.0,
            log=Logger("test", observer=self.hear),
            away="it is away",
            back="it is back",
            expected=(OSError,),
            pause=lambda pause: min(pause * 2 or 0.5, 5.0),
        )

    def hear(self, event: LogEvent) -> None:
        self.said.append(formatEvent(event))

    async def work(self) -> None:
        self.begun.append(round(self.clock.seconds(), 3))
        if self.gate is not None:
            await self.gate
        if self.error is not None:
            raise self.error

    def run_for(self, seconds: float) -> None:
        self.clock.pump([STEP] * round(seconds / STEP))

    def test_regularly(self) -> None:
        """One a second."""
        self.run_for(3)
        self.assertEqual(self.begun, [1.0, 2.0, 3.0])

    def test_sooner_when_asked(self) -> None:
        """As long after the last one as that took, a tenth of a second at most, however often it is asked for."""
        for took, pause in ((0.0, 0.001), (0.03, 0.03), (5.0, 0.1)):
            rounds, self.begun = self.rounds, []
            self.gate = Deferred()
            self.clock.advance(1)
            self.assertEqual(len(self.begun), 1)
            self.clock.advance(took)
            gate, self.gate = self.gate, None
            gate.callback(None)
            for _ in range(5):
                rounds.hasten()
            self.clock.advance(pause * 0.9)
            self.assertEqual(len(self.begun), 1, took)
            self.clock.advance(pause * 0.2)
            self.assertEqual(len(self.begun), 2, took)

    def test_never_two_at_once(self) -> None:
        """A slow one is not overtaken; what was asked for meanwhile comes soon after it."""
        gate = self.gate = Deferred()
        self.run_for(5)
        self.rounds.hasten()
        self.assertEqual(len(self.begun), 1)
        self.gate = None
        gate.callback(None)
        self.run_for(0.125)
        self.assertEqual(len(self.begun), 2)

    def test_more_rarely_while_it_fails(self) -> None:
        """Pauses grow to five seconds, asking changes nothing, and all is as before once it works."""
        self.error = ConnectionError("away")
        for _ in range(480):
            self.rounds.hasten()
            self.clock.advance(STEP)
        gaps = [round(b - a, 1) for a, b in zip(self.begun, self.begun[1:], strict=False)]
        self.assertEqual(gaps[:6], [0.5, 1.0, 2.0, 4.0, 5.0, 5.0])
        self.assertTrue(self.rounds.failing)
        self.error = None
        self.run_for(6)
        self.assertFalse(self.rounds.failing)
        self.assertEqual(round(self.begun[-1] - self.begun[-2], 1), 1.0)

    def test_what_the_log_hears(self) -> None:
        """Once that it fails, again where it fails in another way, and once that it works."""
        a, b, fault = ConnectionError("a"), ConnectionError("b"), ValueError("a bug")
        away_a, away_b, away, back = "it is away: a", "it is away: b", "it is away", "it is back"
        for errors, said in (
            ((None, None), []),
            ((a, b, b, None, None), [away_a, back]),
            ((a, None, b, None), [away_a, back, away_b, back]),
            ((fault, fault, None), [away, back]),
            ((a, fault, fault, a, None), [away_a, away, away_a, back]),
        ):
            self.said.clear()
            for self.error in errors:
                self.rounds.begin()
            self.assertEqual(self.said, said)

    def test_a_fault_of_ours_does_not_end_them(self) -> None:
        """The next round comes, as after any other failure."""
        self.error = ValueError("a bug")
        self.run_for(7)
        self.assertEqual(self.begun, [1.0, 1.5, 2.5, 4.5])

    def test_at_once(self) -> None:
        """Also while rounds fail; a round that is under way is enough, and none begins once they are stopped."""
        self.error = ConnectionError("away")
        self.rounds.begin()
        gate = self.gate = Deferred()
        self.rounds.begin()
        self.rounds.begin()
        self.assertEqual(self.begun, [0.0, 0.0])
        gate.callback(None)
        self.rounds.stop()
        self.rounds.begin()
        self.assertEqual(self.begun, [0.0, 0.0])

    def test_now_and_then_regularly(self) -> None:
        """Who starts them may wait for the first."""
        self.rounds = self.regularly()
        gate = self.gate = Deferred()
        self.rounds.start(at_once=True)
        ended = [self.rounds.ended(), self.rounds.ended()]
        ended[0].cancel()
        self.failureResultOf(ended[0], CancelledError)
        self.assertNoResult(ended[1])
        gate.callback(None)
        self.successResultOf(ended[1])
        self.successResultOf(self.rounds.ended())
        self.clock.advance(1)
        self.assertEqual(self.begun.count(1.0), 2)

    def test_work_that_needs_no_waiting(self) -> None:
        """A plain function will do."""
        self.rounds.stop()
        calls: list[None] = []
        log = Logger("test", observer=self.hear)
        rounds = Regularly(self.clock, lambda: calls.append(None), lambda: 1.0, log=log, away="it is away")
        rounds.start()
        self.run_for(3)
        self.assertEqual((len(calls), self.said), (3, []))

    def test_stop_waits_for_the_one_under_way(self) -> None:
        """And none follows."""
        gate = self.gate = Deferred()
        self.run_for(1.5)
        stopped = self.rounds.stop()
        self.assertNoResult(stopped)
        gate.callback(None)
        self.successResultOf(stopped)
        self.run_for(5)
        self.assertEqual((len(self.begun), self.clock.getDelayedCalls()), (1, []))

    def test_stop_between_two(self) -> None:
        """Nothing is left."""
        self.successResultOf(self.rounds.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_that_cuts_the_one_under_way(self) -> None:
        """It is cancelled, which is no failure."""
        self.gate = Deferred()
        self.run_for(1.5)
        self.successResultOf(self.rounds.stop(cut=True))
        self.assertEqual((self.said, self.clock.getDelayedCalls()), ([], []))

    def test_a_last_one(self) -> None:
        """After the one under way, and then none."""
        gate = self.gate = Deferred()
        self.run_for(1.5)
        finished = Deferred.fromCoroutine(self.rounds.finish())
        self.gate = None
        gate.callback(None)
        self.successResultOf(finished)
        self.run_for(5)
        self.assertEqual((self.begun, self.clock.getDelayedCalls()), ([1.0, 1.5], []))
