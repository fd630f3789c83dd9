"""Whose turn it is to be tried, and what is made of the answer; no socket is opened here."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.choosing import Choice
from meshd.exits.outlets import FAILURES, LONGEST_REST, REST, Outlet
from meshd.exits.pools import Pools
from meshd.exits.probes import Probes
from meshd.model import Refusal
from meshd.sockets.race import Blame, DialError
from meshd.topology import Exit, Topology
from meshd.values.probing import Probing
from tests.support.live import settings

URL = "http://probe.example/"


class ProbeCase(SynchronousTestCase):
    rules = Probing(URL, every=10, timeout=4, at_once=3)
    names: tuple[str, ...] = tuple("abcde")

    def setUp(self) -> None:
        self.clock = Clock()
        self.noted: list[tuple[str, bool]] = []
        self.plane = SimpleNamespace(
            live=settings(probes=self.rules),
            wheel=SimpleNamespace(monotonic=0.0),
            chance=random.Random(5),
            note_exit=lambda outlet: self.noted.append((outlet.exit.name, outlet.resting)),
        )
        self.have(*self.names)
        self.asked: list[str] = []
        self.open: dict[str, Deferred[int]] = {}
        self.cancelled: list[str] = []
        self.answers: dict[str, int | Exception] = {}
        """By the exit's name: what comes at once; without one a probe stays open."""
        self.probes = Probes(self.clock, self.plane, self.ask)  # type: ignore[arg-type]
        self.probes.start()
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(self.probes.stop())))

    def have(self, *names: str) -> None:
        before = getattr(self.plane, "pools", None)
        self.plane.pools = Pools(Topology({}, tuple(Exit(name, "direct") for name in names), {}), before)

    async def ask(self, url: str, choice: Choice) -> int:
        name = choice.exit.name
        self.assertEqual(url, URL)
        self.asked.append(name)
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        self.open[name] = Deferred(lambda _: self.cancelled.append(name))
        try:
            return await self.open[name]
        finally:
            del self.open[name]

    def later(self, seconds: int = 1) -> list[str]:
        """Who is asked in the next seconds."""
        before = len(self.asked)
        for _ in range(seconds):
            self.plane.wheel.monotonic += 1
            self.clock.advance(1)
            for _ in range(len(self.plane.pools.outlets)):
                self.clock.advance(0)
        return self.asked[before:]

    def outlet(self, name: str) -> Outlet:
        return self.plane.pools.outlets[name]

    def rest(self, name: str) -> Outlet:
        """It rests from now on, as a client's requests have found."""
        for _ in range(FAILURES):
            self.outlet(name).failed(self.plane.wheel.monotonic)
        return self.outlet(name)

    def states(self) -> dict[str, bool]:
        """Of those that rest."""
        return {name: each.resting for name, each in self.plane.pools.outlets.items() if each.resting}


def wrong(blame: Blame = "exit") -> DialError:
    return DialError(Refusal("exit-failed"), blame, "connection-refused")


