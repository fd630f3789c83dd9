"""From a name to a connected socket, on loopback."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Literal
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.network import opening
from meshd.dns.callers import Told
from meshd.dns.resolver import EACH, Resolved, ResolveError
from meshd.exits import dialling
from meshd.exits import own as own_addresses
from meshd.exits.bars import BarredBy
from meshd.exits.choosing import Choice
from meshd.exits.destinations import Judge, OwnListeners
from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.exits.own import is_local, is_mouth, is_own
from meshd.model import Refusal
from meshd.sockets.ends import Stopped
from meshd.sockets.line import BEAT
from meshd.sockets.race import ATTEMPT_DELAY, DialError, Dialled, Race
from meshd.sockets.task import Task
from meshd.topology import DestinationRules, Exit, UpstreamProxy
from meshd.values.udp import Udp
from tests.passing.hand import Hand, descriptors, take_no_more
from tests.support.daemon import free_port

ANY = Exit("direct", "direct")
OPEN = DestinationRules(allow=(opening("127.0.0.0/8"), opening("::1/128")))


class Names:
    """A resolver that knows what it is told, at once or when it is told to."""

    def __init__(self) -> None:
        self.table: dict[str, tuple[str, ...]] = {}
        self.pending: Told | None = None

    def known(self, host: str) -> tuple[str, ...] | None:
        return self.table.get(host)

    def may_ask(self, own: int) -> bool:
        return own < EACH

    def tell(self, host: str, told: Told) -> None:
        self.pending = told


def listen(address: str, port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


class DialCase(SynchronousTestCase):
    rules = OPEN

    def setUp(self) -> None:
        self.hand = Hand(self)
        self.clock = Clock()
        self.names = Names()
        self.own = OwnListeners()
        self.udp = Udp()
        self.dialler = Dialler(
            self.hand.poller,
            self.names,  # type: ignore[arg-type]
            self.clock,
            lambda: self.rules,
            lambda: self.own,
            udp=lambda: self.udp,
        )
        self.dialled: list[Dialled] = []
        self.failed: list[BaseException | None] = []

    def listener(self, address: str, port: int = 0) -> socket.socket:
        listener = listen(address, port)
        self.addCleanup(listener.close)
        return listener

    def silent(self, address: str, port: int) -> None:
        """A listener whose queue is full: the kernel drops what else comes, and a connect hangs."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        self.addCleanup(listener.close)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((address, port))
            self.addCleanup(filler.close)

    def start(self, host: str, port: int, exit_: Exit = ANY) -> Task:
        self.before = descriptors()

        async def dial() -> None:
            self.dialled.append(await self.dialler.dial(host, port, Choice(Outlet(exit_), exit_.source)))

        task = Task(dial(), self.failed.append)
        task.resume()
        return task

    def dial(
        self, host: str, port: int, exit_: Exit = ANY, meanwhile: Callable[[], Any] = lambda: None
    ) -> Dialled | str:
        """The connection, or the reason why there is none."""
        self.start(host, port, exit_)
        self.hand.until(lambda: bool(self.failed), meanwhile)
        (error,) = self.failed
        self.failed.clear()
        if isinstance(error, DialError):
            self.assert_nothing_left()
            return error.refusal.reason
        self.assertIsNone(error)
        dialled = self.dialled.pop()
        self.assertEqual(len(self.hand.poller), 1)
        self.assertEqual(descriptors() - self.before, {dialled.fd})
        self.hand.poller.remove(dialled.fd)
        os.close(dialled.fd)
        return dialled

    def assert_nothing_left(self) -> None:
        self.assertEqual(len(self.hand.poller), 0)
        self.assertEqual(descriptors() - self.before, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class JudgedBeforeTest(DialCase):
    """A destination that was reached once, and what has changed since."""

    def setUp(self) -> None:
        super().setUp()
        self.port = self.listener("127.0.0.2").getsockname()[1]
        self.names.table["name"] = ("127.0.0.2",)
        for _ in range(2):
            self.assertIsInstance(self.dial("name", self.port), Dialled)

    def test_it_is_not_judged_again(self) -> None:
        self.patch(Judge, "addresses", None)
        self.assertIsInstance(self.dial("name", self.port), Dialled)

    def test_another_address_to_leave_by(self) -> None:
        """Nor where each connection leaves by one of its own, as by a prefix, once one of that family was judged."""
        exits = [Exit("near", "local", f"127.0.0.{number}") for number in range(3, 7)]
        self.assertIsInstance(self.dial("name", self.port, exits[0]), Dialled)
        self.patch(Judge, "addresses", None)
        for exit_ in exits[1:]:
            dialled = self.dial("name", self.port, exit_)
            assert isinstance(dialled, Dialled)
            self.assertEqual(dialled.source, exit_.source)

    def test_other_rules(self) -> None:
        self.rules = replace(OPEN, deny_hosts=frozenset({"name"}))
        self.assertEqual(self.dial("name", self.port), "acl-host")
        self.rules = DestinationRules()
        self.assertEqual(self.dial("name", self.port), "acl-private")

    def test_a_listener_of_ours(self) -> None:
        self.own = OwnListeners(frozenset({self.port}))
        for _ in range(2):
            self.assertEqual(self.dial("name", self.port), "acl-private")

    def test_another_address(self) -> None:
        """The name is bound anew, to what nobody may reach."""
        self.names.table["name"] = "127.0.0.2", "10.0.0.1"
        for _ in range(2):
            self.assertEqual(self.dial("name", self.port), "acl-private")

    def test_another_family(self) -> None:
        self.assertEqual(self.dial("name", self.port, Exit("six", "local", "::1")), "unreachable")

    def test_rules_of_an_account(self) -> None:
        """Are asked each time."""
        bar = mock.Mock()
        bar.addresses.return_value = Refusal("acl-destination")

        async def dial() -> None:
            await self.dialler.dial("name", self.port, Choice(Outlet(ANY), ""), barred=BarredBy(bar))

        Task(dial(), self.failed.append).resume()
        (error,) = self.failed
        assert isinstance(error, DialError)
        self.assertEqual(error.refusal.reason, "acl-destination")


class RaceTest(DialCase):
    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()  # on all of these addresses: no client of anybody's has it
        self.listener("127.0.0.2", self.port)

    def address(self, *addresses: str) -> str:
        self.names.table["name"] = addresses
        dialled = self.dial("name", self.port, meanwhile=lambda: self.clock.advance(0.01))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return dialled if isinstance(dialled, str) else dialled.address

    def test_first_answers(self) -> None:
        """The first address is dialled, and no other."""
        other = self.listener("127.0.0.3", self.port)
        other.setblocking(False)
        self.assertEqual(self.address("127.0.0.2", "127.0.0.3"), "127.0.0.2")
        self.assertRaises(BlockingIOError, other.accept)

    def test_first_refuses(self) -> None:
        """The second is dialled as soon as the first has refused, without the delay."""
        self.names.table["name"] = "127.0.0.1", "127.0.0.2"
        dialled = self.dial("name", self.port)
        self.assertEqual(dialled.address, "127.0.0.2")  # type: ignore[union-attr]
        self.assertEqual(self.clock.seconds(), 0)

    def test_first_is_slow(self) -> None:
        """The second is tried beside a slow first after the delay, and wins."""
        self.silent("127.0.0.1", self.port)
        self.assertEqual(self.address("127.0.0.1", "127.0.0.2"), "127.0.0.2")
        self.assertGreaterEqual(self.clock.seconds(), ATTEMPT_DELAY)

    def test_others_fail_beside_a_slow_one(self) -> None:
        """A slow first may still win when all others have failed; here nothing is left but to wait."""
        self.silent("127.0.0.1", self.port)
        self.names.table["name"] = "127.0.0.1", "127.0.0.4"
        task = self.start("name", self.port)
        self.clock.advance(ATTEMPT_DELAY)
        self.hand.settle()
        self.assertFalse(task.over)
        task.throw(TimeoutError())
        self.assert_nothing_left()

    def test_all_refuse(self) -> None:
        """The last failure is the reason."""
        self.assertEqual(self.address("127.0.0.1", "127.0.0.3", "127.0.0.4"), "connection-refused")

    def test_thrown_out(self) -> None:
        """Who is thrown out of a race leaves no descriptor, no timer and no entry of the poller."""
        self.silent("127.0.0.1", self.port)
        self.silent("127.0.0.5", self.port)
        self.names.table["name"] = "127.0.0.1", "127.0.0.5", "127.0.0.6"
        task = self.start("name", self.port)
        self.clock.advance(ATTEMPT_DELAY)
        self.assertEqual(len(self.hand.poller), 2)
        self.assertTrue(task.throw(TimeoutError("enough")))
        self.assertIsInstance(self.failed[0], TimeoutError)
        self.assert_nothing_left()

    def test_many_addresses(self) -> None:
        """Not more than eight addresses of one name are tried."""
        refusing = [f"127.0.1.{number}" for number in range(8)]
        self.assertEqual(self.address(*refusing, "127.0.0.2"), "connection-refused")

    def test_no_descriptor(self) -> None:
        """A source that this host has not is a failure like any other."""
        self.names.table["name"] = ("127.0.0.2",)
        self.assertEqual(self.dial("name", self.port, Exit("bad", "local", "198.51.100.1")), "exit-failed")


class DialTest(DialCase):
    def test_source(self) -> None:
        """The origin sees the exit's address, and so does who asks which it was."""
        listener = self.listener("127.0.0.2")
        self.names.table["name"] = ("127.0.0.2",)
        dialled = self.dial("name", listener.getsockname()[1], Exit("nine", "local", "127.0.0.9"))
        assert isinstance(dialled, Dialled)
        self.assertEqual((dialled.source, listener.accept()[1][0]), ("127.0.0.9", "127.0.0.9"))

    def test_source_of_six(self) -> None:
        """So do those of an IPv6 exit."""
        listener = self.listener("::1")
        self.names.table["name"] = "127.0.0.1", "::1"
        dialled = self.dial("name", listener.getsockname()[1], Exit("six", "local", "::1"))
        self.assertEqual(getattr(dialled, "source", dialled), "::1")

    def test_family(self) -> None:
        """An IPv4 exit takes only the IPv4 addresses of a name; where there is none, it says so."""
        port = self.listener("127.0.0.2").getsockname()[1]
        self.names.table.update(both=("::1", "127.0.0.2"), six=("::1",))
        four = Exit("nine", "local", "127.0.0.9")
        dialled = self.dial("both", port, four)
        self.assertEqual(getattr(dialled, "address", dialled), "127.0.0.2")
        self.assertEqual(self.dial("six", port, four), "unreachable")

    def test_resolved_meanwhile(self) -> None:
        """A name that has to be looked up is dialled when the answer comes."""
        port = self.listener("127.0.0.2").getsockname()[1]
        self.start("name", port)
        assert self.names.pending is not None
        self.names.pending(Resolved(("127.0.0.2",), 0))
        self.hand.until(lambda: self.failed == [None])
        fd = self.dialled.pop().fd
        self.hand.poller.remove(fd)
        os.close(fd)

    def test_does_not_resolve(self) -> None:
        """A name without an address, or without an answer in time, is told apart."""
        for kind, reason in (("dns_error", "dns-error"), ("dns_timeout", "dns-timeout")):
            self.failed.clear()
            self.start("name", 80)
            assert self.names.pending is not None
            self.names.pending(ResolveError(kind, "internal text"))  # type: ignore[arg-type]
            (error,) = self.failed
            assert isinstance(error, DialError), error
            self.assertEqual((error.refusal.reason, error.refusal.detail), (reason, ""))


class Asked(Names):
    """One whose questions stay open until the test answers them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, list[Told]] = {}

    def asks(self, host: str) -> bool:
        return host not in self.table and not host[0].isdigit()

    def tell(self, host: str, told: Told) -> None:
        self.open.setdefault(host, []).append(told)

    def answer(self, host: str) -> None:
        """To all who ask: there is none."""
        for told in self.open.pop(host):
            told(ResolveError("dns_error", ""))


class LookupsTest(DialCase):
    """How many names are asked for at once."""

    def setUp(self) -> None:
        super().setUp()
        self.asked = Asked()
        self.dialler = Dialler(
            self.hand.poller,
            self.asked,  # type: ignore[arg-type]
            self.clock,
            lambda: self.rules,
            lambda: self.own,
        )
        self.ended: list[tuple[str, str]] = []

    def ask(self, host: str, account: int = 1, exit_: Exit = ANY) -> Task:
        async def dial() -> None:
            await self.dialler.dial(host, 443, Choice(Outlet(exit_), ""), account)

        def over(error: BaseException | None) -> None:
            assert isinstance(error, DialError | Stopped), error
            self.ended.append((host, error.refusal.reason))

        task = Task(dial(), over)
        task.resume()
        return task

    def full(self) -> list[Task]:
        """The account asks for as many names as it may."""
        return [self.ask(f"n{number}") for number in range(EACH)]

    def test_one_name_is_one_however_many_ask_for_it(self) -> None:
        """Forty tabs that fetch from one host wait for one look-up."""
        for _ in range(4 * EACH):
            self.ask("cdn")
        self.ask("other")
        self.assertEqual({host: len(open_) for host, open_ in self.asked.open.items()}, {"cdn": 4 * EACH, "other": 1})
        self.assertEqual(self.ended, [])

    def test_one_more_waits(self) -> None:
        """In order, and asked for as soon as another is answered; nobody is refused."""
        self.full()
        for name in ("a", "b", "a"):
            self.ask(name)
        self.assertEqual(len(self.asked.open), EACH)
        for answered, next_ in (("n3", "a"), ("n5", "b")):
            self.asked.answer(answered)
            self.clock.advance(0)
            self.assertIn(next_, self.asked.open)
            self.assertEqual(len(self.asked.open), EACH)
        self.asked.answer("a")
        self.clock.advance(0)
        self.assertEqual(self.ended, [(name, "dns-error") for name in ("n3", "n5", "a")])
        self.assertEqual(len(self.asked.open["a"]), 1)

    def test_who_needs_no_answer_does_not_wait(self) -> None:
        """A name that is being asked for, one that is known, an address."""
        self.full()
        self.asked.table["known"] = ("127.0.0.2",)
        self.ask("n1")
        self.assertEqual(len(self.asked.open["n1"]), 2)
        self.ask("0x7f.1")
        self.assertIn("0x7f.1", self.asked.open)
        task = self.ask("known")
        task.throw(Stopped(Refusal("quota-total")))
        self.assertEqual(self.ended, [("known", "quota-total")])

    def test_accounts_are_apart(self) -> None:
        """One that waits keeps nobody else waiting."""
        self.full()
        self.ask("a", account=2)
        self.assertIn("a", self.asked.open)

    def test_an_upstream_proxys_name_is_nobodys(self) -> None:
        """It is the operator's: it takes no place, and needs none."""
        exits = [Exit(f"up{n}", "http", upstream=UpstreamProxy(f"gw{n}", 8080)) for n in range(2 * EACH)]
        for exit_ in exits:
            self.ask("far.example", exit_=exit_)
        self.assertEqual(len(self.asked.open), 2 * EACH)
        self.full()
        self.assertEqual(len(self.asked.open), 3 * EACH)
        self.ask("far.example", exit_=exits[0])
        self.assertEqual((len(self.asked.open["gw0"]), self.ended), (2, []))

    def test_in_vain(self) -> None:
        """Who has waited as long as connecting may take is told what for; what ends it otherwise says so itself."""
        self.full()
        for reason, told in (("connection-timeout", "rate-requests"), ("quota-total", "quota-total")):
            self.ask("a").throw(Stopped(Refusal(reason)))
            self.assertEqual(self.ended.pop(), ("a", told))

    def test_who_leaves_is_counted_until_its_name_is_answered(self) -> None:
        """Else whoever hangs up at once could have any number asked for."""
        for task in self.full():
            task.throw(Stopped(Refusal("overloaded")))
        self.ask("a")
        self.assertNotIn("a", self.asked.open)
        self.asked.answer("n0")
        self.clock.advance(0)
        self.assertIn("a", self.asked.open)

    def test_nothing_is_left(self) -> None:
        """Of an account that is done, and no timer."""
        self.full()
        self.ask("a")
        while self.asked.open:
            self.asked.answer(next(iter(self.asked.open)))
            self.clock.advance(BEAT)
        self.assertEqual((self.dialler._lookups._asking, len(self.ended)), ({}, EACH + 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RefusedTest(DialCase):
    rules = DestinationRules()

    def test_before_any_socket(self) -> None:
        """What is forbidden is refused without a socket having been opened."""
        listener = self.listener("127.0.0.1")
        listener.setblocking(False)
        for addresses in (("127.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("::ffff:127.0.0.1",)):
            self.names.table["name"] = addresses
            self.assertEqual(self.dial("name", listener.getsockname()[1]), "acl-private")
        self.assertRaises(BlockingIOError, listener.accept)

    def test_port_before_the_name(self) -> None:
        """A forbidden port is refused before the name is looked up."""
        self.assertEqual(self.dial("name", 25), "acl-port")
        self.assertIsNone(self.names.pending)

    def test_rules_are_reloaded(self) -> None:
        """New rules hold for the next dial."""
        port = self.listener("127.0.0.2").getsockname()[1]
        self.names.table["name"] = ("127.0.0.2",)
        self.assertEqual(self.dial("name", port), "acl-private")
        self.rules = OPEN
        self.assertIsInstance(self.dial("name", port), Dialled)


class ChangedTest(DialCase):
    """Rules that change while it is looked for the way are heeded: nothing is connected to, or asked for."""

    def setUp(self) -> None:
        super().setUp()
        self.listening = self.listener("127.0.0.2")
        self.listening.setblocking(False)
        self.port = self.listening.getsockname()[1]
        self.barred = SimpleNamespace(bar=None)

    def begin(self, exit_: Exit = ANY) -> None:
        async def dial() -> None:
            choice = Choice(Outlet(exit_), exit_.source)
            self.dialled.append(await self.dialler.dial("name", self.port, choice, barred=self.barred))

        Task(dial(), self.failed.append).resume()

    def looked_up(self, host: str = "name") -> None:
        assert self.names.pending is not None
        self.names.pending(Resolved(("127.0.0.2",), 60))

    def reason(self) -> str:
        self.hand.until(lambda: bool(self.failed))
        error = self.failed.pop()
        assert isinstance(error, DialError), error
        return error.refusal.reason

    def test_the_operators(self) -> None:
        """By the port, which is judged before the look-up, and by the addresses that came of it."""
        for rules, reason in (
            (replace(OPEN, deny_ports=((self.port, self.port),)), "acl-port"),
            (DestinationRules(), "acl-private"),
        ):
            self.rules = OPEN
            self.begin()
            self.rules = rules
            self.looked_up()
            self.assertEqual(self.reason(), reason)
            self.assertRaises(BlockingIOError, self.listening.accept)

    def test_the_accounts(self) -> None:
        """That were none when it began."""
        self.begin()
        self.barred.bar = SimpleNamespace(addresses=lambda texts: Refusal("acl-account", ",".join(texts)))
        self.looked_up()
        self.assertEqual(self.reason(), "acl-account")
        self.assertRaises(BlockingIOError, self.listening.accept)

    def test_behind_an_upstream_proxy(self) -> None:
        """It hears nothing of the destination."""
        exit_ = Exit("up", "http", upstream=UpstreamProxy("gw", self.port))
        barred = SimpleNamespace(elsewhere=lambda: Refusal("acl-account"))
        for rules, bar, reason in (
            (replace(OPEN, deny_ports=((self.port, self.port),)), None, "acl-port"),
            (OPEN, barred, "acl-account"),
        ):
            self.rules, self.barred.bar = OPEN, None
            self.begin(exit_)
            self.rules, self.barred.bar = rules, bar
            self.looked_up()
            self.assertEqual(self.reason(), reason)
            self.listening.setblocking(True)
            theirs, _ = self.listening.accept()
            with theirs:
                theirs.settimeout(60)
                self.assertEqual(theirs.recv(100), b"")


class OwnListenersTest(DialCase):
    def test_own_port(self) -> None:
        """A listener of ours is refused on every address of this host, though the rules open it; others are not."""
        listener = self.listener("0.0.0.0")
        port = listener.getsockname()[1]
        self.own = OwnListeners(frozenset({port}), frozenset({"0.0.0.0"}))
        for address in ("127.0.0.1", "127.0.0.77"):
            self.names.table["name"] = (address,)
            self.assertEqual(self.dial("name", port), "acl-private")
        self.own = OwnListeners(frozenset({port + 1}), frozenset({"0.0.0.0"}))
        self.assertIsInstance(self.dial("name", port), Dialled)

    def test_is_local(self) -> None:
        """Addresses of this host are told from others without a packet."""
        self.assertTrue(is_local("127.0.0.1") and is_local("::1"))
        self.assertFalse(is_local("203.0.113.1"))

    def test_the_address_inside_another(self) -> None:
        """Packets for an IPv4 address inside an IPv6 one go there: a listener of ours is ours by each spelling."""
        inside = ("::ffff:198.51.100.7", "::ffff:c633:6407", "64:ff9b::c633:6407", "2002:c633:6407::1")
        own = OwnListeners(frozenset({8080}), frozenset({"198.51.100.7"}))
        udp = Udp(on=True, ports=((40000, 40009),), address="198.51.100.7")
        for address in inside:
            self.assertTrue(is_own(own, (address,), 8080), address)
            self.assertTrue(is_mouth(udp, (address,), 40000), address)
        self.assertFalse(is_own(own, ("64:ff9b::c633:6408", "2002:c633:6408::1"), 8080))
        own = OwnListeners(frozenset({8080}), frozenset({"2002:c633:6407::1"}))
        self.assertTrue(is_own(own, ("2002:c633:6407:0::1",), 8080))
        self.assertTrue(is_mouth(replace(udp, address="2002:c633:6407::1"), ("2002:c633:6407:0::1",), 40000))
        self.patch(own_addresses, "_is_bound", lambda address: str(address) == "198.51.100.7")
        self.assertEqual([is_local(address) for address in inside], [True] * 4)
        self.assertFalse(is_local("64:ff9b::c633:6408"))

    def test_where_clients_send_datagrams(self) -> None:
        """By any address of this host, or the one that clients are told; where UDP is off nothing is ours."""
        ours = Udp(on=True, ports=((40000, 40009), (50000, 50000)), address="198.51.100.7")
        for udp, address, port, expected in (
            (ours, "127.0.0.9", 40009, True),
            (ours, "127.0.0.9", 50000, True),
            (ours, "127.0.0.9", 40010, False),
            (ours, "198.51.100.7", 40000, True),
            (ours, "198.51.100.8", 40000, False),
            (replace(ours, on=False), "127.0.0.9", 40000, False),
            (replace(ours, ports=()), "127.0.0.9", 40000, False),
        ):
            self.assertEqual(is_mouth(udp, (address,), port), expected, (udp, address, port))


class UpstreamCase(DialCase):
    """Through another proxy, which says what the test lets it say."""

    def setUp(self) -> None:
        super().setUp()
        self.upstream = self.listener("127.0.0.2")
        self.upstream.setblocking(False)
        self.names.table["gw"] = ("127.0.0.2",)

    def exit(self, kind: Literal["http", "socks5"] = "http") -> Exit:
        return Exit("up", kind, upstream=UpstreamProxy("gw", self.upstream.getsockname()[1]))

    def met(self, kind: Literal["http", "socks5"], *says: bytes) -> tuple[Task, socket.socket]:
        """A dial that has got these answers, each to something that it said."""
        self.failed.clear()
        task = self.start("origin.example", 443, self.exit(kind))
        self.hand.settle()
        theirs, _ = self.upstream.accept()
        self.addCleanup(theirs.close)
        for each in says:
            self.hand.settle()
            theirs.recv(1000)
            theirs.sendall(each)
        self.hand.settle()
        return task, theirs

    def error(self) -> DialError:
        self.hand.until(lambda: bool(self.failed))
        (error,) = self.failed
        assert isinstance(error, DialError), error
        return error


class UpstreamBlameTest(UpstreamCase):
    def test_it_hangs_up(self) -> None:
        """The exit is to blame until it has let us in."""
        for kind, says, blame in (
            ("http", (), "either"),
            ("socks5", (), "exit"),
            ("socks5", (b"\x05",), "exit"),
            ("socks5", (b"\x05\x00",), "either"),
        ):
            _, theirs = self.met(kind, *says)  # type: ignore[arg-type]
            theirs.close()
            error = self.error()
            self.assertEqual((error.refusal.reason, error.blame, error.answered), ("exit-failed", blame, False), says)

    def test_it_takes_too_long(self) -> None:
        """Likewise."""
        for kind, says, blameless in (("http", (), True), ("socks5", (), False), ("socks5", (b"\x05\x00",), True)):
            task, theirs = self.met(kind, *says)  # type: ignore[arg-type]
            task.throw(stop := Stopped(Refusal("connection-timeout")))
            self.assertEqual((self.failed, stop.blameless), ([stop], blameless), (kind, says))
            theirs.close()

    def test_it_refuses(self) -> None:
        """What it says of the destination shows that it works; what it says of us does not."""
        for kind, says, expected in (
            ("http", (b"HTTP/1.1 403 No\r\n\r\n",), ("either", True)),
            ("http", (b"HTTP/1.1 502 No\r\n\r\n",), ("either", True)),
            ("http", (b"HTTP/1.1 407 No\r\n\r\n",), ("exit", False)),
            ("socks5", (b"\x05\x00", b"\x05\x05\x00\x01\x00"), ("destination", True)),
            ("socks5", (b"\x05\x00", b"\x05\x08\x00\x01\x00"), ("either", True)),
            ("socks5", (b"\x05\xff",), ("exit", False)),
        ):
            self.met(kind, *says)  # type: ignore[arg-type]
            error = self.error()
            self.assertEqual((error.blame, error.answered), expected, says)

    def test_it_is_not_even_tried(self) -> None:
        """Where its name cannot be looked up, or a socket cannot be had; one that refuses is to blame."""
        for kind, cause in (("dns_error", "dns-error"), ("dns_timeout", "dns-timeout")):
            self.failed.clear()
            del self.names.table["gw"]
            self.start("origin.example", 443, self.exit())
            self.names.table["gw"] = ("127.0.0.2",)
            assert self.names.pending is not None
            self.names.pending(ResolveError(kind, "internal text"))  # type: ignore[arg-type]
            error = self.error()
            self.assertEqual((error.refusal.reason, error.blame, error.cause), ("exit-failed", "either", cause))
        self.failed.clear()
        self.patch(Race, "_connect", lambda race, address: (-1, errno.EMFILE))
        self.start("origin.example", 443, self.exit())
        self.assertEqual((self.error().blame, self.error().cause), ("either", "overloaded"))

    def test_epoll_takes_no_more(self) -> None:
        """What stands for its TLS is closed, and it is not to blame."""
        ours, theirs = socket.socketpair()
        theirs.settimeout(60)
        self.addCleanup(theirs.close)
        given = ours.detach()

        async def secure(fd: int, upstream: UpstreamProxy) -> int:
            os.close(fd)
            return given

        self.dialler._secure = secure
        take_no_more(self, lambda fd: fd == given)
        self.start("origin.example", 443, replace(self.exit(), kind="https"))
        self.assertEqual((self.error().blame, self.error().cause), ("either", "overloaded"))
        self.assertEqual((theirs.recv(1), len(self.hand.poller)), (b"", 0))

    def test_nobody_is_there(self) -> None:
        """That is its fault."""
        self.upstream.close()
        self.start("origin.example", 443, Exit("up", "http", upstream=UpstreamProxy("gw", free_port())))
        self.assertEqual((self.error().blame, self.error().cause), ("exit", "connection-refused"))

    def test_its_name_takes_too_long(self) -> None:
        """Our name server's fault."""
        del self.names.table["gw"]
        task = self.start("origin.example", 443, self.exit())
        task.throw(stop := Stopped(Refusal("connection-timeout")))
        self.assertTrue(stop.blameless)


class StrangersUpstreamTest(UpstreamCase):
    """Named by a list of somebody else's."""

    rules = OPEN

    def test_never_inside(self) -> None:
        """By whatever name, as it is looked up for the connection, and though customers may go there."""
        port = self.upstream.getsockname()[1]
        self.names.table |= {
            "metadata.test": ("169.254.169.254",),
            "mixed.test": ("93.184.216.34", "127.0.0.2"),
            "64:ff9b::7f00:2": ("64:ff9b::7f00:2",),
        }
        for host in ("gw", "metadata.test", "mixed.test", "64:ff9b::7f00:2"):
            self.start("origin.example", 443, Exit("up", "http", upstream=UpstreamProxy(host, port, strange=True)))
            error = self.error()
            self.assertEqual((error.refusal.reason, error.blame, error.cause), ("exit-failed", "exit", "acl-private"))
            self.assert_nothing_left()
            self.failed.clear()
        self.assertRaises(BlockingIOError, self.upstream.accept)

    def test_outside(self) -> None:
        """At any port, which rules for customers say nothing about."""
        raced: list[tuple[str, ...]] = []

        class Raced:
            def __init__(self, poller: object, clock: object, addresses: tuple[str, ...], *rest: object) -> None:
                raced.append(addresses)

            async def winner(self) -> Dialled:
                raise DialError(Refusal("unreachable"))

        self.patch(dialling, "Race", Raced)
        self.names.table["gw"] = ("93.184.216.34",)
        self.start("origin.example", 443, Exit("up", "http", upstream=UpstreamProxy("gw", 25, strange=True)))
        self.assertEqual((self.error().cause, raced), ("unreachable", [("93.184.216.34",)]))


class UpstreamRulesTest(UpstreamCase):
    rules = DestinationRules(allow=(opening("10.0.0.5:25"),))

    def test_not_asked_for(self) -> None:
        """It hears nothing of what is refused, whatever it would make of it."""
        for host, port, reason in (
            ("2130706433", 8080, "acl-private"),
            ("127.1", 8080, "acl-private"),
            ("localhost", 8080, "acl-private"),
            ("a.localhost", 8080, "acl-private"),
            ("10.0.0.1", 8080, "acl-private"),
            ("mail.example", 25, "acl-port"),
        ):
            self.assertEqual(self.dial(host, port, self.exit()), reason, host)
        self.assertRaises(BlockingIOError, self.upstream.accept)

    def test_our_own_listeners(self) -> None:
        """By the name of this host neither, though it is opened."""
        self.rules = OPEN
        self.own = OwnListeners(frozenset({8080}), frozenset({"127.0.0.1"}))
        for host in ("127.0.0.1", "localhost"):
            self.assertEqual(self.dial(host, 8080, self.exit()), "acl-private", host)

    def test_asked_for(self) -> None:
        """An address that is opened."""
        self.start("10.0.0.5", 25, self.exit())
        self.hand.settle()
        theirs, _ = self.upstream.accept()
        self.addCleanup(theirs.close)
        self.assertTrue(theirs.recv(1000).startswith(b"CONNECT 10.0.0.5:25 "))
        theirs.close()
        self.error()
