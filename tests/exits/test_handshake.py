"""Asking an upstream proxy for a tunnel: what is said, what is understood, and whose fault it is when it is refused."""

from __future__ import annotations

from base64 import b64decode
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.handshake import (
    HEAD_BYTES,
    ConnectHandshake,
    Handshake,
    Refused,
    SocksHandshake,
    authorization,
    handshake,
)
from meshd.proxy.replies import REASONS
from meshd.topology import Exit, UpstreamProxy

OPEN = UpstreamProxy("up.example", 1080)
LOCKED = UpstreamProxy("up.example", 1080, "us-er", "pass:wörd")

CHOSEN_OPEN, CHOSEN_PASSWORD, RIGHT = b"\x05\x00", b"\x05\x02", b"\x01\x00"
CONNECTED = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90"
LONG = ".".join(["a" * 63] * 3 + ["b" * 61])
"""253 characters, as many as a name can have."""


def fed(talk: Handshake, data: bytes, step: int = 0) -> bytes:
    """All that it says, begun and fed in pieces of that size; 0 for all at once."""
    said = talk.begin()
    size = step or len(data) or 1
    for place in range(0, len(data), size):
        if talk.done:
            talk.rest += data[place : place + size]  # as the tunnel's owner does
        else:
            said += talk.feed(data[place : place + size])
    return said


class HandshakeCase(SynchronousTestCase):
    def refused(self, talk: Handshake, data: bytes) -> tuple[str, bool]:
        """The reason and whether it is the upstream proxy's own fault, alike for every way to cut the answer."""
        found = set()
        upstream = talk._upstream if isinstance(talk, SocksHandshake) else LOCKED
        for step in (0, 1, 2, 3):
            again = type(talk)(upstream, "example.com", 443)  # type: ignore[call-arg]
            with self.assertRaises(Refused) as caught:
                fed(again, data, step)
            self.assertFalse(again.done)
            found.add((caught.exception.reason, caught.exception.own_fault))
        (one,) = found
        self.assertIn(one[0], REASONS)
        return one


