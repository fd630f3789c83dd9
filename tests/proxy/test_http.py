"""How requests of HTTP/1 are read, and what they are refused with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.model import Refusal
from meshd.proxy.http import HttpSpeech
from meshd.proxy.known import KnownTunnels
from meshd.topology import Live, Topology
from tests.usage.support import now

GET = b"GET http://h.test/ HTTP/1.1\r\nHost: h.test\r\nAccept: */*\r\n\r\n"
TOO_FAR = GET.replace(b"h.test", b"g.test:99999")


class RefusedTests(SynchronousTestCase):
    def test_only_head_has_no_body(self) -> None:
        """Whatever was asked for before by the same connection, and whether of the same server."""
        for before in ((), (GET,), (GET, GET), (TOO_FAR.replace(b":99999", b":80"),)):
            for method, with_body in ((b"HEAD", False), (b"GET", True), (b"DELETE", True)):
                for target in (TOO_FAR, GET.replace(b"h.test/", b"h.test:99999/", 1)):
                    told = self.refused(*before, target.replace(b"GET", method, 1))
                    self.assertEqual(not told.endswith(b"\r\n\r\n"), with_body, (before, method, target))

    def test_nor_has_one_that_could_not_be_read(self) -> None:
        """RFC 9110, 9.3.2, wherever its first line tells the method; else nobody knows what was asked."""
        for rest in (
            b" http://h.test/ HTTP/1.1\r\nno field\r\n\r\n",
            b" http://h.test/ HTTP/1.1\r\n" + b"A: b\r\n" * 300,
            b" http://h.test/ HTTP/2.0\r\n\r\n",
            b" http://h.test/ and more HTTP/1.1\r\n\r\n",
            b" " + b"a" * 20_000,
        ):
            for before in ((), (GET,), (GET.replace(b"GET", b"HEAD"),)):
                for begin, with_body in ((b"HEAD", False), (b"\r\nHEAD", False), (b"GET", True), (b"head", True)):
                    told = self.refused(*before, begin + rest)
                    self.assertEqual(not told.endswith(b"\r\n\r\n"), with_body, (before, begin, rest))
        for unread in (b"HEAD\r\n\r\n", b"HEA\0D http://h.test/ HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
            self.assertFalse(self.refused(unread).endswith(b"\r\n\r\n"), unread)

    def refused(self, *heads: bytes) -> bytes:
        """What a connection is told whose last head is refused."""
        place = SimpleNamespace(known=True)
        client: Any = SimpleNamespace(place=place, buffer=b"", phase=lambda reason, seconds: None)
        plane: Any = SimpleNamespace(live=Live(Topology({}, (), {})), known=KnownTunnels())
        speech = HttpSpeech(client, plane)
        for head in heads[:-1]:
            client.buffer = head
            self.assertIsNotNone(now(speech.read()))
        client.buffer = heads[-1]
        self.assertRaises(BadMessage, now, speech.read())
        return speech.refusal(Refusal("bad-request"), "i", keep=False)
