"""Datagrams by an exit, on loopback: from an address of ours, and as an upstream proxy passes them on."""

from __future__ import annotations

import errno
import random
import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.network import opening
from meshd.dns.resolver import ResolveError
from meshd.exits import datagrams
from meshd.exits.bars import Bar
from meshd.exits.choosing import Choice
from meshd.exits.datagrams import DatagramCarrier, carrier, relay_of
from meshd.exits.departure import Departure
from meshd.exits.destinations import OwnListeners
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.exits.unfit import NO_DATAGRAMS, carries
from meshd.model import Refusal
from meshd.selection import NONE, Selection
from meshd.sockets.datagrams import DatagramFlow, Datagrams, Path
from meshd.sockets.race import DialError
from meshd.sockets.task import Task
from meshd.sockets.wheel import Wheel
from meshd.socks5 import datagram_head
from meshd.topology import DestinationRules, Exit, ExitRule, Live, ProxyHost, Topology, UpstreamProxy
from meshd.values.addresses import parse_ip
from meshd.values.udp import Udp
from tests.exits.test_dialling import ANY, DialCase
from tests.passing.hand import descriptors
from tests.sockets.test_datagrams import Meter
from tests.support.daemon import free_port
from tests.support.ready import readable


class DatagramCase(DialCase):
    def setUp(self) -> None:
        super().setUp()
        known = self.names.known
        self.patch(self.names, "known", lambda host: (host,) if parse_ip(host) is not None else known(host))
        self.server = self.datagrams("127.0.0.1")
        self.port = self.server.getsockname()[1]
        self.got: list[bytes] = []
        self.ends: list[str] = []
        self.carriers: list[DatagramCarrier] = []
        self.failures: list[BaseException] = []
        self.meter = Meter()
        self.shared = Datagrams(Wheel(self.clock), Live(Topology({}, (), {})), lambda: 100)

    def datagrams(self, address: str, port: int = 0) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.setblocking(False)
        sock.bind((address, port))
        return sock

    def begun(self, exit_: Exit = ANY) -> Task:
        """A task that has a carrier, as soon as it is given one."""

        async def begin() -> None:
            choice = Choice(Outlet(exit_), exit_.source)
            self.carriers.append(await carrier(self.dialler, choice, self.ends.append))

        task = Task(begin(), self.noted)
        task.resume()
        return task

    def noted(self, error: BaseException | None) -> None:
        if error is not None:
            self.failures.append(error)

    def path(self, host: str, port: int, bar: Bar | None = None) -> Path | str:
        """The path, or the reason why there is none."""
        found: list[Path] = []
        self.failures.clear()

        async def opened() -> None:
            found.append(await self.carriers[-1].open(host, port, 7, bar))

        Task(opened(), self.noted).resume()
        self.hand.settle()
        if self.failures:
            (error,) = self.failures
            assert isinstance(error, DialError), error
            return error.refusal.reason
        return found[0]

    def flow(self, host: str, port: int) -> DatagramFlow:
        path = self.path(host, port)
        assert not isinstance(path, str), path
        return DatagramFlow(self.shared, path, self.meter, account_id=7, deliver=self.deliver, ended=self.ends.append)

    def deliver(self, data: memoryview) -> bool:
        self.got.append(bytes(data))
        return True

    def heard(self, sock: socket.socket) -> tuple[bytes, Any]:
        found: list[tuple[bytes, Any]] = []

        def look() -> bool:
            try:
                found.append(sock.recvfrom(70_000))
            except BlockingIOError:
                return False
            return True

        self.hand.until(look)
        return found[0]

    def nothing(self, sock: socket.socket) -> None:
        self.hand.settle()
        with self.assertRaises(BlockingIOError):
            sock.recv(70_000)


