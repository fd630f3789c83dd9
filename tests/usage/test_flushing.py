"""When a round begins."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreUnavailable
from meshd.usage.flushing import Rounds

STEP = 1 / 16
"""Sums of it are exact."""


class RoundsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.begun: list[float] = []
        self.error: Exception | None = None
        self.gate: Deferred[None] | None = None
        self.rounds = Rounds(self.clock, self.work, lambda: 1.0)
        self.rounds.start()

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
        self.error = StoreUnavailable("away")
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

    def test_a_fault_of_ours_does_not_end_them(self) -> None:
        """It is logged, and the next round comes."""
        self.error = ValueError("a bug")
        self.run_for(7)
        self.assertEqual(len(self.begun), 2)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_stop_waits_for_the_one_under_way(self) -> None:
        """And none follows."""
        gate = self.gate = Deferred()
        self.run_for(1.5)
        stopped = Deferred.fromCoroutine(self.rounds.stop())
        self.assertNoResult(stopped)
        gate.callback(None)
        self.successResultOf(stopped)
        self.run_for(5)
        self.assertEqual((len(self.begun), self.clock.getDelayedCalls()), (1, []))

    def test_stop_between_two(self) -> None:
        """Nothing is left."""
        self.successResultOf(Deferred.fromCoroutine(self.rounds.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
