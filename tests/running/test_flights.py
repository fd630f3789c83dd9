"""Shared work, and work in lines."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.running.flights import Crowded, Flights, Landed, Lines


class FlightTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flights: Flights[str] = Flights(2)
        self.begun: list[Deferred[str]] = []

    async def work(self) -> str:
        self.begun.append(Deferred())
        return await self.begun[-1]

    def join(self, key: str) -> Deferred[Landed[str]]:
        return Deferred.fromCoroutine(self.flights.join(key, self.work))

    def test_one_for_all(self) -> None:
        """Who comes while it is under way shares it; one of them led."""
        first, second = self.join("a"), self.join("a")
        self.assertEqual(len(self.begun), 1)
        self.begun[0].callback("done")
        self.assertEqual(self.successResultOf(first), ("done", True))
        self.assertEqual(self.successResultOf(second), ("done", False))

    def test_keys_are_apart_and_over_when_they_land(self) -> None:
        """Another key, or the same one later, is other work."""
        first = self.join("a")
        self.join("b")
        self.begun[0].callback("done")
        self.join("a")
        self.assertEqual(len(self.begun), 3)
        self.successResultOf(first)

    def test_failure_reaches_all(self) -> None:
        """An error is everybody's."""
        joined = [self.join("a"), self.join("a")]
        self.begun[0].errback(ValueError("no"))
        for one in joined:
            self.failureResultOf(one, ValueError)

    def test_the_first_may_go_away(self) -> None:
        """The work goes on for the others, and ends without those who left."""
        first, second = self.join("a"), self.join("a")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.begun[0].callback("done")
        self.assertEqual(self.successResultOf(second).result, "done")

    def test_all_may_go_away(self) -> None:
        """An error that nobody waits for any more disturbs nobody, and the key is free again."""
        first = self.join("a")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.begun[0].errback(ValueError("no"))
        self.join("a")
        self.assertEqual(len(self.begun), 2)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_bound(self) -> None:
        """Only so many different things at once; joining one of them is always possible."""
        self.join("a")
        self.join("b")
        self.failureResultOf(self.join("c"), Crowded)
        self.assertNoResult(self.join("a"))

    def test_who_goes_away_leaves_nothing_behind(self) -> None:
        """However long the work takes, and however many give up meanwhile."""
        self.join("a")
        for _ in range(100):
            gone = self.join("a")
            gone.cancel()
            self.failureResultOf(gone, CancelledError)
        self.assertEqual(len(self.flights._waiting["a"]), 1)

    def test_who_is_told_may_send_another_away(self) -> None:
        """The other one's place is gone by then."""
        first, second = self.join("a"), self.join("a")
        first.addCallback(lambda _: second.cancel())
        self.begun[0].callback("done")
        self.failureResultOf(second, CancelledError)


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines = Lines()
        self.log: list[str] = []

    async def visit(self, key: str, name: str, gate: Deferred[None] | None = None) -> None:
        async with self.lines.hold(key):
            self.log.append(f"{name} in")
            if gate is not None:
                await gate
            self.log.append(f"{name} out")

    def start(self, key: str, name: str, gate: Deferred[None] | None = None) -> Deferred[None]:
        return Deferred.fromCoroutine(self.visit(key, name, gate))

    def test_one_after_the_other(self) -> None:
        """Within a line in order; beside it freely."""
        gate: Deferred[None] = Deferred()
        self.start("a", "first", gate)
        self.start("a", "second")
        self.start("b", "other")
        self.assertEqual(self.log, ["first in", "other in", "other out"])
        gate.callback(None)
        self.assertEqual(self.log[3:], ["first out", "second in", "second out"])
        self.assertEqual(self.lines._lines, {})

    def test_who_gives_up_waiting_is_passed_over(self) -> None:
        """A place in the line is left without a trace."""
        gate: Deferred[None] = Deferred()
        self.start("a", "first", gate)
        second = self.start("a", "second")
        third = self.start("a", "third")
        second.cancel()
        self.failureResultOf(second, CancelledError)
        gate.callback(None)
        self.successResultOf(third)
        self.assertNotIn("second in", self.log)

    def test_who_is_inside_and_gives_up_lets_the_next_in(self) -> None:
        """Cancelled or failed, the turn passes on."""
        first = self.start("a", "first", Deferred())
        second = self.start("a", "second")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.successResultOf(second)

    def test_a_long_line_that_moves_at_once(self) -> None:
        """Thousands that are done as soon as they are in do not nest."""
        gate: Deferred[None] = Deferred()
        self.start("a", "first", gate)
        waiting = [self.start("a", str(number)) for number in range(5000)]
        gate.callback(None)
        for one in waiting:
            self.successResultOf(one)
        self.assertEqual(self.lines._lines, {})