class FromHereTests(DatagramCase):
    def test_there_and_back(self) -> None:
        """Any size, from the exit's own address; nobody but the destination is heard."""
        self.begun(Exit("one", "local", "127.0.0.9"))
        flow = self.flow("127.0.0.1", self.port)
        for size in (0, 1, 1472, 9000, 65_507):
            self.assertTrue(flow.send(bytes(size)))
            data, source = self.heard(self.server)
            self.assertEqual((data, source[0]), (bytes(size), "127.0.0.9"))
            stranger = self.datagrams("127.0.0.1")
            stranger.sendto(b"spoofed", source)
            self.server.sendto(bytes(size), source)
            self.hand.until(lambda: bool(self.got))
            self.hand.settle()
            self.assertEqual(self.got, [bytes(size)])
            self.got.clear()
        self.assertEqual((flow.path.address, flow.path.source), ("127.0.0.1", "127.0.0.9"))
        flow.close("")
        self.assertEqual((len(self.hand.poller), len(self.shared), self.ends), (0, 0, [""]))

    def test_refused_as_connections_are(self) -> None:
        """By the same rules: ports, names, private addresses, ours, all of a name's, and the exit's family."""
        self.rules = DestinationRules(
            allow=(opening("127.0.0.1/32"),), deny_hosts=frozenset({"bad.example"}), ports=((53, 53), (1024, 65535))
        )
        self.own = OwnListeners(frozenset({8000}), frozenset({"127.0.0.1"}))
        self.udp = Udp(on=True, ports=((9000, 9009),))
        self.names.table |= {
            "inside.example": ("10.0.0.1",),
            "both.example": ("127.0.0.1", "169.254.169.254"),
            "good.example": ("127.0.0.1",),
            "six.example": ("2606:4700::1111",),
        }
        self.begun(Exit("one", "local", "127.0.0.9"))
        for host, port, expected in (
            ("10.0.0.1", 53, "acl-private"),
            ("127.0.0.2", 53, "acl-private"),
            ("169.254.169.254", 53, "acl-private"),
            ("::ffff:10.0.0.1", 53, "acl-private"),
            ("64:ff9b::a00:1", 53, "acl-private"),
            ("239.255.255.250", 1900, "acl-private"),
            ("255.255.255.255", 5000, "acl-private"),
            ("inside.example", 53, "acl-private"),
            ("both.example", 53, "acl-private"),
            ("good.example", 123, "acl-port"),
            ("www.bad.example", 53, "acl-host"),
            ("good.example", 8000, "acl-private"),
            ("good.example", 9009, "acl-private"),
            ("six.example", 53, "unreachable"),
        ):
            self.assertEqual(self.path(host, port), expected, host)
        self.assertEqual(len(self.hand.poller), 0)

    def test_many_addresses(self) -> None:
        """However many a name has of the other family, those that the exit can reach are tried; eight at most."""
        self.datagrams("::1", self.port)
        self.names.table |= {
            "many.example": (*(f"127.0.1.{number}" for number in range(9)), "::1"),
            "four.example": tuple(f"127.0.1.{number}" for number in range(9)),
        }
        self.rules = DestinationRules(allow=(opening("127.0.0.0/8"), opening("::1/128")))
        self.begun(Exit("six", "local", "::1"))
        path = self.path("many.example", self.port)
        assert not isinstance(path, str), path
        self.assertEqual(path.address, "::1")
        path.close()
        self.assertEqual(self.path("four.example", self.port), "unreachable")
        asked: list[str] = []

        def refusing(address: str, port: int, source: str) -> socket.socket:
            asked.append(address)
            raise OSError(errno.ENETUNREACH, "")

        self.patch(datagrams, "connected", refusing)
        self.begun()
        self.assertEqual(self.path("four.example", self.port), "unreachable")
        self.assertEqual(asked, [f"127.0.1.{number}" for number in range(8)])

    def test_the_accounts_own_rules(self) -> None:
        barred = SimpleNamespace(addresses=lambda texts: Refusal("acl-account", ",".join(texts)))
        self.begun()
        self.assertEqual(self.path("127.0.0.1", self.port, barred), "acl-account")  # type: ignore[arg-type]

    def test_nobody_is_there(self) -> None:
        """The kernel says so when a datagram has come back; the flow is over."""
        self.begun()
        flow = self.flow("127.0.0.1", self.port)
        self.server.close()
        flow.send(b"ask")
        self.hand.until(lambda: bool(self.ends))
        self.assertEqual((self.ends, len(self.hand.poller)), (["connection-refused"], 0))

    def test_no_more_can_be_watched(self) -> None:
        """A socket that the kernel's list has no place for is closed."""
        self.begun()
        path = self.path("127.0.0.1", self.port)
        assert not isinstance(path, str), path
        before = descriptors()

        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "")

        self.patch(type(self.hand.poller), "add", full)
        with self.assertRaises(OSError):
            DatagramFlow(self.shared, path, self.meter, account_id=7, deliver=self.deliver, ended=self.ends.append)
        self.assertEqual((len(before - descriptors()), len(self.shared), self.ends), (1, 0, []))

    def test_no_room(self) -> None:
        """What has come stays in the kernel until there is some."""
        self.begun()
        flow = self.flow("127.0.0.1", self.port)
        flow.send(b"ask")
        _, source = self.heard(self.server)
        self.meter.room = 0
        for number in range(3):
            self.server.sendto(b"%d" % number, source)
        self.hand.settle()
        self.assertEqual(self.got, [])
        self.meter.room = 2
        flow.resume()
        self.assertEqual(self.got, [b"0", b"1"])
        self.meter.room = 5
        flow.resume()
        self.assertEqual((self.got, self.meter.room), ([b"0", b"1", b"2"], 4))
        flow.close("")


