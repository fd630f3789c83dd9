"""The first message of a TLS client, which names the server that it wants (RFC 8446, 4.1.2; RFC 6066, 3).  Pure.

The message is read before TLS begins, to choose where the connection goes and which certificate it gets.  Nothing is
repaired: what breaks the grammar is no ClientHello.  The same bytes may come in one piece or in many; until the whole
message has come, the answer is `None`.
"""

from __future__ import annotations

from dataclasses import dataclass

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
_LARGEST_RECORD = 16 * 1024


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
        message = _gather(data)
        return None if message is None else ClientHello(_name_in(message))
    except _Broken as broken:
        return NotTLS(str(broken))


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


class _Cursor:
    """Reads from the front of bytes, which must be used up."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next so many bytes.  Raises: _Broken."""
        if size > self.left:
            raise _Broken("a ClientHello whose lengths do not fit")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, width: int, least: int, most: int) -> bytes:
        """Bytes behind their length, which has so many bytes itself.  Raises: _Broken."""
        size = self.number(width)
        if not least <= size <= most:
            raise _Broken("a ClientHello with a length that no client may send")
        return self.take(size)

    def end(self) -> None:
        """Check that nothing is left.  Raises: _Broken."""
        if self.left:
            raise _Broken("a ClientHello whose lengths do not fit")


def _name_in(body: bytes) -> str:
    """The server's name in the body of a ClientHello; "" for none.  Raises: _Broken."""
    hello = _Cursor(body)
    if hello.number(2) >> 8 != 3:
        raise _Broken("not a version of TLS")
    hello.take(32)  # random
    hello.vector(1, 0, 32)  # legacy_session_id
    if len(hello.vector(2, 2, 65534)) % 2:
        raise _Broken("half a cipher suite")
    if 0 not in hello.vector(1, 1, 255):
        raise _Broken("no offer to leave out compression")
    if not hello.left:  # TLS 1.2 without extensions (RFC 5246, 7.4.1.2)
        return ""
    extensions = _Cursor(hello.vector(2, 0, 65535))
    hello.end()
    return _name_among(extensions)


def _name_among(extensions: _Cursor) -> str:
    """The name in the extension `server_name`; "" where that is missing.  Raises: _Broken."""
    name = ""
    seen: set[int] = set()
    while extensions.left:
        kind = extensions.number(2)
        content = extensions.vector(2, 0, 65535)
        if kind in seen:
            raise _Broken("an extension that comes twice")
        seen.add(kind)
        if kind == _SERVER_NAME:
            name = _host_name(content)
    return name


def _host_name(content: bytes) -> str:
    """The one name that the extension may hold.  Raises: _Broken."""
    extension = _Cursor(content)
    names = _Cursor(extension.vector(2, 1, 65535))
    extension.end()
    if names.number(1) != _HOST_NAME:
        raise _Broken("a server's name of an unknown type")
    text = names.vector(2, 1, 65535).decode("latin-1")
    names.end()
    if not is_name(text):
        raise _Broken("a server's name that is not the name of a host")
    return text.lower()
