from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meshd.tls.selfsigned import ensure_certificate
from meshd.tls.server import ReloadableTLS
from meshd.web.api.answers import EVERY_ANSWER
from meshd.web.server.front import TLSFront
from tests.web.support import NOON, World, named, read_answer, read_answers

REDIRECTED = {
    "to the same host and port": (
        b"GET /api/proxies/ HTTP/1.1\r\nHost: mesh.example:8443\r\n\r\n",
        "https://mesh.example:8443/api/proxies/",
    ),
    "with the query": (b"GET /a?b=c&d=%20 HTTP/1.1\r\nHost: h:1\r\n\r\n", "https://h:1/a?b=c&d=%20"),
    "without a port": (b"GET / HTTP/1.1\r\nHost: mesh.example\r\n\r\n", "https://mesh.example/"),
    "to an IPv6 address": (b"GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", "https://[::1]:8443/"),
    "from HTTP/1.0 with a Host": (b"GET / HTTP/1.0\r\nHost: h\r\n\r\n", "https://h/"),
    "a POST too": (b"POST /x/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b", "https://h/x/"),
    "the absolute form": (b"GET http://h:8443/x HTTP/1.1\r\nHost: h:8443\r\n\r\n", "https://h:8443/x"),
    "with wrong credentials": (b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic eDp5\r\n\r\n", "https://h/"),
}

REFUSED = {
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a Host with a path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a Host with a user": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    "a Host with a blank": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "an empty Host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a port of six digits": (b"GET / HTTP/1.1\r\nHost: a:100000\r\n\r\n", 400),
    "a line break in disguise": (b"GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a proxy's request": (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400),
    "the asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "letters that are no HTTP": (b"EHLO example.com\r\n\r\n", 400),
    "a head of 40,000 bytes": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: %s\r\n" % (b"a" * 8000) * 5, 431),
    "a request line of 17,000 bytes": (b"GET /" + b"a" * 17_000, 414),
}


class FrontTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.world = World(os.path.join(folder, "store"))
        self.clock = self.world.clock
        pair = folder / "cert.pem", folder / "key.pem"
        ensure_certificate(*pair, hostname="test", now=NOON)
        self.factory = TLSFront(self.clock, self.world.site, ReloadableTLS(*pair))

    def connect(self) -> StringTransport:
        transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 4000))
        front = self.factory.buildProtocol(None)
        front.makeConnection(transport)
        self.front = front
        return transport

    def test_a_plain_request_is_redirected(self) -> None:
        """contract.md, 3: 302 to HTTPS, without looking at credentials."""
        for sentence, (data, location) in REDIRECTED.items():
            with named(sentence):
                transport = self.connect()
                self.front.dataReceived(data)
                answer = read_answer(transport.value())
                self.assertEqual((answer.status, answer.one("Location")), (302, location))
                for name in ("Date", *(name for name, _ in EVERY_ANSWER)):
                    self.assertEqual(len(answer.all(name)), 1, name)
        self.assertEqual(self.world.door.asked, [])

    def test_byte_by_byte_it_is_the_same(self) -> None:
        """The first byte decides, and the head is waited for."""
        for sentence, (data, location) in REDIRECTED.items():
            with named(sentence):
                transport = self.connect()
                for byte in data:
                    self.front.dataReceived(bytes([byte]))
                self.assertEqual(read_answer(transport.value()).one("Location"), location)

    def test_what_cannot_be_redirected_is_refused(self) -> None:
        """Nothing of a bad Host gets into a Location, and no head is read for ever."""
        for sentence, (data, status) in REFUSED.items():
            with named(sentence):
                transport = self.connect()
                self.front.dataReceived(data)
                answer = read_answer(transport.value())
                self.assertEqual((answer.status, answer.all("Location")), (status, []))

    def test_a_head_is_told_no_body(self) -> None:
        """RFC 9110, 9.3.2: neither where it is redirected, nor where it is refused."""
        for data, status in ((b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 302), *REFUSED.values()):
            method, blank, rest = data.partition(b" ")
            if method == b"GET":
                with named(data):
                    transport = self.connect()
                    self.front.dataReceived(b"HEAD" + blank + rest)
                    (answer,) = read_answers(transport.value(), bodiless=True)
                    self.assertEqual(answer.status, status)

    def test_what_is_neither_is_cut(self) -> None:
        """An answer in HTTP would be noise to whatever that is."""
        for data in (b"\x80\x2e\x01", b"\x00", b"ssh-2.0", b"\x15\x03\x01"):
            with named(data):
                transport = self.connect()
                self.front.dataReceived(data)
                self.assertTrue(transport.disconnected)
                self.assertEqual(transport.value(), b"")

    def test_a_request_without_a_body_is_closed_at_once_and_one_with_a_body_later(self) -> None:
        """A client that still sends must be able to read the answer before the connection goes."""
        transport = self.connect()
        self.front.dataReceived(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertTrue(transport.disconnecting)
        transport = self.connect()
        self.front.dataReceived(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
        self.assertFalse(transport.disconnecting)
        self.front.dataReceived(b"123456789")
        self.clock.advance(2)
        self.assertTrue(transport.disconnecting)

    def test_a_client_that_says_nothing_or_half_a_head_is_cut(self) -> None:
        """Before the first byte too there is a deadline."""
        for data in (b"", b"GET / HT"):
            with named(data):
                transport = self.connect()
                if data:
                    self.front.dataReceived(data)
                self.clock.advance(9.9)
                self.assertFalse(transport.disconnected)
                self.clock.advance(0.2)
                self.assertTrue(transport.disconnected)

    def test_a_handshake_that_does_not_go_on_is_cut(self) -> None:
        """The deadline of a head includes the handshake before it."""
        transport = self.connect()
        self.front.dataReceived(b"\x16\x03\x01\x02\x00")
        self.clock.advance(11)
        self.assertTrue(transport.disconnected)

    def test_connections_that_never_speak_count_at_the_gate(self) -> None:
        """Twenty from one address; the next is cut, and one that ends makes room."""
        fronts = []
        for _ in range(20):
            self.assertFalse(self.connect().disconnected)
            fronts.append(self.front)
        self.assertTrue(self.connect().disconnected)
        fronts[0].connectionLost(Failure(ConnectionLost()))
        self.assertFalse(self.connect().disconnected)

    def test_nothing_is_left_behind(self) -> None:
        """In whatever state a connection ends."""
        for data in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01", b"?"):
            self.connect()
            if data:
                self.front.dataReceived(data)
            self.front.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((len(self.world.site.gate), self.clock.getDelayedCalls()), (0, []))
