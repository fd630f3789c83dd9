"""How addresses, names and places are read and written, as tables."""

from __future__ import annotations

from ipaddress import ip_address

from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from meshd.values.addresses import (
    ends_in_number,
    is_name,
    is_place,
    join_host,
    parse_ip,
    peer_address,
    peer_host,
    read_port,
    split_host,
    unmapped,
)

NAMES = {
    "localhost": True,
    "a.example": True,
    "A-b.xn--bcher-kva.Example": True,
    "_dmarc.a.example": True,
    "127.0.0.1": True,  # which is an address too: see ends_in_number
    "a" * 63 + ".example": True,
    ".".join(["a" * 49] * 5): True,
    "": False,
    ".": False,
    "a.example.": False,
    "a..example": False,
    "-a.example": False,
    "a-.example": False,
    "a" * 64 + ".example": False,
    ".".join(["a" * 50] * 5): False,
    "bücher.example": False,
    "a.example\n": False,
    "a b": False,
    "[::1]": False,
}

NUMBERS = {
    "1": True,
    "127.1": True,
    "127.0.0.1": True,
    "a.example.09": True,
    "0x7f000001": True,
    "a.0x": True,
    "a1": False,
    "1.a": False,
    "a.0xg": False,
    "a.\u0661": False,
    "1\n": False,
}

PLACES = {
    "a.example:80": ("a.example", 80),
    "127.0.0.1:65535": ("127.0.0.1", 65535),
    "[::1]:1": ("::1", 1),
    "[2001:DB8:0::1]:1080": ("2001:db8::1", 1080),
    ":1": ("", 1),
}

NO_PLACES = {
    "": "it is no host:port, with an IPv6 address in brackets",
    "a.example": "it is no host:port, with an IPv6 address in brackets",
    "::1:80": "it is no host:port, with an IPv6 address in brackets",
    "a:123456": "it is no host:port, with an IPv6 address in brackets",
    "a:80\n": "it is no host:port, with an IPv6 address in brackets",
    "a:\u0668\u0660": "it is no host:port, with an IPv6 address in brackets",
    "[127.0.0.1]:80": "what stands in its brackets is no IPv6 address",
    "[]:80": "what stands in its brackets is no IPv6 address",
    "a:0": "a port is a number from 1 to 65535",
    "a:65536": "a port is a number from 1 to 65535",
}

PEERS: dict[object, str] = {
    ("192.0.2.1", 1): "192.0.2.1",
    ("::ffff:192.0.2.1", 1, 0, 0): "192.0.2.1",
    ("2001:db8::1", 1, 0, 0): "2001:db8::1",
    ("fe80::1%eth0", 1, 0, 2): "fe80::1",
    "": "",
    b"\0abstract": "",
}


class AddressTests(SynchronousTestCase):
    def test_names(self) -> None:
        """Of hosts, as the DNS has them."""
        self.assertEqual({text: is_name(text) for text in NAMES}, NAMES)

    def test_numbers(self) -> None:
        """What a browser would take for an IPv4 address."""
        self.assertEqual({text: ends_in_number(text) is not None for text in NUMBERS}, NUMBERS)

    def test_places(self) -> None:
        """Read, and written again in their one spelling."""
        for text, place in PLACES.items():
            self.assertEqual((split_host(text), is_place(text)), (place, True))
            self.assertEqual(split_host(join_host(*place)), place)

    def test_what_is_no_place(self) -> None:
        """Refused with a reason that has nothing of the text: it may be a piece of a password."""
        for text, reason in NO_PLACES.items():
            self.assertEqual(str(self.assertRaises(ValueError, split_host, text)), reason, text)
        self.assertRaises(ValueError, read_port, "8 ")

    def test_addresses(self) -> None:
        """In text or none; one that is mapped is the IPv4 one."""
        self.assertEqual(parse_ip("2001:DB8::1"), ip_address("2001:db8::1"))
        for text in ("", "a.example", "127.1", "192.0.2.0/24", "192.0.2.1:80", " 192.0.2.1"):
            self.assertIsNone(parse_ip(text), text)
        for text, plain in (("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("::1", "::1")):
            self.assertEqual(str(unmapped(ip_address(text))), plain)

    def test_peers_as_twisted_has_them(self) -> None:
        """In one spelling, however a balancer's header was read."""
        for host, expected in (
            ("192.0.2.1", "192.0.2.1"),
            ("0:0:0:0:0:ffff:c000:201", "192.0.2.1"),
            ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("no address", "no address"),
        ):
            self.assertEqual(peer_host(IPv6Address("TCP", host, 1)), expected)
        self.assertEqual(peer_host(UNIXAddress("/run/meshd")), "")

    def test_peers(self) -> None:
        """As sockets tell them."""
        self.assertEqual({sockaddr: peer_address(sockaddr) for sockaddr in PEERS}, PEERS)