class ConnectTests(HandshakeCase):
    def test_what_is_asked(self) -> None:
        """The authority twice, and the credential where there is one."""
        self.assertEqual(
            ConnectHandshake(OPEN, "example.com", 443).begin(),
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        )
        for host, authority in (("::1", b"[::1]:80"), ("192.0.2.1", b"192.0.2.1:80"), (LONG, LONG.encode() + b":80")):
            self.assertEqual(
                ConnectHandshake(OPEN, host, 80).begin().split(b"\r\n")[:2],
                [b"CONNECT " + authority + b" HTTP/1.1", b"Host: " + authority],
            )

    def test_the_credential(self) -> None:
        """In UTF-8, in its field, and nowhere else."""
        lines = ConnectHandshake(LOCKED, "example.com", 443).begin().split(b"\r\n")
        self.assertEqual(lines[2], b"Proxy-Authorization: " + authorization(LOCKED))
        self.assertEqual(b64decode(authorization(LOCKED).removeprefix(b"Basic ")).decode(), "us-er:pass:wörd")
        self.assertEqual(authorization(OPEN), b"")
        self.assertNotIn("wörd", repr(LOCKED))

    def test_accepted(self) -> None:
        """By any 2xx, byte by byte; what follows is the destination's."""
        answers = (
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n",
            b"HTTP/1.1 299 \r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"\r\n\nHTTP/1.1 200 OK\nno colon\nX : y\n z\n\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 30_000 + b"\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1  200\tOK \xff\0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        )
        for answer in answers:
            for step in (0, 1, 7):
                for late in (b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 407 No\r\n\r\n"):
                    talk = ConnectHandshake(OPEN, "example.com", 443)
                    self.assertEqual(fed(talk, answer + late, step), talk.begin(), answer)
                    self.assertEqual((talk.done, talk.rest), (True, late), (answer, step))

    def test_not_yet(self) -> None:
        """Neither an unfinished head nor an interim one is an end."""
        for answer in (b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 P\r\n\r\nHTTP"):
            talk = ConnectHandshake(OPEN, "example.com", 443)
            fed(talk, answer, 1)
            self.assertFalse(talk.done, answer)

    def test_refused(self) -> None:
        """What concerns us is the proxy's own fault, all else may be the destination's."""
        for status in (401, 402, 407, 429):
            answer = b"HTTP/1.1 %d No\r\nContent-Length: 3\r\n\r\nno\n" % status
            self.assertEqual(self.refused(ConnectHandshake(LOCKED, "", 1), answer), ("exit-failed", True), status)
        for status in (101, 301, 400, 403, 404, 500, 502, 503, 504):
            answer = b"HTTP/1.1 %d No\r\n\r\n" % status
            self.assertEqual(self.refused(ConnectHandshake(LOCKED, "", 1), answer), ("exit-refused", False), status)

    def test_malformed(self) -> None:
        """What is no HTTP is no proxy."""
        for answer in (
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"\x05\x00\x00\x01\r\n\r\n",
            b"HTTP/1.1 20x OK\r\n\r\n",
            b"HTTP/1.1 200x OK\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * HEAD_BYTES + b"\r\n\r\n",
        ):
            self.assertEqual(self.refused(ConnectHandshake(LOCKED, "", 1), answer), ("exit-failed", True), answer[:30])

    @given(st.binary(max_size=60), st.integers(1, 9))
    def test_any_bytes(self, data: bytes, step: int) -> None:
        """Accepted, refused or awaited, and never anything else."""
        talk = ConnectHandshake(OPEN, "example.com", 443)
        try:
            fed(talk, data, step)
        except Refused as no:
            self.assertIn(no.reason, REASONS)
            self.assertFalse(talk.done)


class SocksTests(HandshakeCase):
    def test_an_open_one(self) -> None:
        """Greeting, request, reply; the name goes there as it is."""
        for step in (0, 1, 3):
            talk = SocksHandshake(OPEN, "example.com", 443)
            said = fed(talk, CHOSEN_OPEN + CONNECTED + b"early", step)
            self.assertEqual(said, b"\x05\x01\x00" + b"\x05\x01\x00\x03\x0bexample.com\x01\xbb")
            self.assertEqual((talk.done, talk.rest), (True, b"early"))

    def test_with_a_password(self) -> None:
        """RFC 1929, in UTF-8; it is said after it was asked for, and only then."""
        talk = SocksHandshake(LOCKED, "example.com", 443)
        self.assertEqual(talk.begin(), b"\x05\x02\x00\x02")
        self.assertEqual(talk.feed(CHOSEN_PASSWORD), b"\x01\x05us-er\x0a" + "pass:wörd".encode())
        self.assertEqual(talk.feed(RIGHT), b"\x05\x01\x00\x03\x0bexample.com\x01\xbb")
        self.assertEqual(talk.feed(CONNECTED), b"")
        self.assertTrue(talk.done)

    def test_a_password_that_is_not_wanted(self) -> None:
        """Then it is not told."""
        said = fed(SocksHandshake(LOCKED, "example.com", 443), CHOSEN_OPEN + CONNECTED)
        self.assertNotIn(b"us-er", said)
        self.assertNotIn(b"w", said)

    def test_addresses(self) -> None:
        """ATYP 1, 3 and 4."""
        for host, address in (
            ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
            ("2001:db8::1", b"\x04" + ip_address("2001:db8::1").packed),
            (LONG, b"\x03\xfd" + LONG.encode()),
            ("1.2.3.x", b"\x03\x071.2.3.x"),
        ):
            talk = SocksHandshake(OPEN, host, 65535)
            talk.begin()
            self.assertEqual(talk.feed(CHOSEN_OPEN), b"\x05\x01\x00" + address + b"\xff\xff", host)

    def test_the_address_in_the_reply(self) -> None:
        """Of any kind and length: what follows it is the destination's."""
        for bound in (b"\x01" + b"\x00" * 4, b"\x04" + b"\x00" * 16, b"\x03\x00", b"\x03\xff" + b"n" * 255):
            for step in (0, 1, 4):
                talk = SocksHandshake(OPEN, "example.com", 443)
                fed(talk, CHOSEN_OPEN + b"\x05\x00\x00" + bound + b"\x00\x50" + b"\x05rest", step)
                self.assertEqual((talk.done, talk.rest), (True, b"\x05rest"), bound[:2])

    def test_not_yet(self) -> None:
        """Up to the last byte of the reply."""
        answer = CHOSEN_PASSWORD + RIGHT + CONNECTED
        for size in range(len(answer)):
            talk = SocksHandshake(LOCKED, "example.com", 443)
            fed(talk, answer[:size])
            self.assertFalse(talk.done, size)

    def test_refused(self) -> None:
        """By REP: the destination's, a rule's, or its own fault."""
        expected = {
            1: ("exit-refused", False),
            2: ("exit-refused", False),
            3: ("unreachable", False),
            4: ("unreachable", False),
            5: ("connection-refused", False),
            6: ("connection-timeout", False),
            7: ("exit-failed", True),
            8: ("exit-refused", False),
            9: ("exit-refused", False),
            255: ("exit-refused", False),
        }
        for reply, outcome in expected.items():
            answer = CHOSEN_OPEN + bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])
            self.assertEqual(self.refused(SocksHandshake(OPEN, "", 1), answer), outcome, reply)

    def test_not_let_in(self) -> None:
        """A wrong password, or a method that we cannot do, whatever the destination."""
        own = ("exit-failed", True)
        self.assertEqual(self.refused(SocksHandshake(LOCKED, "", 1), CHOSEN_PASSWORD + b"\x01\x01"), own)
        self.assertEqual(self.refused(SocksHandshake(OPEN, "", 1), CHOSEN_PASSWORD), own)
        for upstream in (OPEN, LOCKED):
            for chosen in (b"\x05\xff", b"\x05\x01", b"\x04\x5a", b"HT"):
                self.assertEqual(self.refused(SocksHandshake(upstream, "", 1), chosen), own, chosen)

    def test_malformed_replies(self) -> None:
        """Another version, or an address of no kind."""
        for reply in (b"\x04\x00\x00\x01\x00", b"\x05\x00\x00\x02\x00", b"\x05\x00\x00\x00\x00"):
            self.assertEqual(self.refused(SocksHandshake(OPEN, "", 1), CHOSEN_OPEN + reply), ("exit-failed", True))

    @given(st.binary(max_size=60), st.integers(1, 9))
    def test_any_bytes(self, data: bytes, step: int) -> None:
        """Accepted, refused or awaited, and never anything else."""
        talk = SocksHandshake(LOCKED, "example.com", 443)
        try:
            fed(talk, data, step)
        except Refused as no:
            self.assertIn(no.reason, REASONS)
            self.assertFalse(talk.done)


class AskedTests(SynchronousTestCase):
    """From when on the destination may be to blame."""

    def test_connect(self) -> None:
        """It is asked for with the first bytes."""
        talk = ConnectHandshake(OPEN, "example.com", 443)
        self.assertFalse(talk.asked)
        talk.begin()
        self.assertTrue(talk.asked)

    def test_socks(self) -> None:
        """Not before we are let in."""
        for upstream, steps in ((OPEN, (CHOSEN_OPEN,)), (LOCKED, (CHOSEN_OPEN,)), (LOCKED, (CHOSEN_PASSWORD, RIGHT))):
            talk = SocksHandshake(upstream, "example.com", 443)
            talk.begin()
            for step in steps:
                self.assertFalse(talk.asked, steps)
                talk.feed(step)
            self.assertTrue(talk.asked, steps)


class KindTests(SynchronousTestCase):
    def test_which_one(self) -> None:
        """By the kind of the exit."""
        for kind, wanted in (("http", ConnectHandshake), ("https", ConnectHandshake), ("socks5", SocksHandshake)):
            made = handshake(Exit("up", kind, upstream=OPEN), "example.com", 443)  # type: ignore[arg-type]
            self.assertIsInstance(made, wanted)
