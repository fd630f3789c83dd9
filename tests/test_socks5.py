"""What a SOCKS client says, byte by byte, and what it is told."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.target import AuthorityForm
from meshd.proxy import socksreplies
from meshd.proxy.replies import REASONS
from meshd.socks5 import (
    Associate,
    BadSocks,
    Datagram,
    datagram_head,
    head_size,
    read_datagram,
    read_greeting,
    read_login,
    read_request,
)
from tests.support.manual import ROOT

Reader = Callable[[bytes], Any]


def named(name: bytes, port: int = 443) -> bytes:
    return b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big")


def addressed(address: str, port: int = 443) -> bytes:
    packed = ip_address(address).packed
    return b"\x05\x01\x00" + (b"\x01" if len(packed) == 4 else b"\x04") + packed + port.to_bytes(2, "big")


def login(username: bytes, password: bytes) -> bytes:
    return b"\x01" + bytes([len(username)]) + username + bytes([len(password)]) + password


GREETINGS = {
    b"\x05\x01\x00": {0},
    b"\x05\x02\x00\x02": {0, 2},
    b"\x05\x03\x01\x02\x02": {1, 2},
    b"\x05\xff" + bytes(range(255)): set(range(255)),
}

LOGINS = {
    login(b"alice", b"secret"): b"alice:secret",
    login(b"alice", b"key:secret"): b"alice:key:secret",
    login(b"pm_x", b""): b"pm_x:",
    login(b"", b"pm_x"): b":pm_x",
    login(b"a" * 255, b"\xff" * 255): b"a" * 255 + b":" + b"\xff" * 255,
}

REQUESTS = {
    named(b"example.com"): ("example.com", 443),
    named(b"Example.COM.", 1): ("example.com", 1),
    named(b"a", 65535): ("a", 65535),
    named(b"192.0.2.7"): ("192.0.2.7", 443),
    named(b"[2001:DB8::7]"): ("2001:db8::7", 443),
    named(b"2001:DB8::7"): ("2001:db8::7", 443),
    named(b"::1", 4443): ("::1", 4443),
    named(b"::", 1): ("::", 1),
    named(b"1:2:3:4:5:6:7:8", 80): ("1:2:3:4:5:6:7:8", 80),
    named(b"2001:db8::7:80"): ("2001:db8::7:80", 443),
    addressed("192.0.2.7", 80): ("192.0.2.7", 80),
    addressed("2001:db8::7"): ("2001:db8::7", 443),
    addressed("::"): ("::", 443),
}

ASSOCIATIONS = {
    b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00": 0,
    b"\x05\x03\x00\x01\xc0\x00\x02\x07\x30\x39": 12345,
    b"\x05\x03\x00\x04" + bytes(16) + b"\xff\xff": 65535,
    b"\x05\x03\x00\x03\x00\x00\x01": 1,
    b"\x05\x03\x00\x03\x03a b\x00\x01": 1,
}

DATAGRAMS = {
    b"\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35": ("192.0.2.7", 53),
    b"\x00\x00\x00\x04" + ip_address("2001:db8::7").packed + b"\x01\xbb": ("2001:db8::7", 443),
    b"\x00\x00\x00\x03\x0bExample.COM\x00\x35": ("example.com", 53),
    b"\x00\x00\x00\x03\x0b2001:db8::7\x00\x35"[:5] + b"2001:db8::7\x00\x35": ("2001:db8::7", 53),
}

DROPPED = {
    "a fragment": b"\x00\x00\x01\x01\xc0\x00\x02\x07\x00\x35",
    "the last fragment": b"\x00\x00\x81\x01\xc0\x00\x02\x07\x00\x35",
    "a reserved byte": b"\x00\x01\x00\x01\xc0\x00\x02\x07\x00\x35",
    "another reserved byte": b"\x01\x00\x00\x01\xc0\x00\x02\x07\x00\x35",
    "another type of address": b"\x00\x00\x00\x02\xc0\x00\x02\x07\x00\x35",
    "port zero": b"\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x00",
    "an empty name": b"\x00\x00\x00\x03\x00\x00\x35",
    "a NUL in the name": b"\x00\x00\x00\x03\x03a\x00b\x00\x35",
    "a line's end in the name": b"\x00\x00\x00\x03\x04a\r\nb\x00\x35",
    "a name that ends too late": b"\x00\x00\x00\x03\xffa.example\x00\x35",
}

BAD: dict[str, tuple[Reader, bytes, int]] = {
    "version 4": (read_greeting, b"\x04\x01\x00", 1),
    "no method": (read_greeting, b"\x05\x00", 1),
    "a login of version 5": (read_login, b"\x05\x01a\x01b", 1),
    "a request of version 4": (read_request, b"\x04\x01\x00\x01", 1),
    "BIND": (read_request, b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", 7),
    "datagrams with a reserved byte": (read_request, b"\x05\x03\x01\x01\x00\x00\x00\x00\x00\x00", 1),
    "datagrams from another type of address": (read_request, b"\x05\x03\x00\x02\x00\x00\x00\x00\x00\x00", 8),
    "no command": (read_request, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 7),
    "a reserved byte": (read_request, b"\x05\x01\x01\x01\x01\x01\x01\x01\x01\x01", 1),
    "another type of address": (read_request, b"\x05\x01\x00\x02\x01\x01\x01\x01\x01\x01", 8),
    "no type of address": (read_request, b"\x05\x01\x00\x00\x01\x01\x01\x01\x01\x01", 8),
    "an empty name": (read_request, named(b""), 1),
    "port zero": (read_request, named(b"example.com", 0), 1),
    "port zero of an address": (read_request, addressed("192.0.2.7", 0), 1),
    "a port in the name": (read_request, named(b"example.com:80"), 1),
    "a path in the name": (read_request, named(b"example.com/x"), 1),
    "user information in the name": (read_request, named(b"a@example.com"), 1),
    "a NUL in the name": (read_request, named(b"example.com\x00.org"), 1),
    "a line's end in the name": (read_request, named(b"a\r\nHost: b"), 1),
    "a blank in the name": (read_request, named(b"a b"), 1),
    "a name that is not ASCII": (read_request, named("bücher.example".encode()), 1),
    "a name that is too long": (read_request, named(b".".join([b"a" * 60] * 5)[:255]), 1),
    "an empty label": (read_request, named(b"a..b"), 1),
    "an address without its bracket": (read_request, named(b"[::1"), 1),
    "an address with a zone": (read_request, named(b"[fe80::1%25eth0]"), 1),
}


class ReadingTests(SynchronousTestCase):
    def check(self, reader: Reader, message: bytes) -> Any:
        """Waited for to the last byte; what comes after it is left alone.  What was read."""
        for size in range(len(message)):
            self.assertIsNone(reader(message[:size]), (message, size))
        read = reader(message)
        self.assertEqual(read.size, len(message))
        self.assertEqual(reader(message + message), read)
        return read

    def test_greetings(self) -> None:
        for message, methods in GREETINGS.items():
            self.assertEqual(self.check(read_greeting, message).methods, methods)

    def test_logins_are_what_basic_says(self) -> None:
        """RFC 7617: name, colon, password; whatever they hold."""
        for message, plain in LOGINS.items():
            scheme, _, encoded = self.check(read_login, message).basic.partition(b" ")
            self.assertEqual((scheme, b64decode(encoded)), (b"Basic", plain))

    def test_requests(self) -> None:
        for message, (host, port) in REQUESTS.items():
            self.assertEqual(self.check(read_request, message).target, AuthorityForm(host, port))

    def test_associations(self) -> None:
        """The port from which datagrams will come is heeded, whatever address is beside it."""
        for message, port in ASSOCIATIONS.items():
            self.assertEqual(self.check(read_request, message), Associate(port, len(message)))

    def test_datagrams(self) -> None:
        """A head is whole or none; what follows is the payload, whatever it is."""
        for head, (host, port) in DATAGRAMS.items():
            for size in range(len(head)):
                self.assertIsNone(read_datagram(head[:size]), (head, size))
            for data in (head, head + head, memoryview(head + bytes(65_000))):
                self.assertEqual(read_datagram(data), Datagram(AuthorityForm(host, port), len(head)))
                self.assertEqual(head_size(memoryview(data)), len(head))

    def test_dropped_datagrams(self) -> None:
        for none in (b"", bytes(4), bytes(300), b"\0\0\0\x02" + bytes(20)):
            self.assertEqual(head_size(memoryview(none)), 0)
        for what, data in DROPPED.items():
            self.assertIsNone(read_datagram(data + b"payload"), what)

    def test_heads_of_answers(self) -> None:
        """They are what a client's own head to that address is."""
        for address, port in (("192.0.2.7", 53), ("2001:db8::7", 443), ("fe80::1%eth0", 1)):
            read = read_datagram(datagram_head(address, port))
            assert read is not None
            self.assertEqual(read.target, AuthorityForm(address.partition("%")[0], port))

    @given(st.binary(max_size=600))
    def test_any_datagram(self, data: bytes) -> None:
        read = read_datagram(data)
        if read is not None:
            self.assertEqual(data[:3], bytes(3))
            self.assertLessEqual(read.size, len(data))

    def test_bad_ones_byte_by_byte(self) -> None:
        """Refused at some byte, with the answer that tells why, and never read as anything before."""
        for what, (reader, message, reply) in BAD.items():
            replies = set()
            for size in range(len(message) + 1):
                try:
                    self.assertIsNone(reader(message[:size]), (what, size))
                except BadSocks as bad:
                    replies.add(bad.reply)
                    self.assertEqual(bad.status, 501 if reply == 7 else 400, what)
            self.assertEqual(replies, {reply}, what)

    def test_a_password_is_in_no_text(self) -> None:
        """A repr ends in logs."""
        self.assertNotIn("hush", repr(read_login(login(b"alice", b"hush"))))

    @given(st.binary(max_size=600), st.sampled_from([read_greeting, read_login, read_request]))
    def test_any_bytes(self, data: bytes, reader: Reader) -> None:
        """A message within its bounds, an error, or more is awaited, and not for ever."""
        try:
            read = reader(data)
        except BadSocks:
            return
        self.assertLess(len(data), 515) if read is None else self.assertLessEqual(read.size, min(515, len(data)))


