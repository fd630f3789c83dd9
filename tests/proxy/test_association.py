"""An association of datagrams whose exit, client and clock are the test's."""

from __future__ import annotations

import errno
import gc
from collections.abc import Callable
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.passing.plane import Plane
from meshd.proxy.association import Association
from meshd.proxy.remote import Remote
from meshd.sockets.datagrams import DatagramFlow, Datagrams
from meshd.sockets.wheel import Wheel
from meshd.socks5 import datagram_head
from meshd.topology import Limits, Live, Timeouts, Topology, Udp
from meshd.values.destinations import level
from meshd.values.rules import Rules
from meshd.values.terms import Terms, terms
from tests.hosts.ground import alive
from tests.sockets.test_datagrams import Meter, NotingPath
from tests.support.datagrams import named_head

NAME = "name.example"


def excepting(network: str) -> Terms:
    return terms((), (level("acl-account", Rules("except", (network,)).render()),))


class NotingPoller:
    """The descriptors in use, and what is paused."""

    def __init__(self) -> None:
        self.used = 10
        self.paused: set[int] = set()
        self.error: OSError | None = None

    def __len__(self) -> int:
        return self.used

    def add(self, fd: int, owner: Any, events: int) -> None:
        if self.error is not None:
            raise self.error
        self.used += 1

    def remove(self, fd: int) -> None:
        assert self.error is None, "was never added"
        self.used -= 1

    def pause(self, fd: int) -> None:
        self.paused.add(fd)

    def resume(self, fd: int) -> None:
        self.paused.discard(fd)


class Mouth:
    """Gives what the test has the client send."""

    fd = 5

    def __init__(self) -> None:
        self.sock = self
        self.came: list[bytes] = []
        self.answers: list[bytes] = []
        self.closed = False

    def read(self, buffer: memoryview) -> int:
        if not self.came:
            raise BlockingIOError
        data = self.came.pop(0)
        buffer[: len(data)] = data
        return len(data)

    def send(self, head: bytes, data: memoryview) -> bool:
        self.answers.append(bytes(data))
        return True

    def close(self) -> None:
        self.closed = True


class Carrier:
    """Opens paths at once, or when the test says so."""

    def __init__(self) -> None:
        self.paths: dict[str, NotingPath] = {}
        self.gate: Deferred[None] | None = None
        self.closed = False

    async def open(self, host: str, port: int, account_id: int, bar: Any) -> NotingPath:
        if self.gate is not None:
            await self.gate
        path = self.paths[host] = NotingPath()
        path.address = "192.0.2.7" if host == NAME else host
        return path

    def close(self) -> None:
        self.closed = True


class AssociationCase(SynchronousTestCase):
    flows = 100
    own = 0
    destinations = 3

    def setUp(self) -> None:
        self.clock = Clock()
        limits = Limits(tunnels_per_account=self.own)
        udp = Udp(on=True, destinations=self.destinations)
        self.live = Live(Topology({}, (), {}, timeouts=Timeouts(udp_idle=120), limits=limits, udp=udp))
        wheel = Wheel(self.clock)
        wheel.start()
        self.datagrams = Datagrams(wheel, self.live, lambda: self.flows)
        self.poller, self.mouth, self.carrier = NotingPoller(), Mouth(), Carrier()
        self.begun: list[float] = []
        self.refusal: Refusal | None = None
        self.spared: list[int] = []
        self.later: list[Callable[[], None]] = []
        self.faults: list[str] = []
        self.meter: Any = Meter()
        self.meter.admission = SimpleNamespace(account=SimpleNamespace(id=7))
        self.meter.tally = SimpleNamespace(terms=None)
        plane: Any = SimpleNamespace(
            datagrams=self.datagrams,
            live=self.live,
            wheel=wheel,
            poller=self.poller,
            caps=SimpleNamespace(ceiling=50, start=self.start, spare=self.spare),
            has_room=lambda more: Plane.has_room(plane, more),
            relay=SimpleNamespace(again=self.later.append),
            seldom=SimpleNamespace(say=lambda log, text, **fields: self.faults.append(fields["error"])),
            chance=Random(1),
        )
        record: Any = SimpleNamespace(note_first=lambda *place: None, note_sent=lambda *place: None, exit="")
        departure: Any = SimpleNamespace(choice=SimpleNamespace(label=lambda selection, source: source), selection=None)
        host: Any = SimpleNamespace(alive=lambda: None)
        given: Any = (plane, host, self.mouth, self.carrier, departure, record, self.meter, ("192.0.2.1", 5000))
        self.association = Association(*given)
        self.association.listen()
        self.addCleanup(self.association.close)

    def start(self, account_id: int, open_now: int, monotonic: float, *, tunnel: bool) -> Refusal | None:
        self.begun.append(monotonic)
        return self.refusal

    def spare(self, count: int) -> int:
        return self.spared.pop() if self.spared else 0

    def says(self, host: str, data: bytes = b"ask") -> None:
        """The client sends a datagram to that address, or to NAME."""
        head = named_head(host.encode(), 53) if host == NAME else datagram_head(host, 53)
        self.mouth.came.append(head + data)
        self.association.ready(self.mouth.fd, 1)

    def sent(self) -> dict[str, list[bytes]]:
        return {host: path.sent for host, path in self.carrier.paths.items() if not path.closed}


