"""Who waits for a name: each is told once, by what comes first."""

from __future__ import annotations

import gc
from weakref import ref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.dns.callers import Callers, Entry, Resolved, outcome_of
from meshd.dns.deadlines import Deadlines
from meshd.dns.system import ResolveError
from meshd.running.flights import Crowded

FOUND: Entry = (60.0, ("192.0.2.1",), None)
NONE: Entry = (5.0, None, ResolveError("dns_error", "no such name"))


class CallersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = 5.0
        self.callers = Callers(2, Deadlines(self.clock), lambda: self.limit)
        self.heard: list[tuple[int, Resolved | ResolveError]] = []

    def enter(self, host: str, number: int = 0) -> bool:
        return self.callers.enter(host, lambda outcome: self.heard.append((number, outcome)))

    def told(self) -> list[tuple[int, str]]:
        """By whom, and what kind of outcome."""
        heard, self.heard = self.heard, []
        return [(number, "found" if isinstance(each, Resolved) else each.kind) for number, each in heard]

    def test_the_first_one_leads(self) -> None:
        """Those who come while its look-up is under way share it; who comes afterwards begins another."""
        self.assertEqual([self.enter("a", 1), self.enter("a", 2), self.enter("b", 3)], [True, False, True])
        self.callers.land("a", FOUND)
        self.assertEqual(self.told(), [(1, "found"), (2, "found")])
        self.assertTrue(self.enter("a", 4))
        self.assertEqual(len(self.callers), 2)

    def test_names_are_bounded_and_those_who_wait_for_one_are_not(self) -> None:
        for host in ("a", "b", "b"):
            self.enter(host)
        self.assertRaises(Crowded, self.enter, "c")
        self.callers.land("a", FOUND)
        self.assertTrue(self.enter("c"))

    def test_each_has_its_time(self) -> None:
        """From when it came; who was told is told nothing more, and the look-up goes on for the others."""
        self.enter("a", 1)
        self.clock.advance(3)
        self.limit = 4.0
        self.enter("a", 2)
        self.clock.advance(2)
        self.assertEqual(self.told(), [(1, "dns_timeout")])
        self.callers.land("a", FOUND)
        self.clock.advance(60)
        self.assertEqual(self.told(), [(2, "found")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_name_is_under_way_until_it_is_answered(self) -> None:
        """Also where all who asked have gone: its place is taken, and who comes then waits with it."""
        self.enter("a", 1)
        self.clock.advance(5)
        self.assertEqual((self.told(), len(self.callers)), ([(1, "dns_timeout")], 1))
        self.assertFalse(self.enter("a", 2))
        self.callers.land("a", NONE)
        self.assertEqual((self.told(), len(self.callers)), ([(2, "dns_error")], 0))

    def test_who_is_told_may_ask_again(self) -> None:
        """For the same name, while others are still to be told."""
        self.callers.enter("a", lambda outcome: self.heard.append((int(self.enter("a", 9)), outcome)))
        self.enter("a", 2)
        self.callers.land("a", FOUND)
        self.assertEqual(self.told(), [(1, "found"), (2, "found")])
        self.callers.land("a", NONE)
        self.assertEqual(self.told(), [(9, "dns_error")])

    def test_abandoned(self) -> None:
        for number, host in enumerate(("a", "b", "b")):
            self.enter(host, number)
        self.callers.abandon(ResolveError("dns_error", "stopping"))
        self.assertEqual(self.told(), [(number, "dns_error") for number in range(3)])
        self.callers.land("a", FOUND)
        self.assertEqual((self.told(), len(self.callers)), ([], 0))

    def test_one_that_fails(self) -> None:
        """Takes no other's answer with it, and the log hears of it."""

        def failing(outcome: object) -> None:
            raise ValueError("mine")

        self.callers.enter("a", failing)
        self.enter("a", 2)
        self.callers.land("a", FOUND)
        self.assertEqual(self.told(), [(2, "found")])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_nothing_is_left_for_the_collector(self) -> None:
        """Of those who were told."""

        class Hearing:
            def told(self, outcome: object) -> None:
                pass

        hearing = Hearing()
        gone = ref(hearing)
        gc.disable()
        self.addCleanup(gc.enable)
        self.callers.enter("a", hearing.told)
        del hearing
        self.callers.land("a", FOUND)
        self.assertIsNone(gone())

    def test_errors_are_each_callers_own(self) -> None:
        """As a raised one gathers tracebacks."""
        first, second = outcome_of(NONE), outcome_of(NONE)
        assert isinstance(first, ResolveError)
        assert isinstance(second, ResolveError)
        self.assertEqual((first.kind, first.detail), (second.kind, second.detail))
        self.assertIsNot(first, second)
