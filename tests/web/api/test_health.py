from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred

from meshd.web.api.health import PATIENCE, REMEMBERED
from tests.web.api.document import DocumentTestCase
from tests.web.support import Answer, Line, read_answer, request


class HealthTests(DocumentTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.runs = 0
        self.checks: Mapping[str, bool] | Exception | Deferred[Mapping[str, bool]] = {"store": True, "listeners": True}
        self.world.checks = self.ready

    async def ready(self) -> Mapping[str, bool]:
        self.runs += 1
        if isinstance(self.checks, Exception):
            raise self.checks
        if isinstance(self.checks, Deferred):
            return await self.checks
        return self.checks

    def readyz(self) -> Answer:
        return self.get("/readyz", who=None)

    def test_healthz_says_that_the_process_is_alive(self) -> None:
        """To everyone, store or no store, and asks nothing."""
        self.checks = ZeroDivisionError()
        self.assertEqual(self.get("/healthz", who=None).seen, (200, {"status": "ok"}))
        self.assertEqual((self.runs, self.world.door.asked), (0, []))

    def test_readyz_says_that_all_checks_passed(self) -> None:
        """And no more than that."""
        self.assertEqual(self.readyz().seen, (200, {"status": "ok"}))

    def test_readyz_names_the_check_that_failed(self) -> None:
        """503, for a balancer to look elsewhere."""
        self.checks = {"store": False, "listeners": True}
        expected = {"status": "unavailable", "checks": {"store": False, "listeners": True}}
        self.assertEqual(self.readyz().seen, (503, expected))

    def test_a_check_that_raises_is_a_check_that_failed(self) -> None:
        """Nothing internal is shown; the log has it."""
        self.checks = ZeroDivisionError("postgresql://meshd:hush@db/")
        self.assertEqual(self.readyz().seen, (503, {"status": "unavailable", "checks": {}}))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_check_that_hangs_is_a_check_that_failed(self) -> None:
        """After a few seconds, before the balancer gives up."""
        self.checks = Deferred()
        line = Line(self.world.site)
        line.say(request("GET", "/readyz"))
        self.world.clock.advance(PATIENCE - 0.1)
        self.assertEqual(line.heard(), b"")
        self.world.clock.advance(0.2)
        self.assertEqual(read_answer(line.heard()).status, 503)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_who_asks_while_the_checks_run_waits_for_the_same_run(self) -> None:
        """A flood of questions is one question to the store."""
        waiting: Deferred[Mapping[str, bool]] = Deferred()
        self.checks = waiting
        lines = [Line(self.world.site) for _ in range(5)]
        for line in lines:
            line.say(request("GET", "/readyz"))
        waiting.callback({"store": True})
        self.assertEqual([read_answer(line.heard()).status for line in lines], [200] * 5)
        self.assertEqual(self.runs, 1)

    def test_an_outcome_is_told_again_for_a_moment(self) -> None:
        """And then looked at anew."""
        for _ in range(10):
            self.readyz()
        self.assertEqual(self.runs, 1)
        self.checks = {"store": False}
        self.world.clock.advance(REMEMBERED)
        self.assertEqual((self.readyz().status, self.runs), (503, 2))