class RepliesTests(SynchronousTestCase):
    def test_every_reason_has_its_answer(self) -> None:
        """One that means no, at each stage."""
        self.assertEqual(set(socksreplies.REPLIES), set(REASONS))
        for reason, row in socksreplies.REPLIES.items():
            self.assertIn(row.reply, range(1, 9), reason)
            self.assertIn(row.status, range(1, 256), reason)

    def test_the_table_in_the_manual_is_the_code(self) -> None:
        """By reply and by status, with every reason that has it."""
        page = (ROOT / "docs" / "proxy.md").read_text()
        for field, header in (("reply", "| reply | reasons |"), ("status", "| status | reasons |")):
            shown: dict[str, int] = {}
            for line in page.partition(f"\n{header}\n")[2].splitlines()[1:]:
                if not line.startswith("|"):
                    break
                number, reasons = line.strip("|").split("|")
                shown |= dict.fromkeys(re.findall(r"`([a-z-]+)`", reasons), int(number.split()[0]))
            real = {reason: getattr(row, field) for reason, row in socksreplies.REPLIES.items()}
            self.assertEqual(shown, {reason: number for reason, number in real.items() if number != 255})

    def test_the_address_of_an_exit(self) -> None:
        """Where it has one that is known; no port."""
        self.assertEqual(socksreplies.established("192.0.2.7"), b"\x05\x00\x00\x01\xc0\x00\x02\x07\x00\x00")
        six = ip_address("2001:db8::7").packed
        self.assertEqual(socksreplies.established("2001:db8::7"), b"\x05\x00\x00\x04" + six + b"\x00\x00")
        self.assertEqual(socksreplies.established("bought-1"), b"\x05\x00\x00\x01" + bytes(6))
        self.assertEqual(socksreplies.refused(5), b"\x05\x05\x00\x01" + bytes(6))
