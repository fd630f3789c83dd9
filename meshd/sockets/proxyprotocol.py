"""The header of HAProxy's PROXY protocol, versions 1 and 2: a load balancer says whose connection it passes on.

Read without a socket, from the first bytes of a connection.  The address in the header is looked up in allowlists, so
nothing is repaired: what is not exactly a header is refused.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

from meshd.http1.errors import BadMessage
from meshd.values.addresses import unmapped

LONGEST_LINE = 107
"""Bytes of a header of version 1, with its CRLF, as the protocol's document bounds it."""

LONGEST_BLOCK = 65_520
"""Bytes of a header of version 2 after its first sixteen, extensions included, of the 65,535 that it can tell: all of
it is no more than is read at once.  A balancer adds what it knows of a client's certificate.
"""

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"

_FIRST_WORD = b"PROXY "
_PORT = r"(?:0|[1-9][0-9]{0,4})"
_LINE = re.compile(rf"PROXY TCP([46]) ([0-9A-Fa-f.:]++) ([0-9A-Fa-f.:]++) ({_PORT}) ({_PORT})")
_UNKNOWN = re.compile(r"PROXY UNKNOWN(?: .*+)?+")

_LOCAL, _PROXY = 0x20, 0x21
_ADDRESSES = {0x11: 4, 0x21: 16}
"""The bytes of one address, by the byte that names family and transport (here TCP over IPv4 and IPv6)."""
_UNTOLD = {0x00: 0, 0x31: 108}
"""The bytes of one address of an unspecified family and of Unix sockets, whose addresses mean nothing here."""

_CHECKSUM = 0x03
"""PP2_TYPE_CRC32C, one of the extensions (TLVs) that follow the addresses in version 2."""


class BadHeader(BadMessage):
    """The first bytes are no PROXY header, or one that cannot be relied on."""

    def __init__(self, rule: str = "a malformed PROXY header") -> None:
        super().__init__(400, rule)


class Introduced(NamedTuple):
    """The client that a PROXY header names."""

    address: str
    """The client's address as ipaddress prints it, a mapped one as IPv4; "" where the peer itself is the client."""
    size: int
    """Bytes of the header."""


def read_introduction(buffer: bytes) -> Introduced | None:
    """The header that buffer, not empty, begins with; None while the header is incomplete.  Raises: BadHeader."""
    if buffer[:12] == SIGNATURE[: len(buffer)]:
        return _read_block(buffer)
    if buffer[:6] == _FIRST_WORD[: len(buffer)]:
        return _read_line(buffer)
    raise BadHeader("connections from this address begin with a PROXY header")


def _read_line(buffer: bytes) -> Introduced | None:
    end = buffer.find(b"\n", 0, LONGEST_LINE)
    if end < 0:
        if len(buffer) >= LONGEST_LINE:
            raise BadHeader
        return None
    line = buffer[: end - 1].decode("latin-1")
    if buffer[end - 1 : end] != b"\r" or "\r" in line:
        raise BadHeader
    if _UNKNOWN.fullmatch(line):
        return Introduced("", end + 1)
    told = _LINE.fullmatch(line)
    if told is None or int(told[4]) > 65535 or int(told[5]) > 65535:
        raise BadHeader
    try:
        source, destination = ip_address(told[2]), ip_address(told[3])
    except ValueError:
        raise BadHeader from None
    if {source.version, destination.version} != {int(told[1])}:
        raise BadHeader
    return Introduced(str(unmapped(source)), end + 1)


def _read_block(buffer: bytes) -> Introduced | None:
    if len(buffer) > 12 and buffer[12] not in (_LOCAL, _PROXY):
        raise BadHeader
    if len(buffer) < 16:
        return None
    length = int.from_bytes(buffer[14:16], "big")
    if length > LONGEST_BLOCK:
        raise BadHeader
    size = 16 + length
    if len(buffer) < size:
        return None
    family = buffer[13]
    _verify(buffer[:size], 16 + _room(family))
    if buffer[12] == _LOCAL or family in _UNTOLD:
        return Introduced("", size)
    width = _ADDRESSES.get(family)
    if width is None or length < 2 * width + 4:
        raise BadHeader
    return Introduced(str(unmapped(ip_address(buffer[16 : 16 + width]))), size)


def _room(family: int) -> int:
    """Bytes of both addresses of version 2, with their ports where the family has ports; 0 for an unknown family."""
    width = _ADDRESSES.get(family)
    return 2 * _UNTOLD.get(family, 0) if width is None else 2 * width + 4


def _verify(header: bytes, at: int) -> None:
    """Check the checksum among a header's extensions, which begin at `at`; unreadable extensions have none.
    Raises: BadHeader.
    """
    while len(header) >= at + 3:
        kind, size = header[at], int.from_bytes(header[at + 1 : at + 3], "big")
        begin, at = at + 3, at + 3 + size
        if kind == _CHECKSUM and at <= len(header):
            if header[begin:at] != crc32c(header[:begin] + bytes(size) + header[at:]).to_bytes(4, "big"):
                raise BadHeader("the checksum of the PROXY header is wrong")
            return


def crc32c(data: bytes) -> int:
    """The checksum of RFC 9260, appendix A (Castagnoli), which the standard library has not."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_remainder, range(256)))
