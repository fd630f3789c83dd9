"""Where a request may go, judged on addresses."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.destinations import Judge, port_allowed
from meshd.topology import DestinationRules, Opening
from meshd.values.internet import unwrap

REFUSED = {
    "loopback": "127.0.0.1",
    "the far end of loopback": "127.255.255.254",
    "this network": "0.0.0.0",
    "all of 0/8": "0.1.2.3",
    "private, class A": "10.0.0.1",
    "private, class B": "172.16.0.1",
    "the end of private class B": "172.31.255.255",
    "private, class C": "192.168.1.1",
    "carrier-grade NAT": "100.64.0.1",
    "a cloud's metadata in CGNAT": "100.100.100.200",
    "metadata": "169.254.169.254",
    "link-local": "169.254.0.1",
    "protocol assignments": "192.0.0.192",
    "documentation": "192.0.2.1",
    "benchmarks": "198.18.0.1",
    "6to4 relay": "192.88.99.1",
    "multicast": "224.0.0.251",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified v6": "::",
    "loopback v6": "::1",
    "IPv4-compatible": "::7f00:1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped metadata": "::ffff:a9fe:a9fe",
    "translated (SIIT) private": "::ffff:0:10.0.0.1",
    "NAT64 of loopback": "64:ff9b::127.0.0.1",
    "NAT64 of a private address": "64:ff9b::a00:1",
    "local NAT64": "64:ff9b:1::1",
    "6to4 of loopback": "2002:7f00:1::1",
    "6to4 of a private address": "2002:c0a8:101::",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "documentation v6": "2001:db8::1",
    "the newer documentation v6": "3fff::1",
    "discard": "100::1",
    "unique local": "fd00:ec2::254",
    "link-local v6": "fe80::1",
    "link-local v6 with a zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast v6": "ff02::1",
}

PASSES = {
    "a public address": "93.184.216.34",
    "the one before private class B": "172.15.255.255",
    "the one after private class B": "172.32.0.0",
    "the one before CGNAT": "100.63.255.255",
    "the one after CGNAT": "100.128.0.0",
    "the one before multicast": "223.255.255.255",
    "a public v6": "2606:2800:220:1:248:1893:25c8:1946",
    "IPv4-mapped public": "::ffff:93.184.216.34",
    "NAT64 of a public address": "64:ff9b::5db8:d822",
    "6to4 of a public address": "2002:5db8:d822::1",
}


def opened(*texts: str, port: int = 0) -> DestinationRules:
    return DestinationRules(allow=tuple(Opening(ip_network(text), port) for text in texts))


class AddressesTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.judge = Judge(DestinationRules())

    def test_refused(self) -> None:
        """Every class of address that is not the public Internet is refused, and with that reason."""
        for what, address in REFUSED.items():
            refusal = self.judge.addresses((address,), 80)
            self.assertEqual(getattr(refusal, "reason", None), "acl-private", what)

    def test_passes(self) -> None:
        """The public Internet is open up to the very edges of what is refused."""
        for what, address in PASSES.items():
            self.assertIsNone(self.judge.addresses((address,), 80), what)

    def test_one_bad_address_refuses_the_name(self) -> None:
        """A name with a public and a private address is refused, wherever the private one stands."""
        for addresses in (("93.184.216.34", "10.0.0.1"), ("10.0.0.1", "93.184.216.34"), ("1.1.1.1", "2.2.2.2", "::1")):
            self.assertEqual(self.judge.addresses(addresses, 80).reason, "acl-private", addresses)

    def test_again(self) -> None:
        """A remembered verdict is the same verdict, and one of another port another."""
        for _ in range(2):
            self.assertEqual(self.judge.addresses(("127.0.0.1",), 80).reason, "acl-private")
            self.assertIsNone(self.judge.addresses(("1.1.1.1",), 80))
            self.assertEqual(self.judge.addresses(("1.1.1.1",), 25).reason, "acl-port")

    def test_memory_is_bounded(self) -> None:
        """Ten thousand addresses do not stay, and those judged after them are judged as well."""
        for number in range(10_000):
            self.judge.addresses((f"9.{number >> 16}.{number >> 8 & 255}.{number & 255}",), 80)
        self.assertLessEqual(len(self.judge._verdicts), 4096)
        self.assertEqual(self.judge.addresses(("10.9.9.9",), 80).reason, "acl-private")


class OpeningsTest(SynchronousTestCase):
    def test_range(self) -> None:
        """An opened range passes on the ports that are open anyway, and nothing beside it does."""
        judge = Judge(opened("10.1.0.0/16", "fd00::/8"))
        self.assertIsNone(judge.addresses(("10.1.2.3",), 80))
        self.assertIsNone(judge.addresses(("fd00::1",), 443))
        self.assertEqual(judge.addresses(("10.2.0.1",), 80).reason, "acl-private")
        self.assertEqual(judge.addresses(("10.1.2.3",), 22).reason, "acl-port")

    def test_mapped_spelling_of_an_opened_range(self) -> None:
        """What is opened is opened in its IPv4-mapped form too, since that is where the packets go."""
        self.assertIsNone(Judge(opened("10.1.0.0/16")).addresses(("::ffff:10.1.0.9",), 80))

    def test_address_and_port(self) -> None:
        """A named port opens that port alone, even one that the port rules refuse."""
        judge = Judge(opened("127.0.0.1/32", port=25))
        self.assertIsNone(judge.name("127.0.0.1", 25))
        self.assertIsNone(judge.addresses(("127.0.0.1",), 25))
        self.assertEqual(judge.addresses(("127.0.0.1",), 80).reason, "acl-private")

    def test_named_port_does_not_open_it_elsewhere(self) -> None:
        """Port 25 of one address says nothing of port 25 of any other."""
        judge = Judge(opened("127.0.0.1/32", port=25))
        self.assertEqual(judge.addresses(("1.1.1.1",), 25).reason, "acl-port")

    def test_one_address_opened_one_not(self) -> None:
        """A name is refused if one of its addresses is not opened."""
        judge = Judge(opened("10.1.0.0/16"))
        self.assertEqual(judge.addresses(("10.1.0.1", "10.2.0.1"), 80).reason, "acl-private")


class PortsTest(SynchronousTestCase):
    def test_default_ports(self) -> None:
        """80, 443 and those from 1024 on are open, without IRC's."""
        open_, shut = (80, 443, 1024, 6659, 6670, 6698, 8080, 65535), (1, 22, 25, 79, 81, 442, 1023, 6660, 6669, 6697)
        for port in open_:
            self.assertTrue(port_allowed(port, DestinationRules()), port)
        for port in shut:
            self.assertFalse(port_allowed(port, DestinationRules()), port)

    def test_reason(self) -> None:
        """A refused port is named, before any name is resolved."""
        refusal = Judge(DestinationRules()).name("example.com", 25)
        self.assertEqual((refusal.reason, refusal.detail), ("acl-port", "port 25"))


