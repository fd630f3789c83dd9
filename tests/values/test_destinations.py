"""Destination rules: what they match."""

from __future__ import annotations

from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.destinations import Level, Ports, level
from meshd.values.rules import Rules


def of(kind: str, *entries: str) -> Level:
    return level("acl-account", Rules(kind, entries).render())  # type: ignore[arg-type]


class NamesTest(SynchronousTestCase):
    def test_what_a_name_covers(self) -> None:
        """A name with everything under it; `*.name` only what is under it; nothing that merely ends alike."""
        for entry, host, port, covered in (
            ("example.com", "example.com", 443, True),
            ("example.com", "a.b.example.com", 443, True),
            ("example.com", "badexample.com", 443, False),
            ("example.com", "com", 443, False),
            ("example.com", "example.com.evil.test", 443, False),
            ("*.example.com", "example.com", 443, False),
            ("*.example.com", "a.example.com", 443, True),
            ("*.example.com", "a.b.example.com", 443, True),
            ("example.com:443", "example.com", 443, True),
            ("example.com:443", "example.com", 80, False),
            ("example.com:80-89", "a.example.com", 89, True),
            ("example.com:80-89", "a.example.com", 90, False),
            ("*:25", "mail.example.com", 25, True),
            ("*:25", "192.0.2.1", 25, True),
            ("*:25", "mail.example.com", 26, False),
            ("*", "2001:db8::1", 1, True),
        ):
            self.assertIs(of("only", entry).name(host, port), covered, (entry, host, port))
            self.assertIs(of("except", entry).name(host, port), not covered, (entry, host, port))

    def test_an_entry_for_a_name_does_not_hide_one_above_it(self) -> None:
        """Each entry counts, whatever the others' ports are."""
        rules = of("only", "a.example.com:80", "example.com:443", "*.a.example.com:22")
        asked = ("a.example.com", 80), ("a.example.com", 443), ("a.example.com", 22), ("b.a.example.com", 22)
        self.assertEqual([rules.name(*each) for each in asked], [True, True, False, True])

    def test_where_a_list_has_networks_the_addresses_decide(self) -> None:
        """Of what no name covers."""
        only, but = of("only", "example.com", "192.0.2.0/24"), of("except", "example.com", "192.0.2.0/24")
        self.assertEqual([only.name("example.com", 80), only.name("example.net", 80)], [True, None])
        self.assertEqual([but.name("example.com", 80), but.name("example.net", 80)], [False, None])
        self.assertEqual([only.unseen(), but.unseen()], [False, True])


class AddressesTest(SynchronousTestCase):
    def test_networks(self) -> None:
        """By address and port; of several addresses one that is refused is enough."""
        for kind, entry, addresses, port, passes in (
            ("only", "192.0.2.0/24", ("192.0.2.7",), 80, True),
            ("only", "192.0.2.0/24", ("192.0.3.7",), 80, False),
            ("only", "192.0.2.0/24", ("192.0.2.7", "192.0.3.7"), 80, False),
            ("only", "192.0.2.7:443", ("192.0.2.7",), 80, False),
            ("only", "2001:db8::/32", ("2001:db8:5::1",), 80, True),
            ("only", "0.0.0.0/0", ("2001:db8:5::1",), 80, False),
            ("except", "192.0.2.0/24", ("192.0.2.7",), 80, False),
            ("except", "192.0.2.0/24", ("192.0.3.7", "192.0.2.7"), 80, False),
            ("except", "192.0.2.0/24", ("192.0.3.7",), 80, True),
            ("except", "[2001:db8::1]:25", ("2001:db8::1",), 80, True),
            ("except", "[2001:db8::1]:25", ("2001:db8::1",), 25, False),
        ):
            found = of(kind, entry).addresses([ip_address(each) for each in addresses], port)
            self.assertIs(found, passes, (kind, entry, addresses, port))


class PortsTest(SynchronousTestCase):
    def test_ranges_that_meet_or_overlap(self) -> None:
        """Are one set."""
        ports = Ports([(80, 89), (85, 100), (101, 101), (443, 443)])
        self.assertEqual([port for port in range(1, 500) if port in ports], [*range(80, 102), 443])
        self.assertNotIn(80, Ports([]))
