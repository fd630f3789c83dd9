"""The first message of a TLS client, which names the server that it wants (RFC 8446, 4.1.2; RFC 6066, 3).  Pure.

The message is read before TLS begins, to choose where the connection goes and which certificate it gets.  Nothing is
repaired: what breaks the grammar is no ClientHello.  The same bytes may come in one piece or in many; until the whole
message has come, the answer is `None`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from meshd.values.addresses import is_name

LONGEST_MESSAGE = 16 * 1024
"""Bytes of a ClientHello: ten times what browsers send with keys for two exchanges."""

MOST_RECORDS = 64
"""Records that a ClientHello may be spread over, each of which is looked at anew whenever bytes have come."""

LONGEST = 4 + LONGEST_MESSAGE + 5 * MOST_RECORDS
"""Bytes that a caller has to keep at most before the message is complete or refused."""

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_SESSION = 34
"""Where the session begins in a message's body: behind the version and 32 bytes by chance."""
_LARGEST_RECORD = 16 * 1024
_EXTENSION = Struct(">HH")
"""The head of an extension: what it is, and its length (RFC 8446, 4.2)."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client's first message says of the server that it wants."""

    name: str
    """Lower case, without a final dot; "" where the client names none."""


@dataclass(frozen=True, slots=True)
class NotTLS:
    """The bytes are not the beginning of a TLS connection that can be relied on."""

    rule: str
    """What is wrong with them, for people."""


class _Broken(Exception):
    """The bytes break a rule of the grammar; never leaves this module."""


def read_client_hello(data: bytes) -> ClientHello | NotTLS | None:
    """What the ClientHello says that data begins with; None while it is incomplete.  Never raises.

    What follows the record in which the message ends is not looked at.
    """
    try:
        name = _named(data)
        return None if name is None else ClientHello(name)
    except _Broken as broken:
        return NotTLS(str(broken))


def _named(data: bytes, /) -> str | None:
    """The name in the ClientHello that data begins with, "" for none; None while it is incomplete.  Raises: _Broken."""
    message = _gather(data)
    return None if message is None else _name_in(message)


def _gather(data: bytes) -> bytes | None:
    """The body of the message out of its records; None while bytes are missing.  Raises: _Broken."""
    message = b""
    at, records = 0, 0
    while True:
        _check_record(data[at : at + _RECORD_HEADER])
        if len(data) < at + _RECORD_HEADER:
            return None
        size = int.from_bytes(data[at + 3 : at + _RECORD_HEADER], "big")
        at += _RECORD_HEADER
        message += data[at : at + size]
        whole = _whole(message)
        if len(data) < at + size:
            return None
        if whole and len(message) == whole:
            return message[_MESSAGE_HEADER:]
        at += size
        records += 1
        if records == MOST_RECORDS:
            raise _Broken("a ClientHello in too many records")


def _check_record(header: bytes) -> None:
    """Check as much of a record's header as has come.  Raises: _Broken."""
    if header[:1] and header[0] != _HANDSHAKE:
        raise _Broken("not a handshake record")
    if header[1:2] and header[1] != 3:  # the minor version is to be ignored (RFC 8446, 5.1)
        raise _Broken("not a version of TLS")
    if len(header) == _RECORD_HEADER and not 0 < int.from_bytes(header[3:], "big") <= _LARGEST_RECORD:
        raise _Broken("a record that is empty or too long")


def _whole(message: bytes) -> int:
    """The bytes that the message has with its header; 0 while the header is incomplete.  Raises: _Broken."""
    if message[:1] and message[0] != _CLIENT_HELLO:
        raise _Broken("not a ClientHello")
    if len(message) < _MESSAGE_HEADER:
        return 0
    whole = _MESSAGE_HEADER + int.from_bytes(message[1:_MESSAGE_HEADER], "big")
    if whole > _MESSAGE_HEADER + LONGEST_MESSAGE:
        raise _Broken("a ClientHello that is too long")
    if len(message) > whole:
        raise _Broken("more after the ClientHello in its record")
    return whole


def _end_of(data: bytes, at: int, width: int, least: int, most: int) -> int:
    """Where a vector ends that begins at `at` with its length, of so many bytes.  Raises: _Broken."""
    start = at + width
    size = int.from_bytes(data[at:start], "big")
    if start + size > len(data):
        raise _Broken("a ClientHello whose lengths do not fit")
    if not least <= size <= most:
        raise _Broken("a ClientHello with a length that no client may send")
    return start + size


def _name_in(body: bytes) -> str:
    """The server's name in the body of a ClientHello; "" for none.  Raises: _Broken."""
    if body[:1] != b"\3":
        raise _Broken("not a version of TLS")
    suites = _end_of(body, _SESSION, 1, 0, 32)
    compression = _end_of(body, suites, 2, 2, 65534)
    if (compression - suites) % 2:
        raise _Broken("half a cipher suite")
    extensions = _end_of(body, compression, 1, 1, 255)
    if 0 not in body[compression + 1 : extensions]:
        raise _Broken("no offer to leave out compression")
    if extensions == len(body):  # TLS 1.2 without extensions (RFC 5246, 7.4.1.2)
        return ""
    if _end_of(body, extensions, 2, 0, 65535) != len(body):
        raise _Broken("a ClientHello whose lengths do not fit")
    return _name_among(body, extensions + 2)


def _name_among(body: bytes, at: int) -> str:
    """The name in the extension `server_name`; "" where that is missing.  at: where extensions begin.  _Broken."""
    end, last = len(body), len(body) - _EXTENSION.size
    found: dict[int, tuple[int, int]] = {}
    number = 0
    while at <= last:
        kind, size = _EXTENSION.unpack_from(body, at)
        start = at + _EXTENSION.size
        at = start + size
        found[kind] = start, at
        number += 1
    if at != end:
        raise _Broken("a ClientHello whose lengths do not fit")
    if len(found) != number:
        raise _Broken("an extension that comes twice")
    place = found.get(_SERVER_NAME)
    return _host_name(body[place[0] : place[1]]) if place is not None else ""


def _host_name(content: bytes) -> str:
    """The one name that the extension may hold.  Raises: _Broken."""
    end = len(content)
    if _end_of(content, 0, 2, 1, 65535) != end:
        raise _Broken("a ClientHello whose lengths do not fit")
    if content[2] != _HOST_NAME:
        raise _Broken("a server's name of an unknown type")
    if _end_of(content, 3, 2, 1, 65535) != end:
        raise _Broken("a ClientHello whose lengths do not fit")
    text = content[5:].decode("latin-1")
    if not is_name(text):
        raise _Broken("a server's name that is not the name of a host")
    return text.lower()
