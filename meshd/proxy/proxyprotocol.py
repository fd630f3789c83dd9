"""The header of HAProxy's PROXY protocol, versions 1 and 2: a load balancer says whose connection it passes on.

Read without a socket, from the first bytes of a connection.  It decides what an allowlist is asked for, so nothing is
repaired: what is not exactly a header is none.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from meshd.http1.errors import BadMessage

LONGEST_LINE = 107
"""Of version 1, with its CRLF: what the protocol's document allows."""

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"

LONGEST_BLOCK = 536
"""After the sixteen bytes that version 2 begins with: what has to fit into one segment, whatever else it carries."""

_FIRST_WORD = b"PROXY "
_PORT = r"(?:0|[1-9][0-9]{0,4})"
_LINE = re.compile(rf"PROXY TCP([46]) ([0-9A-Fa-f.:]++) ([0-9A-Fa-f.:]++) ({_PORT}) ({_PORT})")
_UNKNOWN = re.compile(r"PROXY UNKNOWN(?: .*+)?+")

_LOCAL, _PROXY = 0x20, 0x21
_ADDRESSES = {0x11: 4, 0x21: 16}
"""Over TCP: the bytes of one address, by the byte that names family and transport."""
_UNTOLD = frozenset({0x00, 0x31})
"""A family that is not said, or a Unix socket's: neither has an address that means anything here."""


class BadHeader(BadMessage):
    """It is none, or none that can be relied on."""

    def __init__(self, rule: str = "a malformed PROXY header") -> None:
        super().__init__(400, rule)


class Introduced(NamedTuple):
    """What a header says."""

    address: str
    """The client's, as ipaddress prints it, IPv4 where it is mapped; "" where the peer's own is to be kept."""
    size: int
    """Bytes of the header."""


def read_introduction(buffer: bytes) -> Introduced | None:
    """The header that buffer, not empty, begins with; None while more has to come.  BadHeader."""
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
    return Introduced(_text(source), end + 1)


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
    if buffer[12] == _LOCAL or family in _UNTOLD:
        return Introduced("", size)
    width = _ADDRESSES.get(family)
    if width is None or length < 2 * width + 4:
        raise BadHeader
    return Introduced(_text(ip_address(buffer[16 : 16 + width])), size)


def _text(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
