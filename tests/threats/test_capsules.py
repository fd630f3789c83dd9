"""What no honest client of CONNECT-UDP sends: it costs its own flow, moves nothing, and holds nobody up."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from h2.errors import ErrorCodes
from twisted.trial.unittest import SynchronousTestCase

from meshd.masque.capsules import LONGEST, LONGEST_PAYLOAD, datagram, integer
from tests.support.daemon import LiveDaemon, until
from tests.support.http2 import Header, Session, basic
from tests.support.masque import UdpEchoes, UdpStream, UdpTunnel, path_to

BAD = {
    "a DATAGRAM without a context": b"\x00\x00",
    "a context that does not fit": b"\x00\x01\xc0",
    "more than UDP carries": b"\x00" + integer(LONGEST_PAYLOAD + 2) + bytes(LONGEST_PAYLOAD + 2),
    "a capsule that is too long": b"\x00" + integer(LONGEST + 1),
    "a capsule of 4 EiB": b"\x00" + b"\xff" * 8,
    "another type, of 4 EiB": b"\x2a" + b"\xff" * 8,
}

daemon: LiveDaemon
origin: UdpEchoes


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon(config="[udp]\non = true\n[timeouts]\nudp_idle = 3600\n")
    origin = UdpEchoes()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


class HostileTests(SynchronousTestCase):
    def setUp(self) -> None:
        origin.came.clear()
        self.path = path_to("127.0.0.1", origin.port)

    def customer(self) -> tuple[str, Header]:
        name = f"u{len(daemon.totals())}"
        return name, basic(name, daemon.account(name))

    def tunnel(self, credential: Header) -> UdpTunnel:
        tunnel = UdpTunnel(daemon, self.path, credential)
        self.addCleanup(tunnel.close)
        return tunnel

    def line(self, name: str) -> dict[str, Any]:
        found = until(lambda: [line for line in daemon.exchanges() if line["username"] == name], "a line")
        return found[-1]

    def test_bad_capsules(self) -> None:
        """End the flow, at once and not as a proper end, and what stands behind them is nothing any more."""
        _, honest = self.customer()
        beside = self.tunnel(honest)
        for title, data in BAD.items():
            with self.subTest(title):
                name, credential = self.customer()
                tunnel = self.tunnel(credential)
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    tunnel.sock.sendall(data + datagram(b"smuggled"))
                self.assertFalse(tunnel.until_gone())
                line = self.line(name)
                self.assertEqual(line["reason"], "bad-request")
                self.assertTrue(line["detail"])
                self.assertEqual(beside.asked(b"on"), b"on")
        self.assertNotIn(b"smuggled", origin.came)

    def test_bad_capsules_of_a_stream(self) -> None:
        """Reset that stream alone."""
        session = Session(daemon)
        self.addCleanup(session.close)
        _, credential = self.customer()
        beside = UdpStream(session, self.path, credential)
        for title, data in BAD.items():
            with self.subTest(title):
                stream = UdpStream(session, self.path, credential)
                session.send(stream.number, data)
                self.assertEqual(session.answer(stream.number).reset, ErrorCodes.CONNECT_ERROR)
                self.assertEqual(beside.asked(b"on"), b"on")

    def test_what_is_dropped(self) -> None:
        """Other types and contexts go nowhere, are not paid, and keep no flow open."""
        soon = LiveDaemon(self, "[udp]\non = true\n[timeouts]\nudp_idle = 3\n")
        credential = basic("anna", soon.account("anna"))
        tunnel = UdpTunnel(soon, self.path, credential)
        self.addCleanup(tunnel.close)
        self.assertEqual(tunnel.asked(b"on"), b"on")
        junk = b"\x17" + integer(LONGEST) + bytes(LONGEST) + b"\x00\x05\x02abcd"
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # until it is ended
            while tunnel.receive(0.1) is None and not tunnel.over:
                tunnel.sock.sendall(junk)
        (line,) = until(soon.exchanges, "a line")
        self.assertEqual(line["reason"], "")
        self.assertLess(line["up"] + line["down"], 1000)
        self.assertEqual(origin.came, [b"on"])

    def test_nothing_over_and_over(self) -> None:
        """Capsules that carry nothing are paid by nobody: more than a few hundred of them end the flow."""
        _, honest = self.customer()
        beside = self.tunnel(honest)
        session = Session(daemon)
        self.addCleanup(session.close)
        for empty in (b"\x17\x00", b"\x00\x01\x02"):
            name, credential = self.customer()
            tunnel = self.tunnel(credential)
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                tunnel.sock.sendall(empty * 1000)
            self.assertFalse(tunnel.until_gone())
            self.assertEqual(self.line(name)["reason"], "bad-request")
            stream = UdpStream(session, self.path, credential)
            session.send(stream.number, empty * 1000)
            self.assertEqual(session.answer(stream.number).reset, ErrorCodes.CONNECT_ERROR)
            self.assertEqual(beside.asked(b"on"), b"on")

    def test_a_datagram_in_pieces(self) -> None:
        """Byte by byte it arrives whole; cut off it does not, and that is said."""
        name, credential = self.customer()
        tunnel = self.tunnel(credential)
        for byte in datagram(b"in pieces"):
            tunnel.sock.sendall(bytes([byte]))
        self.assertEqual(tunnel.receive(), b"in pieces")
        tunnel.sock.sendall(datagram(b"cut off")[:-1])
        tunnel.sock.close()
        self.assertEqual(self.line(name)["reason"], "client-gone")
        self.assertEqual(origin.came, [b"in pieces"])

    def test_what_follows_a_refusal(self) -> None:
        """Is no request, whatever it looks like (RFC 9931): the connection ends with the answer."""
        _, credential = self.customer()
        behind = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\n%b: %b\r\n\r\n" % credential
        for target, fields, token, status in (
            (self.path, (), b"connect-udp", 407),
            (self.path, (credential,), b"connect-ip", 501),
            (self.path[:-1], (credential,), b"connect-udp", 400),
            (path_to("10.1.2.3", 443), (credential,), b"connect-udp", 403),
        ):
            with UdpTunnel(daemon, target, *fields, token=token, behind=behind) as tunnel:
                self.assertEqual(tunnel.status, status)
                tunnel.until_gone()
                self.assertNotIn(b"account", tunnel.rest)
