"""What a database of places says of an exit, and what the exit's own line leaves of it."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.exits.placing import NOTHING, Found, leaving, placed, read_record
from meshd.topology import Exit, UpstreamProxy
from meshd.values.addresses import Address
from tests.support.places import CITY

BERLIN = Found("DE", "Land Berlin", "Berlin", "10115", "Example Net", 64500)

RECORDS: list[tuple[Any, Found]] = [
    (CITY, Found("DE", "Land Berlin", "Berlin", "10115")),
    ({"country": {"iso_code": None}, "registered_country": {"iso_code": "us"}}, Found("US")),
    ({"country": {}, "registered_country": {"iso_code": "FR"}}, Found("FR")),
    ({"country_code": "jp"}, Found("JP")),
    ({"country_code": "AU", "city": "Sydney", "state1": "New South Wales", "postcode": "2000"},
     Found("AU", "New South Wales", "Sydney", "2000")),
    ({"country": "NL", "asn": "AS1136", "as_name": "KPN"}, Found("NL", isp="KPN", asn=1136)),
    ({"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"},
     Found(isp="Example Net", asn=64500)),
    ({"country": {"iso_code": "Germany"}, "asn": "AS99999999999", "city": "x" * 65}, NOTHING),
    ({"country_code": 49, "city": {"names": ["Berlin"]}, "subdivisions": [], "asn": True, "postal": "1"}, NOTHING),
    ({"city": "two\nlines", "as_name": "  "}, NOTHING),
    (None, NOTHING),
    ("DE", NOTHING),
    ([], NOTHING),
]  # fmt: skip


def proxy(host: str) -> UpstreamProxy:
    return UpstreamProxy(host, 3128)


LEAVING = [
    (Exit("a", "direct"), None),
    (Exit("a", "local", "192.0.2.1"), "192.0.2.1"),
    (Exit("a", "local", prefix=IPv6Network("2001:db8:1::/64")), "2001:db8:1::"),
    (Exit("a", "http", upstream=proxy("192.0.2.2")), "192.0.2.2"),
    (Exit("a", "http", upstream=proxy("::ffff:8.8.8.8")), "8.8.8.8"),
    (Exit("a", "http", upstream=proxy("fe80::1%eth0")), "fe80::1"),
    (Exit("a", "http", "192.0.2.3", upstream=proxy("192.0.2.2")), "192.0.2.3"),
    (Exit("a", "http", upstream=proxy("gw.example")), None),
]

FITTING: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"country", "region", "city", "zip", "isp", "asn"}),
    ({"country": "DE"}, {"region", "city", "zip", "isp", "asn"}),
    ({"country": "FR"}, {"isp", "asn"}),
    ({"city": "BERLIN"}, {"country", "region", "zip", "isp", "asn"}),
    ({"city": "Potsdam"}, {"country", "isp", "asn"}),
    ({"region": "Brandenburg"}, {"country", "isp", "asn"}),
    ({"country": "FR", "isp": "Mine", "asn": 1}, set()),
    ({"country": "DE", "region": "land berlin", "city": "Berlin", "zip": "1", "isp": "x", "asn": 1}, set()),
]


class PlacingTests(SynchronousTestCase):
    def test_records(self) -> None:
        """Of MaxMind's form and of flat ones; what makes no sense is nothing."""
        for record, found in RECORDS:
            self.assertEqual(read_record(record), found, record)

    def test_the_address_that_is_looked_up(self) -> None:
        """Where origins see requests come from, as far as it is known; a mapped one as IPv4."""
        for exit_, address in LEAVING:
            found = leaving(exit_)
            self.assertEqual(found and str(found), address, exit_)

    def test_what_a_line_says_wins(self) -> None:
        """And of the database only what does not contradict it is taken."""
        for said, taken in FITTING:
            exit_ = Exit("a", "local", "192.0.2.1", **said)
            made = placed(exit_, lambda _: BERLIN)
            self.assertEqual(made.found, taken, said)
            for key, value in BERLIN._asdict().items():
                self.assertEqual(getattr(made, key), value if key in taken else getattr(exit_, key), (said, key))

    def test_an_exit_of_which_nothing_is_known_is_the_very_same(self) -> None:
        """So it keeps all that is known of how it does; nothing is looked up where there is no address."""
        asked: list[Address] = []

        def nothing(address: Address) -> Found:
            asked.append(address)
            return NOTHING

        for exit_ in (Exit("a", "direct"), Exit("a", "local", "192.0.2.1")):
            self.assertIs(placed(exit_, nothing), exit_)
        self.assertEqual(list(map(str, asked)), ["192.0.2.1"])

    def test_two_databases(self) -> None:
        """The first that says something counts, and no place is put together of two countries."""
        self.assertEqual(Found("DE").over(BERLIN), BERLIN)
        self.assertEqual(Found("FR").over(BERLIN), Found("FR", isp="Example Net", asn=64500))
        self.assertEqual(Found(asn=7).over(BERLIN), BERLIN._replace(asn=7))
        self.assertEqual(BERLIN.over(NOTHING), BERLIN)