class UpstreamCase(DatagramCase):
    """By a SOCKS5 proxy that says what the test lets it say."""

    def setUp(self) -> None:
        super().setUp()
        self.upstream = self.listener("127.0.0.2")
        self.upstream.setblocking(False)
        self.relay = self.datagrams("127.0.0.2")
        self.relay_port = self.relay.getsockname()[1]
        self.names.table["gw"] = ("127.0.0.2",)

    def exit(self) -> Exit:
        return Exit("up", "socks5", upstream=UpstreamProxy("gw", self.upstream.getsockname()[1]))

    def met(self, *says: bytes) -> socket.socket:
        """The upstream's side of a connection, on which it has said this."""
        self.failures.clear()
        self.begun(self.exit())
        self.hand.settle()
        theirs, _ = self.upstream.accept()
        self.addCleanup(theirs.close)
        self.said: list[bytes] = []
        for each in says:
            self.hand.settle()
            self.said.append(theirs.recv(1000))
            theirs.sendall(each)
        self.hand.settle()
        return theirs

    def bound(self, address: bytes = bytes(4), port: int | None = None) -> bytes:
        """A reply that tells where datagrams are taken."""
        kind = {4: b"\x01", 16: b"\x04"}[len(address)]
        return b"\x05\x00\x00" + kind + address + (self.relay_port if port is None else port).to_bytes(2, "big")


