"""The PROXY protocol's header, byte by byte."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.proxyprotocol import (
    LONGEST_BLOCK,
    LONGEST_LINE,
    SIGNATURE,
    BadHeader,
    crc32c,
    read_introduction,
)

AFTER = b"GET http://a/ HTTP/1.1\r\n"


def block(command: int, family: int, body: bytes, length: int = -1) -> bytes:
    return SIGNATURE + bytes([command, family]) + (len(body) if length < 0 else length).to_bytes(2, "big") + body


def addresses(source: str, destination: str) -> bytes:
    return ip_address(source).packed + ip_address(destination).packed + b"\x12\x34\x7a\x30"


FOUR = addresses("198.51.100.9", "203.0.113.1")
SIX = addresses("2001:db8::9", "2001:db8::1")
NOOP = b"\x04\x00\x02\x00\x00"


def summed(command: int, family: int, body: bytes, before: bytes = b"", after: bytes = b"", wrong: int = 0) -> bytes:
    """A block with a checksum among its extensions, off by wrong."""
    empty = block(command, family, body + before + b"\x03\x00\x04" + bytes(4) + after)
    at = 16 + len(body + before) + 3
    return empty[:at] + (crc32c(empty) ^ wrong).to_bytes(4, "big") + empty[at + 4 :]


LONG_UNKNOWN = b"PROXY UNKNOWN " + b"f" * (LONGEST_LINE - 16) + b"\r\n"

GOOD = {
    "version 1, IPv4": (b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n", "198.51.100.9"),
    "version 1, IPv6": (b"PROXY TCP6 2001:DB8:0::9 ::1 1 65535\r\n", "2001:db8::9"),
    "version 1, IPv4 in IPv6": (b"PROXY TCP6 ::ffff:198.51.100.9 ::ffff:203.0.113.1 1 2\r\n", "198.51.100.9"),
    "version 1, port zero": (b"PROXY TCP4 198.51.100.9 203.0.113.1 0 0\r\n", "198.51.100.9"),
    "version 1, nothing known": (b"PROXY UNKNOWN\r\n", ""),
    "version 1, nothing known, and more": (b"PROXY UNKNOWN ffff::1 x 1 2\r\n", ""),
    "version 1, as long as may be": (LONG_UNKNOWN, ""),
    "version 2, IPv4": (block(0x21, 0x11, FOUR), "198.51.100.9"),
    "version 2, IPv6": (block(0x21, 0x21, SIX), "2001:db8::9"),
    "version 2, IPv4 in IPv6": (block(0x21, 0x21, addresses("::ffff:198.51.100.9", "::1")), "198.51.100.9"),
    "version 2, with extensions": (
        block(0x21, 0x11, FOUR + b"\x01\x00\x08http/1.1" + b"\x04\x00\x02\x00\x00"),
        "198.51.100.9",
    ),
    "version 2 with a client's certificate": (
        block(0x21, 0x11, FOUR + b"\x20\x13\x8d\x07" + bytes(4) + b"\x28\x13\x85" + b"\x30" * 0x1385),
        "198.51.100.9",
    ),
    "version 2, as long as may be": (block(0x21, 0x11, FOUR + b"\x04" * (LONGEST_BLOCK - 12)), "198.51.100.9"),
    "version 2, with a checksum": (summed(0x21, 0x11, FOUR), "198.51.100.9"),
    "version 2, with a checksum among others": (summed(0x21, 0x21, SIX, NOOP, NOOP), "2001:db8::9"),
    "version 2, a checked check": (summed(0x20, 0x00, b""), ""),
    "version 2, a checked Unix socket": (summed(0x21, 0x31, bytes(216), NOOP), ""),
    "version 2, extensions cut off": (block(0x21, 0x11, FOUR + b"\x03\x00"), "198.51.100.9"),
    "version 2, a check of its own": (block(0x20, 0x00, b""), ""),
    "version 2, its own, with an address": (block(0x20, 0x11, FOUR), ""),
    "version 2, nothing known": (block(0x21, 0x00, b"whatever"), ""),
    "version 2, a Unix socket": (block(0x21, 0x31, b"\x00" * 216), ""),
}

BAD = {
    "HTTP": AFTER,
    "SOCKS": b"\x05\x01\x00",
    "TLS": b"\x16\x03\x01",
    "a request that begins alike": b"PROPFIND http://a/ HTTP/1.1\r\n",
    "an empty line": b"\r\nGET http://a/ HTTP/1.1\r\n",
    "small letters": b"proxy TCP4 198.51.100.9 203.0.113.1 1 2\r\n",
    "a bare line feed": b"PROXY TCP4 198.51.100.9 203.0.113.1 1 2\n",
    "a bare carriage return": b"PROXY UNKNOWN \r x\r\n",
    "two blanks": b"PROXY TCP4  198.51.100.9 203.0.113.1 1 2\r\n",
    "a blank at the end": b"PROXY TCP4 198.51.100.9 203.0.113.1 1 2 \r\n",
    "a part missing": b"PROXY TCP4 198.51.100.9 203.0.113.1 1\r\n",
    "nothing at all": b"PROXY \r\n",
    "another transport": b"PROXY UDP4 198.51.100.9 203.0.113.1 1 2\r\n",
    "the other family": b"PROXY TCP4 2001:db8::9 2001:db8::1 1 2\r\n",
    "both families": b"PROXY TCP6 2001:db8::9 203.0.113.1 1 2\r\n",
    "a name": b"PROXY TCP4 a.example 203.0.113.1 1 2\r\n",
    "an octet too large": b"PROXY TCP4 198.51.100.256 203.0.113.1 1 2\r\n",
    "an octal octet": b"PROXY TCP4 198.51.100.09 203.0.113.1 1 2\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    "a port too large": b"PROXY TCP4 198.51.100.9 203.0.113.1 65536 2\r\n",
    "the other port too large": b"PROXY TCP4 198.51.100.9 203.0.113.1 2 99999\r\n",
    "a port with a zero before": b"PROXY TCP4 198.51.100.9 203.0.113.1 01 2\r\n",
    "a signed port": b"PROXY TCP4 198.51.100.9 203.0.113.1 +1 2\r\n",
    "a line that is too long": b"PROXY UNKNOWN " + b"f" * LONGEST_LINE,
    "a line one byte too long": LONG_UNKNOWN.replace(b"\r\n", b"f\r\n"),
    "version 3": block(0x31, 0x11, FOUR),
    "an unknown command": block(0x22, 0x11, FOUR),
    "over UDP": block(0x21, 0x12, FOUR),
    "an unknown family": block(0x21, 0x41, FOUR),
    "addresses cut off": block(0x21, 0x11, FOUR[:-1]),
    "IPv6 with the room of IPv4": block(0x21, 0x21, FOUR),
    "longer than may be": block(0x21, 0x11, FOUR, LONGEST_BLOCK + 1),
    "a wrong checksum": summed(0x21, 0x11, FOUR, wrong=1),
    "a wrong checksum among others": summed(0x21, 0x21, SIX, NOOP, NOOP, wrong=1 << 31),
    "a wrong checksum of its own": summed(0x20, 0x00, b"", wrong=1),
    "a wrong checksum of nothing known": summed(0x21, 0x00, b"", wrong=1),
    "a wrong checksum of a Unix socket": summed(0x21, 0x31, bytes(216), wrong=1),
    "a checksum of another size": block(0x21, 0x11, FOUR + b"\x03\x00\x02\x00\x00"),
    "as long as can be": block(0x20, 0x00, b"", 65535),
}


class ReadingTests(SynchronousTestCase):
    def test_good_ones_byte_by_byte(self) -> None:
        """Waited for to their last byte; what comes after is left alone."""
        for what, (header, address) in GOOD.items():
            for size in range(1, len(header)):
                self.assertIsNone(read_introduction(header[:size]), (what, size))
            for more in (b"", AFTER, header):
                self.assertEqual(read_introduction(header + more), (address, len(header)), what)

    def test_bad_ones_byte_by_byte(self) -> None:
        """Refused at some byte, and never taken for a header at any."""
        for what, header in BAD.items():
            refused = False
            for size in range(1, len(header) + 1):
                try:
                    self.assertIsNone(read_introduction(header[:size]), (what, size))
                except BadHeader as bad:
                    self.assertEqual(bad.status, 400)
                    refused = True
            self.assertTrue(refused, what)

    def test_nobody_waits_for_what_cannot_become_one(self) -> None:
        """The first byte that is wrong decides."""
        for data in (b"G", b"\x05", b"PA", b"PROXYX", b"\r\n\r\n\x00\r\nQUIX", SIGNATURE + b"\x11"):
            self.assertRaises(BadHeader, read_introduction, data)

    def test_a_checksum_covers_all_of_it(self) -> None:
        """Whichever bit is turned over on the way, but for those that tell the length and where the checksum is."""
        header = summed(0x21, 0x11, FOUR, after=NOOP)
        for byte in (*range(16, 28), *range(31, len(header))):
            for bit in range(8):
                turned = bytearray(header)
                turned[byte] ^= 1 << bit
                self.assertRaises(BadHeader, read_introduction, bytes(turned))

    def test_the_checksum_itself(self) -> None:
        """The vectors of RFC 3720, B.4."""
        for data, crc in ((bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)):
            self.assertEqual(crc32c(data), crc)

    @given(
        st.binary(min_size=1, max_size=700),
        st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]),
    )
    def test_any_bytes(self, data: bytes, before: bytes) -> None:
        """A header within its bounds, an error, or more is awaited, and not for ever."""
        try:
            header = read_introduction(before + data)
        except BadHeader:
            return
        if header is None:
            self.assertLess(len(before + data), 16 + LONGEST_BLOCK)
        else:
            self.assertLessEqual(header.size, min(16 + LONGEST_BLOCK, len(before + data)))
            if header.address:
                socket.inet_pton(socket.AF_INET6 if ":" in header.address else socket.AF_INET, header.address)
