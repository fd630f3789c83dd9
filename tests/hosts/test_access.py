"""Access lists."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.access import Entry, entry
from meshd.values.published import AccessList, AccessRule, Login

LOGIN = (Login("ann", "hash"),)


def rules(*texts: str) -> tuple[AccessRule, ...]:
    """ "+192.0.2.0/24" allows, "-..." denies."""
    return tuple(AccessRule(ip_network(text[1:]), text[0] == "+") for text in texts)


def access(*texts: str, logins: tuple[Login, ...] = (), satisfy_any: bool = False, enabled: bool = True) -> AccessList:
    return AccessList(1, "office", rules(*texts), logins, satisfy_any, enabled=enabled)


TABLE: tuple[tuple[str, AccessList, str, Entry], ...] = (
    ("an empty list lets everybody in", access(), "192.0.2.1", "open"),
    ("an allowed network is let in", access("+192.0.2.0/24"), "192.0.2.1", "open"),
    ("nobody else is, once there is a rule that allows", access("+192.0.2.0/24"), "198.51.100.1", "closed"),
    ("a denied network is refused", access("-192.0.2.0/24"), "192.0.2.1", "closed"),
    ("everybody else is let in where no rule allows", access("-192.0.2.0/24"), "198.51.100.1", "open"),
    ("the first rule that matches decides: allow", access("+192.0.2.1/32", "-0.0.0.0/0"), "192.0.2.1", "open"),
    ("the first rule that matches decides: deny", access("-192.0.2.1/32", "+192.0.2.0/24"), "192.0.2.1", "closed"),
    ("a later rule that allows does not undo it", access("-0.0.0.0/0", "+192.0.2.1/32"), "192.0.2.1", "closed"),
    ("an IPv4 client that is mapped is that client", access("+192.0.2.1/32"), "::ffff:192.0.2.1", "open"),
    ("no IPv4 rule speaks of IPv6", access("-0.0.0.0/0"), "2001:db8::1", "open"),
    ("IPv6 networks are networks", access("+2001:db8::/32"), "2001:db8::1", "open"),
    ("a client without an address is nobody's network", access("+0.0.0.0/0"), "", "closed"),
    ("a list that is off lets nobody in", access(enabled=False), "192.0.2.1", "closed"),
    ("a list with logins alone asks everybody", access(logins=LOGIN), "192.0.2.1", "sign-in"),
    ("all: whoever is let in still signs in", access("+192.0.2.0/24", logins=LOGIN), "192.0.2.1", "sign-in"),
    ("all: nobody else may try", access("+192.0.2.0/24", logins=LOGIN), "198.51.100.1", "closed"),
    ("any: an address is enough", access("+192.0.2.0/24", logins=LOGIN, satisfy_any=True), "192.0.2.1", "open"),
    ("any: others sign in", access("+192.0.2.0/24", logins=LOGIN, satisfy_any=True), "198.51.100.1", "sign-in"),
    ("any, without rules, asks everybody", access(logins=LOGIN, satisfy_any=True), "192.0.2.1", "sign-in"),
    ("off counts before any login", access(logins=LOGIN, enabled=False), "192.0.2.1", "closed"),
)


class EntryTests(SynchronousTestCase):
    def test_each_client_gets_its_verdict(self) -> None:
        for sentence, given, address, verdict in TABLE:
            self.assertEqual(entry(given, address), verdict, sentence)
