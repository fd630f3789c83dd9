"""Ports come and go with what is published; sockets are played, the clock is moved."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.listening import FIRST_PAUSE, LONGEST_PAUSE, Ports
from meshd.hosts.opening import Opened
from meshd.hosts.ports import Offer, Place, Plan
from meshd.hosts.services import Service
from meshd.values.published import Upstream
from tests.support.said import said

LOG = "meshd.hosts.listening"
ONE = Service("stream-hosts", 1, (Upstream("10.0.0.1", 1),), 1, 11)
TWO = Service("port-forwards", 2, (Upstream("10.0.0.1", 2),), 1, 12, asked="iptables")
A, B = Place("tcp", 2222), Place("udp", 53, "eth1")


class Played:
    """In the place of a listener."""

    def __init__(self, place: Place, offer: Offer) -> None:
        self.place, self.offers, self.closed = place, [offer], False

    def change(self, offer: Offer) -> None:
        self.offers.append(offer)

    def close(self) -> None:
        self.closed = True


class PortsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.made: list[Played] = []
        self.tried: list[Place] = []
        self.taken: dict[Place, OSError] = {}
        self.sockets = 1
        self.ports = Ports(self.clock, self.serve, self.open)

    def open(self, place: Place) -> Opened:
        self.tried.append(place)
        if place in self.taken:
            raise self.taken[place]
        sockets: Any = ("socket",) * self.sockets
        return Opened(sockets, "all addresses")

    def serve(self, place: Place, sock: socket.socket, offer: Offer) -> Played:
        self.made.append(Played(place, offer))
        return self.made[-1]

    def apply(self, **offers: Offer) -> None:
        places = {"a": A, "b": B}
        self.ports.apply(Plan({places[name]: offer for name, offer in offers.items()}))

    def test_opened_once_and_closed_when_unwanted(self) -> None:
        self.apply(a=Offer(ONE))
        self.apply(a=Offer(ONE), b=Offer(TWO))
        self.apply(a=Offer(ONE))
        self.assertEqual(self.tried, [A, B])
        self.assertEqual([(each.place, each.closed) for each in self.made], [(A, False), (B, True)])
        self.assertEqual(self.made[0].offers, [Offer(ONE)])

    def test_a_change_keeps_the_socket(self) -> None:
        self.apply(a=Offer(ONE))
        self.apply(a=Offer(TWO))
        self.assertEqual(self.tried, [A])
        self.assertEqual(self.made[0].offers, [Offer(ONE), Offer(TWO)])

    def test_several_sockets_of_one_place(self) -> None:
        self.sockets = 2
        self.apply(b=Offer(ONE))
        self.apply(b=Offer(TWO))
        self.ports.close()
        self.assertEqual([(len(each.offers), each.closed) for each in self.made], [(2, True), (2, True)])

    def test_old_ones_are_closed_before_new_ones_are_opened(self) -> None:
        """So that a forward of all addresses may become one of a single address, at the same port."""
        self.apply(a=Offer(ONE))
        closed_first = []
        self.open_before, self.ports._open = self.ports._open, self.watched(closed_first)
        self.apply(b=Offer(ONE))
        self.assertEqual(closed_first, [True])

    def watched(self, seen: list[bool]) -> Any:
        def open_(place: Place) -> Opened:
            seen.append(self.made[0].closed)
            return self.open_before(place)

        return open_

    def test_tried_again_after_longer_and_longer_pauses(self) -> None:
        self.taken[A] = OSError(98, "Address already in use")
        self.apply(a=Offer(ONE))
        expected, pause = 1, FIRST_PAUSE
        for _ in range(10):
            self.clock.advance(pause - 0.01)
            self.assertEqual(len(self.tried), expected)
            self.clock.advance(0.01)
            expected += 1
            self.assertEqual(len(self.tried), expected)
            pause = min(2 * pause, LONGEST_PAUSE)
        self.assertEqual(self.ports.problems(), {1: "tcp port 2222: Address already in use"})
        del self.taken[A]
        self.clock.advance(pause)
        self.assertEqual((self.ports.problems(), len(self.made)), ({}, 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_change_tries_at_once(self) -> None:
        self.taken[A] = OSError(98, "Address already in use")
        self.apply(a=Offer(ONE))
        del self.taken[A]
        self.apply(a=Offer(TWO))
        self.assertEqual((self.made[0].offers, self.clock.getDelayedCalls()), ([Offer(TWO)], []))

    def test_no_longer_tried_when_unwanted(self) -> None:
        self.taken[A] = OSError(98, "Address already in use")
        self.apply(a=Offer(ONE))
        self.apply()
        self.assertEqual((self.ports.problems(), self.clock.getDelayedCalls()), ({}, []))

    def test_all_problems_of_a_resource(self) -> None:
        self.taken = {A: OSError(98, "Address already in use"), B: OSError("there is no network device eth1")}
        names = Offer(names=(("a.example", ONE), ("b.example", TWO)))
        self.apply(a=names, b=Offer(ONE))
        told = "tcp port 2222: Address already in use"
        more = "udp port 53 of eth1: there is no network device eth1"
        self.assertEqual(self.ports.problems(), {1: f"{told}; {more}", 2: told})

    def test_what_the_log_hears(self) -> None:
        """A failure once for each reason; where something listens, and who passes the bytes on."""
        with said(LOG) as lines:
            self.taken[A] = OSError(98, "Address already in use")
            self.apply(a=Offer(ONE))
            self.clock.advance(FIRST_PAUSE)
            self.taken[A] = OSError(13, "Permission denied")
            self.clock.advance(2 * FIRST_PAUSE)
            del self.taken[A]
            self.apply(a=Offer(ONE), b=Offer(TWO))
        self.assertEqual(
            lines,
            [
                "stream-hosts:1 cannot be served at tcp port 2222: Address already in use; it is tried again",
                "stream-hosts:1 cannot be served at tcp port 2222: Permission denied; it is tried again",
                "stream-hosts:1 is served at tcp port 2222 (all addresses)",
                "port-forwards:2 is served at udp port 53 of eth1"
                " (all addresses, passed on by meshd itself and not by iptables)",
            ],
        )