class NamesTest(SynchronousTestCase):
    def test_denied_hosts(self) -> None:
        """A denied name is refused with everything under it, and nothing that only looks like it."""
        judge = Judge(DestinationRules(deny_hosts=frozenset({"bad.example"})))
        for host in ("bad.example", "www.bad.example", "a.b.bad.example"):
            self.assertEqual(judge.name(host, 80).reason, "acl-host", host)
        for host in ("notbad.example", "bad.example.org", "example"):
            self.assertIsNone(judge.name(host, 80), host)


ELSEWHERE = {
    "a name": ("origin.example", 443, ""),
    "a name that begins with a number": ("127.example", 443, ""),
    "a public address": ("93.184.216.34", 443, ""),
    "a private address": ("10.0.0.1", 443, "acl-private"),
    "loopback v6": ("::1", 443, "acl-private"),
    "one number": ("2130706433", 443, "acl-private"),
    "one number that is a public address": ("1572395042", 443, "acl-private"),
    "two parts": ("127.1", 443, "acl-private"),
    "hexadecimal": ("0x7f.1", 443, "acl-private"),
    "octal": ("0177.0.0.1", 443, "acl-private"),
    "a leading zero": ("010.0.0.1", 443, "acl-private"),
    "a name that ends in a number": ("origin.1", 443, "acl-private"),
    "localhost": ("localhost", 443, "acl-private"),
    "a name under localhost": ("a.localhost", 443, "acl-private"),
    "a name that only looks like it": ("notlocalhost", 443, ""),
    "a port that is open for one address, of a name": ("mail.example", 25, "acl-port"),
    "a port that is open for one address, of another": ("93.184.216.34", 25, "acl-port"),
    "a port that is open for one address, of that one": ("10.0.0.5", 25, ""),
}
"""Host, port, and why not."""


class ElsewhereTest(SynchronousTestCase):
    def test_what_an_upstream_proxy_is_not_asked_for(self) -> None:
        """Whatever is an address in any spelling, or this host, and names on ports that only addresses are open on."""
        judge = Judge(opened("10.0.0.5/32", port=25))
        for what, (host, port, reason) in ELSEWHERE.items():
            self.assertEqual(getattr(judge.elsewhere(host, port), "reason", ""), reason, what)

    def test_what_is_opened(self) -> None:
        """Addresses in their usual spelling, and localhost where all that it means is opened."""
        judge = Judge(opened("127.0.0.0/8", "::1/128"))
        for host in ("127.0.0.1", "::1", "localhost"):
            self.assertIsNone(judge.elsewhere(host, 80), host)
        self.assertEqual(judge.elsewhere("127.1", 80).reason, "acl-private")
        self.assertEqual(Judge(opened("127.0.0.0/8")).elsewhere("localhost", 80).reason, "acl-private")


class UnwrapTest(SynchronousTestCase):
    def test_what_is_inside(self) -> None:
        """Every form that carries an IPv4 address gives it up, and no other changes."""
        for text, inside in (
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("64:ff9b::102:304", "1.2.3.4"),
            ("2002:102:304::", "1.2.3.4"),
            ("::ffff:0:102:304", "1.2.3.4"),
            ("1.2.3.4", "1.2.3.4"),
            ("2606::1", "2606::1"),
        ):
            self.assertEqual(str(unwrap(ip_address(text))), inside, text)