class AssociatedTests(UpstreamCase):
    def test_there_and_back(self) -> None:
        """Each datagram with the destination's address before it, which alone is heard."""
        theirs = self.met(b"\x05\x00", self.bound())
        self.assertEqual(self.said[1], b"\x05\x03\x00\x01" + bytes(6))
        one, other = self.flow("127.0.0.1", 5000), self.flow("127.0.0.1", 5001)
        one.send(b"ask")
        data, source = self.heard(self.relay)
        head = datagram_head("127.0.0.1", 5000)
        self.assertEqual(data, head + b"ask")
        for answer in (
            b"\x00\x00\x01" + head[3:] + b"a fragment",
            datagram_head("127.0.0.1", 5002) + b"from another port",
            datagram_head("127.0.0.3", 5000) + b"from another address",
            b"\x00\x00\x00\x03\x09localhost\x13\x88" + b"by name",
            head[:9],
            b"",
            bytes(4),
            head + b"answer",
            b"\xff\xff" + head[2:] + b"reserved bytes mean nothing",
        ):
            self.relay.sendto(answer, source)
        self.datagrams("127.0.0.2").sendto(head + b"spoofed", source)
        self.hand.until(lambda: len(self.got) >= 2)
        self.hand.settle()
        self.assertEqual(self.got, [b"answer", b"reserved bytes mean nothing"])
        self.assertEqual((self.meter.up, self.meter.down), (3, sum(map(len, self.got))))
        for flow in (one, other):
            flow.close("")
        self.carriers[0].close()
        self.hand.settle()
        self.assertEqual((len(self.hand.poller), theirs.recv(10)), (0, b""))

    def test_its_end_is_the_end(self) -> None:
        """Of all flows, and of the exchange."""
        theirs = self.met(b"\x05\x00", self.bound())
        self.flow("127.0.0.1", 5000)
        self.flow("127.0.0.1", 5001)
        theirs.close()
        self.hand.until(lambda: len(self.ends) == 3)
        self.assertEqual(self.ends, ["exit-failed"] * 3)

    def test_it_ends_before_a_flow_begins(self) -> None:
        """A flow on what is over already ends at once, with the exit's reason; before, it stood until it was idle."""
        theirs = self.met(b"\x05\x00", self.bound())
        path = self.path("127.0.0.1", 5000)
        assert not isinstance(path, str), path
        theirs.close()
        self.hand.until(lambda: len(self.ends) == 1)
        flow = DatagramFlow(self.shared, path, self.meter, account_id=7, deliver=self.deliver, ended=self.ends.append)
        self.assertEqual((self.ends, flow.send(b"ask"), len(self.shared)), (["exit-failed"] * 2, False, 0))
        self.assertEqual((len(self.hand.poller), len(self.shared)), (0, 0))
        self.assertEqual(self.path("127.0.0.1", 5000), "exit-failed")

    def test_its_port_is_gone(self) -> None:
        """That is the exit's end, and no destination's, whether a datagram's way out tells it or the way in."""
        self.met(b"\x05\x00", self.bound())
        one = self.flow("127.0.0.1", 5000)
        self.flow("127.0.0.1", 5001)
        self.relay.close()
        with self.carriers[0]._sock.dup() as same:  # type: ignore[attr-defined]
            same.send(b"to nobody")
        self.assertFalse(one.send(b"to nobody"))
        self.assertEqual((self.ends, self.meter.up), ([], 0))
        self.clock.advance(0)
        self.assertEqual((self.ends, len(self.hand.poller)), (["exit-failed"] * 3, 0))

    def test_where_it_takes_them(self) -> None:
        """Where it says; at its own address where it says none; never at a place of ours, nor where a name leads."""
        here = bytes((127, 0, 0, 2))
        for what, reply, expected in (
            ("none", self.bound(), ""),
            ("none of IPv6", self.bound(bytes(16)), ""),
            ("its own", self.bound(here), ""),
            ("port zero", self.bound(port=0), "exit-refused"),
            ("a name", b"\x05\x00\x00\x03\x02gw\x00\x35", "exit-failed"),
            ("no datagrams", b"\x05\x07\x00\x01" + bytes(6), "exit-refused"),
            ("an unknown type", b"\x05\x00\x00\x02" + bytes(6), "exit-failed"),
        ):
            self.carriers.clear()
            self.met(b"\x05\x00", reply)
            reasons = [each.refusal.reason for each in self.failures if isinstance(each, DialError)]
            self.assertEqual("".join(reasons), expected, what)
            for each in self.carriers:
                each.close()
            self.assertEqual(len(self.hand.poller), 0, what)
        self.own = OwnListeners(frozenset({self.relay_port}), frozenset({"127.0.0.2"}))
        self.met(b"\x05\x00", self.bound(here))
        self.assertEqual(len(self.failures), 1)
        self.own = OwnListeners()
        self.udp = Udp(on=True, ports=((self.relay_port, self.relay_port),))
        self.met(b"\x05\x00", self.bound(here))
        self.assertEqual(len(self.failures), 1)

    def test_it_is_not_blamed_for_having_connections_alone(self) -> None:
        self.met(b"\x05\x00", b"\x05\x07\x00\x01" + bytes(6))
        (error,) = self.failures
        assert isinstance(error, DialError)
        self.assertEqual((error.blame, error.answered, error.cause), ("either", True, "exit-no-datagrams"))

    def blamed(self) -> tuple[str, str, str]:
        """Why there is no carrier, whose fault it is, and what the operator reads of it."""
        self.hand.until(lambda: bool(self.failures))
        (error,) = self.failures
        assert isinstance(error, DialError), error
        self.assertEqual(len(self.hand.poller), 0)
        return error.refusal.reason, error.blame, error.cause

    def test_one_that_cannot_be_reached(self) -> None:
        """Has failed as it would have for a connection: nothing says anything of the destination."""
        dead = Exit("up", "socks5", upstream=UpstreamProxy("gw", free_port()))
        self.begun(dead)
        self.assertEqual(self.blamed(), ("exit-failed", "exit", "connection-refused"))
        self.failures.clear()
        del self.names.table["gw"]
        self.begun(dead)
        assert self.names.pending is not None
        self.names.pending(ResolveError("dns_error", "internal text"))
        self.assertEqual(self.blamed(), ("exit-failed", "either", "dns-error"))
        self.names.table["gw"] = ("127.0.0.2",)
        self.patch(datagrams, "connected", self.no_route)
        self.met(b"\x05\x00", self.bound())
        self.assertEqual(self.blamed(), ("exit-failed", "either", "unreachable"))

    def test_nothing_is_left_where_the_poller_is_full(self) -> None:
        def full(*told: object) -> None:
            raise OSError(errno.ENOSPC, "")

        self.patch(datagrams, "UpstreamAssociation", full)
        before = descriptors()
        theirs = self.met(b"\x05\x00", self.bound())
        self.assertEqual((len(self.failures), len(self.hand.poller)), (1, 0))
        self.assertEqual(descriptors() - before, {theirs.fileno()})

    @staticmethod
    def no_route(address: str, port: int, source: str) -> socket.socket:
        raise OSError(errno.ENETUNREACH, "")

    def test_refused_destinations(self) -> None:
        """By name or address, as seen from here; and the pages of the proxy itself."""
        self.names.table |= {"inside.example": ("10.0.0.1",), "good.example": ("127.0.0.1",), "burp": ("127.0.0.1",)}
        self.met(b"\x05\x00", self.bound())
        for host, port, expected in (
            ("10.0.0.1", 5000, "acl-private"),
            ("inside.example", 5000, "acl-private"),
            ("0x7f.1", 5000, "acl-private"),
            ("good.example", 22, "acl-port"),
            ("burp", 8080, "acl-host"),
            ("gw", self.upstream.getsockname()[1], "acl-host"),
        ):
            self.assertEqual(self.path(host, port), expected, host)
        self.carriers[0].close()

    def test_a_place_by_two_names(self) -> None:
        """Has two flows, as by any exit; answers go to the one that has sent last."""
        self.names.table["good.example"] = ("127.0.0.1",)
        self.met(b"\x05\x00", self.bound())
        first, later = self.named_flow("127.0.0.1", "first"), self.named_flow("good.example", "later")
        expected = []
        for flow, name in ((first, b"first "), (later, b"later "), (first, b"first ")):
            flow.send(b"ask")
            data, source = self.heard(self.relay)
            self.relay.sendto(data[:10] + b"answer", source)
            expected.append(name + b"answer")
            self.hand.until(lambda: len(self.got) == len(expected))
        self.assertEqual((self.got, self.ends), (expected, []))
        first.close("")
        self.relay.sendto(data[:10] + b"late", source)
        self.hand.settle()
        later.send(b"ask")
        self.relay.sendto(data[:10] + b"answer", source)
        self.hand.until(lambda: len(self.got) > len(expected))
        self.assertEqual((self.got[3:], self.ends), ([b"later answer"], [""]))
        self.carriers[0].close()

    def named_flow(self, host: str, name: str) -> DatagramFlow:
        """A flow whose answers are noted with its name before them."""
        path = self.path(host, 5000)
        assert not isinstance(path, str), path

        def deliver(data: memoryview) -> bool:
            self.got.append(name.encode() + b" " + bytes(data))
            return True

        return DatagramFlow(self.shared, path, self.meter, account_id=7, deliver=deliver, ended=self.ends.append)

    def test_who_has_paused_all_leaves(self) -> None:
        """The others hear again."""
        self.met(b"\x05\x00", self.bound())
        one, other = self.flow("127.0.0.1", 5000), self.flow("127.0.0.1", 5001)
        other.send(b"ask")
        data, source = self.heard(self.relay)
        self.meter.room = 0
        self.relay.sendto(data[:10] + b"answer", source)
        self.hand.settle()
        self.meter.room = 100
        one.close("")
        self.hand.until(lambda: bool(self.got))
        self.assertEqual(self.got, [b"answer"])
        self.carriers[0].close()

    def test_room_that_is_gone_again(self) -> None:
        """Whoever had room taken away waits, though another has been told of room: no turn finds nothing to do."""
        self.met(b"\x05\x00", self.bound())
        one, other = self.flow("127.0.0.1", 5000), self.flow("127.0.0.1", 5001)
        other.send(b"ask")
        data, source = self.heard(self.relay)
        self.meter.room = 0
        for _ in range(3):
            self.relay.sendto(data[:10] + b"12", source)
        self.hand.settle()
        one.close("")  # now the other one has none
        third = self.flow("127.0.0.1", 5002)
        self.meter.room = 2
        for flow in (other, third):
            flow.resume()
        self.assertEqual((self.got, self.meter.room), ([b"12"], 0))
        third.close("")
        self.assertFalse(readable([self.hand.poller], 0.02))
        self.meter.room = 100
        other.resume()
        self.assertEqual(len(self.got), 3)
        self.carriers[0].close()


