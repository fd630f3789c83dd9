"""Names to addresses: against a real name server on loopback, and against a getaddrinfo of our own in real threads."""

from __future__ import annotations

import socket
from threading import Event
from typing import Any

from twisted.internet import reactor as any_reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meshd.dns.resolver import EACH, ResolveError, Resolver, server_address
from meshd.dns.servers import ServerLookup
from meshd.dns.system import interleave
from meshd.sockets.poll import Poller
from tests.support.nameserver import SILENCE, NameServer

reactor: Any = any_reactor


def started(resolver: Resolver, host: str) -> Deferred[Any]:
    return Deferred.fromCoroutine(resolver.resolve(host))


class ServerTests(TestCase):
    """With servers configured, the answers and their TTL are the servers'."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.server = NameServer(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))
        self.poller = Poller(reactor)
        self.poller.start()
        self.addCleanup(self.poller.stop)

    def resolver(self, *servers: str, **given: Any) -> Resolver:
        made = Resolver(
            reactor, servers=servers or (self.server.address,), poller=self.poller, clock=self.clock, **given
        )
        self.addCleanup(made.stop)
        return made

    async def failure(self, resolver: Resolver, host: str) -> ResolveError:
        return await self.assertFailure(started(resolver, host), ResolveError)

    async def test_families_are_interleaved_with_ipv6_first(self) -> None:
        """RFC 8305 section 4: a dead family costs one attempt, not all of its addresses."""
        self.server.say("both.test", "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1")
        answer = await self.resolver().resolve("both.test")
        self.assertEqual(answer.addresses, ("2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"))

    async def test_what_needs_no_question(self) -> None:
        """Nobody is asked for an address, nor for what is remembered, whether it was found or not."""
        self.server.say("found.test", "192.0.2.1")
        resolver = self.resolver()
        for host in ("found.test", "missing.test"):
            self.assertTrue(resolver.asks(host))
        await resolver.resolve("found.test")
        await self.failure(resolver, "missing.test")
        for host in ("found.test", "missing.test", "localhost", "a.localhost", "127.0.0.1", "::1", "0x7f.1", "no name"):
            self.assertFalse(resolver.asks(host), host)
        self.clock.advance(600)
        self.assertTrue(resolver.asks("found.test"))

    async def test_an_answer_is_remembered_for_its_ttl_and_then_asked_for_again(self) -> None:
        """A change at the origin is seen when its TTL is over, neither sooner nor later."""
        self.server.say("moves.test", "192.0.2.1", ttl=40)
        resolver = self.resolver()
        self.assertIsNone(resolver.known("moves.test"))
        self.assertEqual((await resolver.resolve("moves.test")).expires, 40)
        self.server.say("moves.test", "192.0.2.9", ttl=40)
        self.clock.advance(39)
        self.assertEqual(resolver.known("moves.test"), ("192.0.2.1",))
        self.assertEqual((await resolver.resolve("moves.test")).addresses, ("192.0.2.1",))
        self.clock.advance(1)
        self.assertIsNone(resolver.known("moves.test"))
        self.assertEqual((await resolver.resolve("moves.test")).addresses, ("192.0.2.9",))

    async def test_the_ttl_is_clamped(self) -> None:
        """A TTL of nothing is no way to make us ask for each request, and one of a week is not believed."""
        self.server.say("short.test", "192.0.2.1", ttl=0)
        self.server.say("long.test", "192.0.2.1", ttl=604800)
        resolver = self.resolver(ttl_min=7, ttl_max=200)
        self.assertEqual((await resolver.resolve("short.test")).expires, 7)
        self.assertEqual((await resolver.resolve("long.test")).expires, 200)

    async def test_no_such_name_is_dns_error_and_remembered_for_five_seconds(self) -> None:
        """NXDOMAIN is final for the moment; the servers are not asked for it again at once."""
        self.server.code("gone.test", dns.ENAME)
        resolver = self.resolver()
        self.assertEqual((await self.failure(resolver, "gone.test")).kind, "dns_error")
        asked = self.server.asked.total()
        self.server.say("gone.test", "192.0.2.1")
        self.assertEqual((await self.failure(resolver, "gone.test")).detail, "no such name")
        self.assertEqual(self.server.asked.total(), asked)
        self.assertIsNone(resolver.known("gone.test"))
        self.clock.advance(5)
        self.assertEqual((await resolver.resolve("gone.test")).addresses, ("192.0.2.1",))

    async def test_a_name_without_addresses_is_dns_error(self) -> None:
        """NODATA in both families."""
        self.assertEqual((await self.failure(self.resolver(), "bare.test")).detail, "no address")

    async def test_a_failing_server_is_dns_error_after_the_next_was_asked(self) -> None:
        """SERVFAIL from one server is no reason not to ask the other."""
        self.server.code("broken.test", dns.ESERVER)
        self.assertEqual((await self.failure(self.resolver(), "broken.test")).kind, "dns_error")
        second = NameServer(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(second.stop()))
        second.say("broken.test", "192.0.2.7")
        both = self.resolver(self.server.address, second.address)
        self.assertEqual((await both.resolve("broken.test")).addresses, ("192.0.2.7",))

    async def test_silence_is_dns_timeout_within_the_deadline(self) -> None:
        """The server is asked at least three times, and then it is over."""
        self.server.code("mute.test", SILENCE)
        failure = await self.failure(self.resolver(timeout=lambda: 0.15), "mute.test")
        self.assertEqual(failure.kind, "dns_timeout")
        self.assertGreaterEqual(self.server.asked["mute.test", "udp"], 4)

    async def test_a_late_answer_is_as_good(self) -> None:
        """One to the first question, when the second was asked already."""
        self.server.say("slow.test", "192.0.2.1", "2001:db8::1")
        received, first = self.server.messageReceived, {}

        def late(message: Any, protocol: Any, address: Any = None) -> None:
            kind = message.queries[0].type
            if kind in first:
                received(*first.pop(kind))
            else:
                first[kind] = message, protocol, address

        self.server.messageReceived = late  # type: ignore[method-assign]
        answer = await self.resolver(timeout=lambda: 0.9).resolve("slow.test")
        self.assertEqual(answer.addresses, ("2001:db8::1", "192.0.2.1"))

    async def test_a_silent_server_is_passed_over(self) -> None:
        """The next server answers within the same deadline."""
        second = NameServer(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(second.stop()))
        self.server.code("half.test", SILENCE)
        second.say("half.test", "192.0.2.7")
        resolver = self.resolver(self.server.address, second.address, timeout=lambda: 0.6)
        self.assertEqual((await resolver.resolve("half.test")).addresses, ("192.0.2.7",))

    async def test_a_family_without_an_answer_does_not_hold_up_the_other(self) -> None:
        """Broken AAAA servers are common; what is there is used, and asked for again soon."""
        self.server.say("v4.test", "192.0.2.1", ttl=300)
        self.server.records["v4.test", dns.AAAA] = SILENCE
        begun = reactor.seconds()
        answer = await self.resolver(timeout=lambda: 30).resolve("v4.test")
        self.assertEqual((answer.addresses, answer.expires), (("192.0.2.1",), 5))
        self.assertLess(reactor.seconds() - begun, 5)

    async def test_aliases_are_followed_and_the_shortest_ttl_counts(self) -> None:
        """Also to a name that the answer does not speak of, as from a server that does not recurse."""
        self.server.alias("www.test", "cdn.test", ttl=30)
        self.server.alias("cdn.test", "edge.test", ttl=20)
        self.server.say("edge.test", "192.0.2.1", "2001:db8::1", ttl=90)
        answer = await self.resolver().resolve("www.test")
        self.assertEqual((answer.addresses, answer.expires), (("2001:db8::1", "192.0.2.1"), 20))
        self.assertEqual(self.server.asked["edge.test", "udp"], 0)

    async def test_an_alias_whose_target_is_not_in_the_answer_is_asked_for(self) -> None:
        """Otherwise such a name would have no address."""
        self.server.alias("www.test", "edge.test")
        self.server.say("edge.test", "192.0.2.1")
        self.server._fill = self.only_own  # type: ignore[method-assign]
        self.assertEqual((await self.resolver().resolve("www.test")).addresses, ("192.0.2.1",))
        self.assertEqual(self.server.asked["edge.test", "udp"], 2)

    def only_own(self, answer: Any, name: str, kind: int) -> None:
        records = self.server.records[name, kind]
        for record in records if isinstance(records, list) else []:
            answer.answers.append(dns.RRHeader(name, record.TYPE, dns.IN, 60, record))

    async def test_eight_aliases_pass_and_nine_do_not(self) -> None:
        """A chain without end must not keep us busy."""
        for step in range(9):
            self.server.alias(f"a{step}.test", f"a{step + 1}.test")
        self.server.say("a9.test", "192.0.2.1")
        resolver = self.resolver()
        self.assertEqual((await resolver.resolve("a1.test")).addresses, ("192.0.2.1",))
        self.assertEqual((await self.failure(resolver, "a0.test")).detail, "too many aliases")

    async def test_a_circle_of_aliases_is_dns_error(self) -> None:
        """It ends."""
        self.server.alias("one.test", "two.test")
        self.server.alias("two.test", "one.test")
        self.assertEqual((await self.failure(self.resolver(), "one.test")).kind, "dns_error")

    async def test_records_of_other_names_are_not_believed(self) -> None:
        """An answer for one name says nothing about another, whatever it carries."""
        stray = dns.RRHeader("bank.test", dns.A, dns.IN, 60, dns.Record_A("192.0.2.66", 60))
        self.server._fill = lambda answer, name, kind: answer.answers.append(stray)  # type: ignore[method-assign]
        resolver = self.resolver()
        self.assertEqual((await self.failure(resolver, "shop.test")).detail, "no address")
        self.assertIsNone(resolver.known("bank.test"))

    async def test_an_answer_to_another_question_is_none(self) -> None:
        """A forger has to guess the question besides port and id."""
        self.server.say("forged.test", "192.0.2.66")
        self.server.forged.add("forged.test")
        failure = await self.failure(self.resolver(timeout=lambda: 0.15), "forged.test")
        self.assertEqual(failure.kind, "dns_timeout")

    async def test_a_truncated_answer_is_fetched_by_tcp(self) -> None:
        """And the TCP connection is closed after it, which trial checks."""
        self.server.say("large.test", *(f"192.0.2.{last}" for last in range(1, 41)))
        self.server.truncated.add("large.test")
        answer = await self.resolver().resolve("large.test")
        self.assertEqual(len(answer.addresses), 16)
        self.assertEqual(self.server.asked["large.test", "tcp"], 2)

    async def test_a_server_that_folds_letters_is_asked_again(self) -> None:
        """Each question of its own once; from then on it is asked in the letters that it knows."""
        self.server.folds = True
        self.server.say("www.test", "192.0.2.1", "2001:db8::1")
        self.server.say("other.test", "192.0.2.2")
        resolver = self.resolver()
        self.assertEqual((await resolver.resolve("www.test")).addresses, ("2001:db8::1", "192.0.2.1"))
        self.assertIn(self.server.asked["www.test", "udp"], (2, 3, 4))  # drawn letters may all be small
        self.assertEqual((await resolver.resolve("other.test")).addresses, ("192.0.2.2",))
        self.assertEqual(self.server.asked["other.test", "udp"], 2)

    async def test_one_account_leaves_as_much_as_it_takes(self) -> None:
        """And has a few places in any case."""
        self.server.code("mute.test", SILENCE)
        resolver = self.resolver(queue=40)
        self.assertTrue(resolver.may_ask(39))
        waiting = [started(resolver, f"n{number}.mute.test") for number in range(20)]
        self.assertEqual([resolver.may_ask(own) for own in (19, 20)], [True, False])
        waiting += [started(resolver, f"m{number}.mute.test") for number in range(19)]
        self.assertEqual([resolver.may_ask(own) for own in (EACH - 1, EACH)], [True, False])
        for one in waiting:
            one.addErrback(lambda _: None)

    async def test_equal_questions_are_asked_once(self) -> None:
        """Fifty at a time cost one look-up."""
        self.server.say("busy.test", "192.0.2.1")
        resolver = self.resolver()
        answers = await gatherResults([started(resolver, "busy.test") for _ in range(50)])
        self.assertEqual({answer.addresses for answer in answers}, {("192.0.2.1",)})
        self.assertEqual(self.server.asked["busy.test", "udp"], 2)

    async def test_localhost_is_never_asked_for(self) -> None:
        """RFC 6761: it is the loopback, whatever a name server says."""
        self.server.say("localhost", "192.0.2.66")
        resolver = self.resolver()
        self.assertEqual((await resolver.resolve("localhost")).addresses, ("::1", "127.0.0.1"))
        self.assertEqual((await resolver.resolve("a.localhost")).addresses, ("::1", "127.0.0.1"))
        self.assertEqual(self.server.asked.total(), 0)

    async def test_what_cannot_begin_leaves_nothing(self) -> None:
        """Whether its time is not to be had or its name is none, no search is under way then."""
        for timeout, name in ((lambda: 1 // 0, "a.test"), (lambda: 5.0, "b\u00fccher.test")):
            lookup = ServerLookup(reactor, [server_address(self.server.address)], timeout, self.poller)
            with self.assertRaises((ZeroDivisionError, UnicodeEncodeError)):
                lookup.lookup(name, lambda name, outcome: None)
            self.assertEqual(lookup._running, set())
            await lookup.stop()

    async def test_stop_ends_questions_under_way_and_leaves_nothing(self) -> None:
        """Whoever waits is told at once; trial finds no socket and no timer afterwards."""
        self.server.code("mute.test", SILENCE)
        resolver = self.resolver()
        waiting = started(resolver, "mute.test")
        await resolver.stop()
        self.assertEqual(self.failureResultOf(waiting, ResolveError).value.detail, "stopping")
        self.assertEqual((await self.failure(resolver, "late.test")).detail, "stopping")

    async def test_stop_ends_a_tcp_question_too(self) -> None:
        """The server has taken the connection and says nothing."""
        self.server.code("mute.test", SILENCE)
        self.server.truncated.add("mute.test")
        arrived: Deferred[None] = Deferred()
        resolver = self.resolver()
        self.server._answer = self.only_truncated(arrived)  # type: ignore[method-assign]
        waiting = started(resolver, "mute.test")
        await arrived
        await resolver.stop()
        self.failureResultOf(waiting, ResolveError)

    def only_truncated(self, arrived: Deferred[None]) -> Any:
        """Over UDP "truncated", over TCP silence; tell of the first that came by TCP."""

        def answer(message: Any, query: Any, name: str, *, by_udp: bool) -> Any:
            if by_udp:
                reply = dns.Message(message.id, answer=1, trunc=1)
                reply.queries = [query]
                return reply
            if not arrived.called:
                arrived.callback(None)
            return None

        return answer


class ThreadTests(TestCase):
    """Without servers, names are asked of the machine, in threads that nobody else uses."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[str] = []
        self.answers: dict[str, list[str] | OSError] = {}
        self.gate, self.entered = Event(), Event()
        self.gate.set()

    def getaddrinfo(self, host: bytes, port: None, family: int, kind: int) -> list[tuple[Any, ...]]:
        self.asked.append(host.decode())
        self.entered.set()
        self.gate.wait(60)
        answer = self.answers[host.decode()]
        if isinstance(answer, OSError):
            raise answer
        return [(socket.AF_INET, kind, 6, "", (address, 0)) for address in answer]

    def resolver(self, **given: Any) -> Resolver:
        made = Resolver(reactor, clock=self.clock, getaddrinfo=self.getaddrinfo, **given)
        self.addCleanup(made.stop)
        self.addCleanup(self.gate.set)
        return made

    async def test_the_systems_choice_of_family_leads(self) -> None:
        """getaddrinfo sorts by RFC 6724, so a machine without IPv6 is not made to try it first."""
        self.answers["both.test"] = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1"]
        answer = await self.resolver().resolve("both.test")
        self.assertEqual(answer.addresses, ("192.0.2.1", "2001:db8::1", "192.0.2.2"))
        self.assertEqual(answer.expires, 30)

    async def test_a_zone_is_dropped(self) -> None:
        """What is compared and dialled is the address; one that needs a zone is refused as link-local anyway."""
        self.answers["link.test"] = ["fe80::1%eth0"]
        self.assertEqual((await self.resolver().resolve("link.test")).addresses, ("fe80::1",))

    async def test_failures_of_the_system_are_dns_error(self) -> None:
        """Whatever the system calls them."""
        cases: dict[str, OSError] = {
            "none.test": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "again.test": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            "files.test": OSError(24, "Too many open files"),
        }
        self.answers.update(cases)
        resolver = self.resolver()
        for host in cases:
            failure = await self.assertFailure(started(resolver, host), ResolveError)
            self.assertEqual(failure.kind, "dns_error", host)

    async def test_an_error_nobody_foresaw_is_logged_and_told(self) -> None:
        """No one is left waiting."""
        failure = await self.assertFailure(started(self.resolver(), "unknown.test"), ResolveError)
        self.assertEqual(failure.detail, "the look-up failed")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def test_spellings_of_addresses_are_never_asked_for(self) -> None:
        """Octal, hexadecimal, decimal and short forms become the address that connect would dial."""
        spellings = {
            "127.0.0.1": "127.0.0.1",
            "0177.0.0.1": "127.0.0.1",
            "0x7f.1": "127.0.0.1",
            "2130706433": "127.0.0.1",
            "::1": "::1",
            "::ffff:10.0.0.1": "::ffff:10.0.0.1",
            "fe80::1%lo": "fe80::1",
        }
        resolver = self.resolver()
        for spelling, address in spellings.items():
            self.assertEqual((await resolver.resolve(spelling)).addresses, (address,), spelling)
            self.assertEqual(resolver.known(spelling), (address,), spelling)
        self.assertEqual(self.asked, [])

    async def test_what_cannot_be_a_name_is_never_asked_for(self) -> None:
        """Python's own IDNA rules, the search list and the name servers never see these."""
        wrong = [
            "",
            "a..b",
            ".a",
            "a.",
            "x y",
            "a\nb",
            "a\0b",
            "é.test",
            "a" * 64,
            "a." * 127 + "ab",
            "1.2.3.4.5",
            "a.0x1",
        ]
        resolver = self.resolver()
        for host in wrong:
            failure = await self.assertFailure(started(resolver, host), ResolveError)
            self.assertEqual(failure.kind, "dns_error", host)
        self.assertEqual(self.asked, [])

    async def test_the_deadline_is_each_callers_own_and_a_late_answer_is_kept(self) -> None:
        """A second caller joins the same thread; when it comes back at last, the next one has the answer."""
        self.gate.clear()
        self.answers["slow.test"] = ["192.0.2.1"]
        resolver = self.resolver(timeout=lambda: 5.0)
        first = started(resolver, "slow.test")
        self.clock.advance(3)
        second = started(resolver, "slow.test")
        self.clock.advance(2)
        self.assertEqual(self.failureResultOf(first, ResolveError).value.kind, "dns_timeout")
        self.assertNoResult(second)
        self.gate.set()
        self.assertEqual((await second).addresses, ("192.0.2.1",))
        self.assertEqual(resolver.known("slow.test"), ("192.0.2.1",))
        self.assertEqual(self.asked, ["slow.test"])
        self.clock.advance(5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_a_caller_that_goes_away_ends_nobody_elses_wait(self) -> None:
        """Cancelling is one caller's own business."""
        self.gate.clear()
        self.answers["slow.test"] = ["192.0.2.1"]
        resolver = self.resolver()
        leaving, staying = started(resolver, "slow.test"), started(resolver, "slow.test")
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.gate.set()
        self.assertEqual((await staying).addresses, ("192.0.2.1",))

    async def test_more_names_than_the_queue_holds_are_refused_at_once(self) -> None:
        """A flood of names is turned away, and the names under way are served."""
        self.gate.clear()
        self.answers.update({f"n{n}.test": ["192.0.2.1"] for n in range(4)})
        resolver = self.resolver(threads=1, queue=3)
        self.assertEqual([resolver.may_ask(own) for own in (EACH - 1, EACH)], [True, False])
        waiting = [started(resolver, f"n{n}.test") for n in range(3)]
        refused = self.failureResultOf(started(resolver, "n3.test"), ResolveError)
        self.assertEqual(refused.value.kind, "dns_timeout")
        self.gate.set()
        await gatherResults(waiting)
        self.assertEqual((await resolver.resolve("n3.test")).addresses, ("192.0.2.1",))

    async def test_the_least_recently_used_name_is_forgotten_first(self) -> None:
        """The cache is bounded, and a name in use stays."""
        self.answers.update({f"{name}.test": ["192.0.2.1"] for name in "abc"})
        resolver = self.resolver(size=2)
        await resolver.resolve("a.test")
        await resolver.resolve("b.test")
        resolver.known("a.test")
        await resolver.resolve("c.test")
        self.assertEqual([bool(resolver.known(f"{name}.test")) for name in "abc"], [True, False, True])

    async def test_stop_does_not_wait_for_a_hanging_look_up(self) -> None:
        """The reactor goes on, whoever waits is told, and the thread ends when the system lets it go."""
        self.gate.clear()
        self.answers.update({f"n{n}.test": ["192.0.2.1"] for n in range(3)})
        resolver = self.resolver(threads=1)
        waiting = [started(resolver, f"n{n}.test") for n in range(3)]
        self.assertTrue(self.entered.wait(60))
        await resolver.stop()
        for one in waiting:
            self.assertEqual(self.failureResultOf(one, ResolveError).value.detail, "stopping")
        threads = list(resolver._lookup._pool.threads)  # type: ignore[attr-defined]
        self.gate.set()
        for thread in threads:
            thread.join(60)
        self.assertEqual([thread.is_alive() for thread in threads], [False])
        self.assertEqual(len(self.asked), 1)


class TextTests(SynchronousTestCase):
    """Order and addresses as text."""

    def test_orders(self) -> None:
        """The first address's family leads, the rest take turns, repetitions go, sixteen are enough."""
        cases = [
            ([], ()),
            (["::1"], ("::1",)),
            (["1.1.1.1", "1.1.1.2", "::1", "::2", "::3"], ("1.1.1.1", "::1", "1.1.1.2", "::2", "::3")),
            (["::1", "::1", "1.1.1.1"], ("::1", "1.1.1.1")),
        ]
        for given, wanted in cases:
            self.assertEqual(interleave(given), wanted)
        self.assertEqual(len(interleave([f"10.0.0.{n}" for n in range(50)])), 16)

    def test_server_addresses(self) -> None:
        """An address alone means port 53."""
        cases = {
            "127.0.0.1:5353": ("127.0.0.1", 5353),
            "127.0.0.1": ("127.0.0.1", 53),
            "[::1]:5353": ("::1", 5353),
            "::1": ("::1", 53),
            "[::1]": ("::1", 53),
        }
        for text, wanted in cases.items():
            self.assertEqual(server_address(text), wanted)
