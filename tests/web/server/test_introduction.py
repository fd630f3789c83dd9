from __future__ import annotations

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from meshd.values.addresses import peer_host
from meshd.web.server.introduction import Introduced, IntroducedFactory
from tests.web.support import named

BALANCER = IPv4Address("TCP", "10.0.0.7", 40000)
SECOND = b"\r\n\r\n\x00\r\nQUIT\n"
ENDS = b"\xc6\x33\x64\x09\xc0\x00\x02\x02\xc3\x50\x01\xbb"

NAMED = {
    "an IPv4 address": (b"PROXY TCP4 198.51.100.9 192.0.2.2 50000 443\r\n", "198.51.100.9"),
    "an IPv6 address": (b"PROXY TCP6 2001:DB8::9 2001:db8::2 50000 443\r\n", "2001:db8::9"),
    "an IPv4 address as IPv6 has it": (b"PROXY TCP6 ::ffff:198.51.100.9 2001:db8::2 50000 443\r\n", "198.51.100.9"),
    "version 2": (SECOND + b"\x21\x11\x00\x0c" + ENDS, "198.51.100.9"),
    "nobody": (b"PROXY UNKNOWN\r\n", ""),
    "nobody, with addresses": (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
    "nobody, version 2": (SECOND + b"\x20\x00\x00\x00", ""),
    "the balancer itself": (b"PROXY TCP4 10.0.0.7 192.0.2.2 50000 443\r\n", ""),
}
"""A header, and the client's address that it tells: "" where the connection is the balancer's own."""

REFUSED = {
    "no header": b"GET / HTTP/1.1\r\n",
    "TLS": b"\x16\x03\x01",
    "no name": b"PROXY TCP4 host 192.0.2.2 50000 443\r\n",
    "a line without end": b"PROXY UNKNOWN " + bytes(200),
}


class Server(Protocol):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.got = b""

    def dataReceived(self, data: bytes) -> None:
        self.got += data


class IntroductionTests(SynchronousTestCase):
    def begun(self, peer: object = BALANCER) -> tuple[Introduced, StringTransport]:
        built = IntroducedFactory(Factory.forProtocol(Server)).buildProtocol(BALANCER)
        assert isinstance(built, Introduced)
        transport = StringTransport(peerAddress=peer)  # type: ignore[arg-type]
        built.makeConnection(transport)
        return built, transport

    def test_who_the_client_is(self) -> None:
        """The whole header with the first bytes behind it, and a byte at a time."""
        for what, (header, client) in NAMED.items():
            for size in (1000, 1):
                with named(f"{what}, {size} at a time"):
                    made, transport = self.begun()
                    sent = header + b"hello"
                    for at in range(0, len(sent), size):
                        made.dataReceived(sent[at : at + size])
                    made.dataReceived(b", you")
                    self.assertEqual(made.wrappedProtocol.got, b"hello, you")
                    self.assertEqual(made.named, client)
                    self.assertEqual(peer_host(made.wrappedProtocol.transport.getPeer()), client or "10.0.0.7")
                    self.assertFalse(transport.disconnected)

    def test_what_is_refused(self) -> None:
        for what, sent in REFUSED.items():
            with named(what):
                made, transport = self.begun()
                made.dataReceived(sent)
                self.assertTrue(transport.disconnected)
                made.dataReceived(NAMED["nobody"][0] + b"hello")
                self.assertEqual(made.wrappedProtocol.got, b"")

    def test_a_balancer_at_a_unix_socket(self) -> None:
        made, _ = self.begun(UNIXAddress(None))
        made.dataReceived(NAMED["an IPv4 address"][0])
        self.assertEqual((made.named, peer_host(made.getPeer())), ("198.51.100.9", "198.51.100.9"))