class RelayTests(SynchronousTestCase):
    def test_where_datagrams_are_sent(self) -> None:
        """A proxy that strangers name leads nowhere inside; nor does one of the Internet that the operator names."""
        for peer, told, strange, expected in (
            ("1.1.1.1", "", True, "1.1.1.1"),
            ("1.1.1.1", "1.1.1.1", True, "1.1.1.1"),
            ("1.1.1.1", "8.8.8.8", True, "8.8.8.8"),
            ("1.1.1.1", "127.0.0.1", False, None),
            ("1.1.1.1", "10.0.0.1", False, None),
            ("1.1.1.1", "::ffff:10.0.0.1", False, None),
            ("1.1.1.1", "169.254.169.254", True, None),
            ("10.0.0.5", "10.0.0.6", False, "10.0.0.6"),
            ("10.0.0.5", "10.0.0.6", True, None),
            ("10.0.0.5", "100.64.0.1", False, "100.64.0.1"),
            ("10.0.0.5", "fd00::1", False, "fd00::1"),
            ("10.0.0.5", "10.0.0.5", True, "10.0.0.5"),
            ("10.0.0.5", "127.0.0.1", False, None),
            ("10.0.0.5", "::ffff:127.0.0.1", False, None),
            ("10.0.0.5", "::1", False, None),
            ("10.0.0.5", "169.254.169.254", False, None),
            ("10.0.0.5", "fe80::1", False, None),
            ("10.0.0.5", "224.0.0.1", False, None),
            ("10.0.0.5", "ff02::1", False, None),
            ("10.0.0.5", "255.255.255.255", False, None),
            ("10.0.0.5", "0.0.0.1", False, None),
            ("10.0.0.5", "64:ff9b::7f00:1", False, None),
            ("127.0.0.1", "127.0.0.2", False, "127.0.0.2"),
            ("127.0.0.1", "::1", False, "::1"),
            ("127.0.0.1", "10.0.0.1", False, "10.0.0.1"),
            ("127.0.0.1", "127.0.0.2", True, None),
            ("127.0.0.1", "169.254.169.254", False, None),
            ("127.0.0.1", "127.0.0.1", False, "127.0.0.1"),
        ):
            try:
                found: str | None = relay_of(peer, told, strange=strange)
            except DialError:
                found = None
            self.assertEqual(found, expected, (peer, told, strange))