class TurnTests(ProbeCase):
    def test_each_once_an_interval_and_spread_out(self) -> None:
        """Five exits in ten seconds: one every other second, each in turn, again and again."""
        self.answers = dict.fromkeys(self.names, 200)
        rounds = [self.later(10) for _ in range(3)]
        for found in rounds:
            self.assertEqual(sorted(found), sorted(self.names))
        self.assertEqual(rounds[0], rounds[2])
        self.assertEqual([len(self.later()) for _ in range(10)], [0, 1] * 5)

    def test_how_long_an_answer_takes_is_measured(self) -> None:
        """From the beginning to the answer; a failure measures nothing."""
        self.answers = dict.fromkeys(self.names, 503)
        self.later(10)
        self.assertEqual({each.latency for each in self.plane.pools.outlets.values()}, {0.0})
        self.answers = {}
        while not self.later():
            pass
        (name,) = self.open
        self.later()
        self.open[name].callback(200)
        outlet = self.outlet(name)
        self.assertEqual(outlet.latency, 1.0)
        self.assertEqual(outlet.measured_at, self.plane.wheel.monotonic)

    def test_no_more_than_so_many_at_once(self) -> None:
        """What ends makes room; a probe that is late is not begun twice."""
        self.later(60 - 1)
        self.assertLessEqual(len(self.open), 3)
        self.plane.live.swap(replace(self.plane.live.topology, probes=replace(self.rules, timeout=600)))
        self.later(20)
        self.assertEqual(len(self.open), 3)
        self.assertEqual(self.later(10), [])
        first = next(iter(self.open))
        self.open[first].callback(200)
        (more,) = self.later()
        self.assertNotEqual(more, first)
        self.assertEqual(len(self.open), 3)

    def test_none_without_a_url(self) -> None:
        """A reload ends and begins them."""
        self.plane.live.swap(replace(self.plane.live.topology, probes=Probing()))
        self.assertEqual(self.later(30), [])
        self.plane.live.swap(replace(self.plane.live.topology, probes=self.rules))
        self.answers = dict.fromkeys(self.names, 200)
        self.assertEqual(len(self.later(10)), 5)

    def test_the_drained_are_left_alone(self) -> None:
        self.answers = dict.fromkeys(self.names, 200)
        self.plane.pools.drain({"a", "b"})
        self.rest("b")
        self.assertEqual(set(self.later(20)), {"c", "d", "e"})

    def test_a_reload_brings_others(self) -> None:
        """And takes some away."""
        self.answers = dict.fromkeys([*self.names, "f"], 200)
        self.later(5)
        self.have("a", "b", "f")
        self.assertEqual(set(self.later(12)), {"a", "b", "f"})

    def test_a_stop_ends_what_is_under_way(self) -> None:
        """Without a word about the exit, and nothing is begun any more."""
        self.plane.live.swap(replace(self.plane.live.topology, probes=replace(self.rules, timeout=600)))
        self.later(6)
        self.assertEqual(len(self.open), 3)
        self.successResultOf(Deferred.fromCoroutine(self.probes.stop()))
        self.assertEqual((self.open, len(self.cancelled)), ({}, 3))
        self.assertEqual(self.later(30), [])
        self.assertEqual({(each.failures, each.open) for each in self.plane.pools.outlets.values()}, {(0, 0)})
        self.assertEqual(self.flushLoggedErrors(), [])