class ChangedTests(AssociationCase):
    def test_rules_that_change_while_a_name_is_looked_up(self) -> None:
        """Judge the address that was found, as those of now."""
        for network, sent in (("", True), ("192.0.2.0/24", False), ("198.51.100.0/24", True)):
            self.setUp()
            self.carrier.gate = Deferred()
            self.says(NAME)
            self.meter.tally.terms = changed = excepting(network) if network else None
            if changed is not None:
                self.assertIsNone(self.association.barred(changed), "nothing is known of its address yet")
            self.carrier.gate.callback(None)
            self.assertEqual(self.sent(), {NAME: [b"ask"]} if sent else {})
            self.assertEqual(self.association.reason, "" if sent else "acl-account")
            self.assertEqual((len(self.datagrams), self.faults), (int(sent), []))


class FaultTests(AssociationCase):
    def test_no_more_can_be_watched(self) -> None:
        """The client's socket is closed all the same."""
        self.association._listening = False  # as before the beginning
        self.poller.error = OSError(errno.ENOSPC, "")
        self.assertRaises(OSError, self.association.listen)
        self.association.close()
        self.assertTrue(self.mouth.closed and self.carrier.closed)


class BoundTests(AssociationCase):
    def test_each_that_is_found_asks_again(self) -> None:
        """Many names at once: no more flows open than there may be, however many were begun while there was room."""
        self.own = 2
        self.setUp()
        self.carrier.gate = Deferred()
        for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            self.says(host)
        self.carrier.gate.callback(None)
        self.assertEqual((len(self.datagrams), self.sent()), (2, {"192.0.2.1": [b"ask"], "192.0.2.2": [b"ask"]}))
        self.assertTrue(self.carrier.paths["192.0.2.3"].closed)

    def test_descriptors_are_asked_for_again_too(self) -> None:
        self.carrier.gate = Deferred()
        self.says("192.0.2.1")
        self.poller.used = 50
        self.carrier.gate.callback(None)
        self.assertEqual((len(self.datagrams), self.association.reason), (0, "overloaded"))

    def test_room_is_made_by_one_that_has_some(self) -> None:
        """A destination that is only looked for holds no flow, and none is won by giving it up."""
        self.flows = 1
        self.says("192.0.2.1")
        self.carrier.gate = Deferred()
        self.says("192.0.2.2")
        self.assertEqual(self.sent(), {})
        self.says("192.0.2.3")
        self.carrier.gate.callback(None)
        self.assertEqual(self.sent(), {"192.0.2.2": [b"ask"]})

    def test_the_silent_one_makes_room(self) -> None:
        for number in range(4):
            self.says(f"192.0.2.{number}")
            self.clock.advance(1)
        self.assertEqual(sorted(self.sent()), ["192.0.2.1", "192.0.2.2", "192.0.2.3"])

    def test_a_rate_refuses_before_room_is_made(self) -> None:
        """Whoever is over it loses no destination that it has."""
        for number in range(3):
            self.says(f"192.0.2.{number}")
        self.refusal = Refusal("rate-requests")
        self.says("192.0.2.9")
        self.assertEqual(sorted(self.sent()), ["192.0.2.0", "192.0.2.1", "192.0.2.2"])

    def test_switched_off(self) -> None:
        """What is sent to already goes on, and nothing else begins."""
        self.says("192.0.2.1")
        self.live.topology = replace(self.live.topology, udp=Udp(on=False, destinations=3))
        self.says("192.0.2.1", b"on")
        self.says("192.0.2.2")
        self.assertEqual(self.sent(), {"192.0.2.1": [b"ask", b"on"]})

    def test_idle_connections_to_origins_give_way(self) -> None:
        """Before any destination does."""
        self.says("192.0.2.1")
        self.poller.used, self.spared = 50, [1, 1]
        self.says("192.0.2.2")
        self.assertEqual((sorted(self.sent()), self.spared), (["192.0.2.1", "192.0.2.2"], []))
        self.says("192.0.2.3")
        self.assertEqual(sorted(self.sent()), ["192.0.2.2"])


class LetGoTests(AssociationCase):
    def test_a_destination_that_has_ended(self) -> None:
        """Is gone at once, without a collection."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for number in range(5):
            self.says(f"192.0.2.{number}")
        for each in self.carrier.paths.values():
            each.receiver = None
        self.assertEqual((len(alive(Remote)), len(alive(DatagramFlow))), (3, 3))


class TurnTests(AssociationCase):
    def test_one_destination_a_turn(self) -> None:
        """Is heard where there is room again, as each may have a turn's worth; whoever was not goes first next time."""
        hosts = ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
        for host in hosts:
            self.says(host)
        self.meter.room = 0
        for host in hosts:
            self.carrier.paths[host].says(host.encode())
        self.assertEqual(self.mouth.answers, [])
        self.meter.room = len(hosts[0])
        self.meter.resume()
        self.assertEqual(self.mouth.answers, [b"192.0.2.0"])
        self.later.pop()()
        self.later.pop()()
        self.assertEqual((self.mouth.answers, self.later), ([b"192.0.2.0"], []))
        self.meter.room = 1000
        self.carrier.paths[hosts[0]].waiting.append(b"more")
        self.meter.resume()
        self.assertEqual((self.mouth.answers[1:], len(self.later)), ([b"192.0.2.1"], 1))
        self.meter.resume()
        self.assertEqual((self.mouth.answers[2:], len(self.later)), ([b"192.0.2.2"], 1))
        self.later.pop()()
        self.assertEqual(self.later, [])

    def test_one_that_has_ended_meanwhile(self) -> None:
        for host in ("192.0.2.0", "192.0.2.1"):
            self.says(host)
        self.meter.room = 0
        for path in self.carrier.paths.values():
            path.says(b"answer")
        self.meter.room = 1000
        self.meter.resume()
        self.association.close()
        self.later.pop()()
        self.assertEqual((self.mouth.answers, self.later), ([b"answer"], []))
