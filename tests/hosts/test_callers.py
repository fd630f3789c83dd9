"""Connections of one address."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.callers import Callers, Presence


class Connection:
    def __init__(self, *, idle: bool = False) -> None:
        self.idle = idle
        self.evicted = False

    def evict(self) -> None:
        self.evicted = True


class CallersTests(SynchronousTestCase):
    def test_the_oldest_idle_one_makes_room(self) -> None:
        callers, made = Callers(2), [Connection(), Connection(idle=True)]
        for each in made:
            self.assertTrue(callers.arrived(each, "192.0.2.1"))
        self.assertTrue(callers.arrived(Connection(), "192.0.2.1"))
        self.assertEqual([each.evicted for each in made], [False, True])

    def test_where_all_are_busy_nobody_else_comes_in(self) -> None:
        """From that address, or that IPv6 network; what was not let in is not counted."""
        for peer, same, other in (
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ):
            callers, first = Callers(1), Connection()
            self.assertTrue(callers.arrived(first, peer))
            self.assertFalse(callers.arrived(Connection(), same))
            self.assertTrue(callers.arrived(Connection(), other))
            callers.left(first, peer)
            self.assertTrue(callers.arrived(Connection(), same))

    def test_who_is_not_counted_may_leave(self) -> None:
        callers = Callers()
        callers.left(Connection(), "192.0.2.1")
        self.assertEqual(len(callers), 0)


class PresenceTests(SynchronousTestCase):
    TRUSTED = (ip_network("10.0.0.0/8"),)

    def test_where_a_connection_is_counted(self) -> None:
        """At each address that it has, but for those of trusted proxies and of Unix sockets; in the end nowhere."""
        for addresses, counted in (
            (("192.0.2.1",), 1),
            (("192.0.2.1", "192.0.2.2"), 2),
            (("192.0.2.1", "192.0.2.1"), 1),
            (("10.0.0.1", "192.0.2.2"), 1),
            (("", "192.0.2.2"), 1),
            (("10.0.0.1",), 0),
            (("",), 0),
        ):
            for caller in (Connection(), None):
                callers = Callers()
                presence = Presence(callers, caller)
                self.assertTrue(all(presence.at(each, self.TRUSTED) for each in addresses))
                self.assertEqual(len(callers), counted, addresses)
                presence.leave()
                self.assertEqual(len(callers), 0)

    def test_one_that_is_never_idle(self) -> None:
        callers = Callers(1)
        first, second = Presence(callers), Presence(callers)
        self.assertEqual([first.at("192.0.2.1", ()), second.at("192.0.2.1", ())], [True, False])
        second.leave()
        first.leave()
        self.assertTrue(Presence(callers).at("192.0.2.1", ()))