class JudgementTests(ProbeCase):
    def test_what_is_a_success(self) -> None:
        """Any answer but the server's own fault."""
        for status in (200, 204, 301, 404, 499):
            self.answers = dict.fromkeys(self.names, status)
            self.outlet("a").failed(0.0)
            self.later(10)
            self.assertEqual(self.outlet("a").failures, 0, status)
        self.assertEqual(self.noted, [])

    def test_the_exits_own_fault_counts(self) -> None:
        """After some in a row it rests, which is told once, and then it is tried when its rest is over."""
        self.answers = dict.fromkeys(self.names, wrong())
        self.later(10 * (FAILURES - 1))
        self.assertEqual(self.states(), {})
        self.later(10)
        self.assertEqual(sorted(self.noted), [(name, True) for name in self.names])
        self.assertEqual({each.reason for each in self.plane.pools.outlets.values()}, {"connection-refused"})
        self.later(60)
        self.assertEqual(len(self.noted), 5)

    def test_a_doubtful_failure_counts_where_another_has_answered(self) -> None:
        """A timeout, a 500, an exception of any kind, a dial that may be the URL's fault."""
        doubtful = (wrong("destination"), wrong("either"), 500, 503, ConnectionError(), None)
        for answer in doubtful:
            self.have()
            self.have(*self.names)
            self.probes._answered.clear()
            self.answers = dict.fromkeys(self.names, 200)
            if answer is None:
                del self.answers["c"]  # it hangs
            else:
                self.answers["c"] = answer
            self.later(10 * (FAILURES + 1))
            self.assertEqual(self.states(), {"c": True}, answer)

    def test_what_says_nothing_of_an_exit(self) -> None:
        """An upstream proxy that refuses the URL, an address of no family of its own, and troubles of ours."""
        for blame, cause in (
            ("family", "unreachable"),
            ("either", "exit-refused"),
            ("either", "dns-error"),
            ("either", "dns-timeout"),
            ("either", "overloaded"),
        ):
            self.answers = dict.fromkeys(self.names, 200)
            self.answers["c"] = DialError(Refusal("exit-failed"), blame, cause)  # type: ignore[arg-type]
            self.later(10 * (FAILURES + 1))
            self.assertEqual((self.states(), self.outlet("c").failures), ({}, 0), cause)

    def test_a_url_that_is_down_takes_nobody_out(self) -> None:
        """Also where it has answered through all of them before."""
        self.answers = dict.fromkeys(self.names, 200)
        self.later(10)
        for answer in (503, wrong("destination"), ConnectionError()):
            self.answers = dict.fromkeys(self.names, answer)
            self.later(20)  # the last answer is not that old, and there are fewer failures than make a rest
            for outlet in self.plane.pools.outlets.values():
                outlet.failures = 0
            self.later(60)
            self.assertEqual(self.states(), {}, answer)

    def test_an_exit_vouches_not_for_itself(self) -> None:
        """The only one that there is: nobody can tell whose fault it is."""
        self.have("a")
        self.answers = {"a": 200}
        self.later(10)
        self.answers = {"a": 503}
        self.later(60)
        self.assertEqual(self.states(), {})

    def test_half_open(self) -> None:
        """As soon as its rest is over, before those whose turn it is; and it is back, or rests for longer."""
        self.answers = dict.fromkeys(self.names, 200)
        self.later(10)
        outlet = self.rest("a")
        self.answers["a"] = wrong()
        self.assertNotIn("a", self.later(int(REST) - 1))
        self.assertIn("a", self.later(2))
        self.assertGreater(outlet.until, self.plane.wheel.monotonic + 1.5 * REST)
        self.answers["a"] = 200
        self.assertEqual(self.later(12).count("a"), 1)
        self.assertEqual(self.noted, [("a", False)])
        self.assertFalse(outlet.resting)

    def test_a_trial_is_one(self) -> None:
        """While a probe tries it, no client does; nor the other way round."""
        self.have("a")
        outlet = self.rest("a")
        self.later(int(REST) + 1)
        self.assertEqual(list(self.open), ["a"])
        self.assertFalse(outlet.usable(self.plane.wheel.monotonic))
        self.open["a"].callback(200)
        self.assertTrue(outlet.usable(self.plane.wheel.monotonic))
        self.rest("a")
        outlet.until = self.plane.wheel.monotonic
        outlet.take()
        self.assertEqual(self.later(5), [])

    def test_what_tells_nothing_is_not_repeated_at_once(self) -> None:
        """One that rests, while the URL is down: every few seconds, and its rest is not made longer."""
        self.have("a")
        outlet = self.rest("a")
        until = outlet.until
        self.answers = {"a": 503}
        found = self.later(60)
        self.assertGreaterEqual(len(found), 5)
        self.assertLessEqual(len(found), 60 / REST)
        self.assertEqual((outlet.until, outlet.resting), (until, True))

    def test_pauses_grow(self) -> None:
        """To a bound."""
        self.have("a", "b")
        self.answers = {"a": wrong(), "b": 200}
        self.later(40)
        tries = [second for second in range(4000) if "a" in self.later()]
        pauses = [later - earlier for earlier, later in pairwise(tries)]
        self.assertEqual(pauses, sorted(pauses))
        self.assertLessEqual(max(pauses), LONGEST_REST + 1)
        self.assertGreater(max(pauses), LONGEST_REST - 2)
