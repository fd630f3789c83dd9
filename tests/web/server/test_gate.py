from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.seldom import EVERY, Seldom
from meshd.topology import Limits
from meshd.web.server.gate import Gate
from tests.support.live import settings
from tests.support.said import said


def made(per_address: int, in_all: int, clock: Clock | None = None) -> Gate:
    limits = Limits(unauthenticated_per_address=per_address, unauthenticated=in_all)
    return Gate(settings(limits), Seldom((clock or Clock()).seconds))


class GateTests(SynchronousTestCase):
    def test_an_address_has_so_many_and_another_is_not_touched(self) -> None:
        """One address that holds connections open does not shut out the rest."""
        gate = made(2, 10)
        self.assertTrue(gate.enter("192.0.2.1") and gate.enter("192.0.2.1"))
        self.assertIsNone(gate.enter("192.0.2.1"))
        self.assertIsNotNone(gate.enter("192.0.2.2"))

    def test_all_together_have_so_many(self) -> None:
        """Many addresses do not add up to more than the process can hold."""
        gate = made(2, 3)
        tickets = [gate.enter(f"192.0.2.{last}") for last in range(5)]
        self.assertEqual([ticket is not None for ticket in tickets], [True, True, True, False, False])

    def test_how_many_there_are_is_a_sample(self) -> None:
        """Those that nobody has signed in on, whatever their address."""
        gate = made(2, 10)
        tickets = [gate.enter(f"192.0.2.{last}") for last in range(3)]
        assert tickets[0] is not None
        tickets[0].leave()
        self.assertEqual(len(gate), 2)

    def test_who_leaves_makes_room(self) -> None:
        """A place is given back once, however often it is left."""
        gate = made(1, 10)
        ticket = gate.enter("192.0.2.1")
        assert ticket is not None
        ticket.leave()
        ticket.leave()
        self.assertEqual(len(gate), 0)
        self.assertIsNotNone(gate.enter("192.0.2.1"))
        self.assertIsNone(gate.enter("192.0.2.1"))

    def test_one_ipv6_customer_is_one_address(self) -> None:
        """The addresses of a /64 are counted together, and IPv4-mapped ones as IPv4."""
        gate = made(1, 10)
        self.assertIsNotNone(gate.enter("2001:db8::1"))
        self.assertIsNone(gate.enter("2001:db8::ffff:2"))
        self.assertIsNotNone(gate.enter("2001:db8:0:1::1"))
        self.assertIsNotNone(gate.enter("192.0.2.1"))
        self.assertIsNone(gate.enter("::ffff:192.0.2.1"))

    def test_peers_without_an_address_share_only_the_sum(self) -> None:
        """Behind a unix socket everybody comes from nowhere."""
        gate = made(1, 3)
        self.assertEqual([gate.enter("") is not None for _ in range(4)], [True, True, True, False])

    def test_a_connection_moves_to_the_address_that_a_balancer_tells(self) -> None:
        """The balancer's own place is free again, and the client's bound holds."""
        gate = made(1, 10)
        first, second = gate.enter("10.0.0.1"), None
        assert first is not None
        self.assertTrue(first.move("192.0.2.1"))
        second = gate.enter("10.0.0.1")
        assert second is not None
        self.assertFalse(second.move("192.0.2.1"))
        self.assertEqual(len(gate), 1)

    def test_a_flood_leaves_a_line_a_minute(self) -> None:
        """Also where every other arrival is of an address that has room."""
        clock = Clock()
        gate = made(1, 10, clock)
        gate.enter("192.0.2.1")
        with said("meshd.web.server.gate") as lines:
            for _ in range(100):
                gate.enter("192.0.2.1")
                other = gate.enter("192.0.2.2")
                assert other is not None
                other.leave()
            clock.advance(EVERY)
            gate.enter("192.0.2.1")
        told = "API connections are refused: too many unauthenticated ones from 192.0.2.1"
        self.assertEqual(lines, [told, f"{told} (99 more of these were left out)"])