class ChosenTests(DatagramCase):
    def departure(self, exits: tuple[Exit, ...], selection: Selection = NONE) -> Departure:
        topology = Topology({"p": ProxyHost("p", (), "p.example", ExitRule(), exits)}, exits, {})
        plane = SimpleNamespace(
            live=Live(topology),
            wheel=Wheel(Clock()),
            now=lambda: 0,
            chance=random.Random(1),
            pools=Pools(topology),
            dialler=self.dialler,
            note_exit=lambda outlet: None,
        )
        found = Departure(plane, "p", selection, 1)  # type: ignore[arg-type]
        found.by_datagrams()
        return found

    def test_those_that_carry_them(self) -> None:
        """Of many exits one that does, whatever is drawn; a clear refusal where there is none."""
        upstream = UpstreamProxy("gw.example", 80)
        kinds = {kind: Exit(kind, kind, upstream=upstream) for kind in ("http", "https", "socks5")}  # type: ignore[arg-type]
        self.assertEqual([kind for kind in kinds if carries(kinds[kind])], ["socks5"])
        for _ in range(20):
            departure = self.departure(tuple(kinds.values()))
            self.assertIsNone(departure.choose())
            self.assertEqual(departure.choice.exit.kind, "socks5")
        none = self.departure((kinds["http"], kinds["https"]))
        self.assertIs(none.choose(), NO_DATAGRAMS)
        pinned = self.departure(tuple(kinds.values()), Selection(exit="http"))
        self.assertIsNone(pinned.choose())
        self.assertEqual(pinned.choice.not_found, "http")
        self.assertEqual(self.departure(()).choose(), Refusal("no-exit"))

    def opened(self, departure: Departure) -> Path:
        """The path that a departure opens."""
        found: list[Path] = []

        async def opened() -> None:
            found.append(await departure.path("127.0.0.1", self.port, lambda reason, seconds: None))

        Task(opened(), self.noted).resume()
        self.hand.until(lambda: bool(found or self.failures))
        self.assertEqual(self.failures, [])
        return found[0]

    def test_one_that_is_dead(self) -> None:
        """Is passed over, and rests as it would after connections."""
        self.names.table["gw"] = ("127.0.0.2",)
        dead = Exit("dead", "socks5", upstream=UpstreamProxy("gw", free_port()))
        departure = self.departure((dead, ANY))
        while departure.choose() is None and departure.choice.exit is not dead:
            pass
        outlet = departure.choice.outlet
        path = self.opened(departure)
        self.assertEqual((path.source, departure.choice.exit, outlet.failures), ("127.0.0.1", ANY, 1))
        path.close()

    def test_a_sole_path(self) -> None:
        """Closed with all that it had of its exit."""
        departure = self.departure((ANY,))
        self.assertIsNone(departure.choose())
        path = self.opened(departure)
        flow = DatagramFlow(self.shared, path, self.meter, account_id=7, deliver=self.deliver, ended=self.ends.append)
        flow.send(b"ask")
        data, source = self.heard(self.server)
        self.server.sendto(data, source)
        self.hand.until(lambda: bool(self.got))
        flow.close("")
        self.assertEqual((self.got, departure.address, len(self.hand.poller)), ([b"ask"], "127.0.0.1", 0))
