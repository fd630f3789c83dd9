"""The messages of a SOCKS5 client (RFC 1928, and RFC 1929 for its login), read from bytes, and the head of a datagram.

Each message is read whole or not at all; none is longer than 515 bytes.  Nothing is repaired: a reserved byte must be
zero, and the destination must follow the grammar of an HTTP client's `CONNECT`.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from meshd.http1.errors import BadMessage
from meshd.http1.target import AuthorityForm, read_target

VERSION = 5
OLD_VERSION = 4
"""What requests of SOCKS4 and 4a begin with."""
NO_AUTHENTICATION = 0x00
BY_PASSWORD = 0x02

GENERAL_FAILURE = 1
COMMAND_NOT_SUPPORTED = 7
ADDRESS_TYPE_NOT_SUPPORTED = 8

_LOGIN_VERSION = 1
CONNECT, UDP_ASSOCIATE = 1, 3
"""Commands that are served: CMD of RFC 1928, 4."""
IPV4, NAME, IPV6 = 1, 3, 4
"""Address types: ATYP of RFC 1928, 5."""


class BadSocks(BadMessage):
    """A message that breaks the protocol, or asks for something that is not served."""

    def __init__(self, rule: str, reply: int = GENERAL_FAILURE) -> None:
        super().__init__(501 if reply == COMMAND_NOT_SUPPORTED else 400, rule)
        self.reply = reply
        """The REP field of the answer, where the message was a request."""


class Greeting(NamedTuple):
    """The authentication methods that the client offers; size: bytes of the message."""

    methods: frozenset[int]
    size: int


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password as they came; size: bytes of the message."""

    username: bytes
    password: bytes = field(repr=False)
    size: int

    @property
    def basic(self) -> bytes:
        """The login as a Basic credential (RFC 7617), so that it means the same as over HTTP."""
        return b"Basic " + b64encode(self.username + b":" + self.password)


class Connect(NamedTuple):
    """A request for a tunnel; size: bytes of the message."""

    target: AuthorityForm
    size: int


class Associate(NamedTuple):
    """A request to pass datagrams on; size: bytes of the message."""

    port: int
    """From which the client says that it will send; 0 where it does not know yet.

    The address beside it is not heeded: a client behind NAT does not know its own.
    """
    size: int


class Datagram(NamedTuple):
    """The head of a datagram; size: bytes of the head, after which the payload comes."""

    target: AuthorityForm
    size: int


_UNFRAGMENTED = bytes(3)
"""RSV, two bytes, and FRAG: a datagram that is no fragment."""
_LONGEST_HEAD = 4 + 256 + 2


def read_greeting(buffer: bytes) -> Greeting | None:
    """The greeting that buffer begins with; None while it is incomplete.  Raises: BadSocks."""
    if buffer and buffer[0] != VERSION:
        raise BadSocks("not SOCKS version 5")
    if len(buffer) < 2:
        return None
    size = 2 + buffer[1]
    if size == 2:
        raise BadSocks("no way to authenticate is offered")
    return Greeting(frozenset(buffer[2:size]), size) if len(buffer) >= size else None


def read_login(buffer: bytes) -> Login | None:
    """The login that buffer begins with; None while it is incomplete.

    RFC 1929 wants name and password of at least one byte; here one may be empty, as a token may stand in either alone.
    Raises: BadSocks.
    """
    if buffer and buffer[0] != _LOGIN_VERSION:
        raise BadSocks("not a login of version 1")
    if len(buffer) < 2:
        return None
    name_end = 2 + buffer[1]
    if len(buffer) <= name_end:
        return None
    size = name_end + 1 + buffer[name_end]
    return Login(buffer[2:name_end], buffer[name_end + 1 : size], size) if len(buffer) >= size else None


def read_request(buffer: bytes) -> Connect | Associate | None:
    """The request that buffer begins with; None while it is incomplete.  Raises: BadSocks."""
    if buffer and buffer[0] != VERSION:
        raise BadSocks("not SOCKS version 5")
    if len(buffer) > 1 and buffer[1] not in {CONNECT, UDP_ASSOCIATE}:
        raise BadSocks("only CONNECT and UDP ASSOCIATE are served", COMMAND_NOT_SUPPORTED)
    if len(buffer) > 2 and buffer[2] != 0:
        raise BadSocks("a reserved byte that is not zero")
    if len(buffer) < 5:
        return None
    width = address_width(buffer[3], buffer[4])
    if width is None:
        raise BadSocks("an unknown type of address", ADDRESS_TYPE_NOT_SUPPORTED)
    size = 4 + width + 2
    if len(buffer) < size:
        return None
    if buffer[1] == UDP_ASSOCIATE:
        return Associate(int.from_bytes(buffer[size - 2 : size], "big"), size)
    return Connect(_target(buffer[3:size]), size)


def read_datagram(data: bytes | memoryview) -> Datagram | None:
    """The head of a client's datagram (RFC 1928, 7).

    None for one that has to be dropped: a fragment, one without a whole head, one whose destination breaks the grammar.
    """
    head = bytes(data[:_LONGEST_HEAD])
    if len(head) < 5 or head[:3] != _UNFRAGMENTED:
        return None
    size = head_size(memoryview(head))
    if not size or len(head) < size:
        return None
    try:
        return Datagram(_target(head[3:size]), size)
    except BadSocks:
        return None


def head_size(data: memoryview) -> int:
    """Bytes of the head of a datagram, as far as its first five tell; 0 where they are no head's."""
    width = address_width(data[3], data[4]) if len(data) > 4 else None
    return 4 + width + 2 if width is not None else 0


def datagram_head(address: str, port: int) -> bytes:
    """The head of a datagram from or to a numeric address."""
    return _UNFRAGMENTED + place(address, port)


def place(address: str, port: int) -> bytes:
    """ATYP, address and port of a numeric address."""
    parsed = ip_address(address.partition("%")[0])
    return b"%c%b%b" % (IPV4 if parsed.version == 4 else IPV6, parsed.packed, port.to_bytes(2, "big"))


def address_width(kind: int, first: int) -> int | None:
    """Bytes of an address of that type (ATYP), whose first byte is given; None for an unknown type."""
    return {IPV4: 4, IPV6: 16, NAME: 1 + first}.get(kind)


def _target(place: bytes) -> AuthorityForm:
    """A destination, ATYP and all, read as the target of `CONNECT host:port` is.  Raises: BadSocks."""
    kind, address, port = place[0], place[1:-2], int.from_bytes(place[-2:], "big")
    if kind == NAME:
        host = address[1:]
        if b":" in host and host[:1] != b"[":  # an IPv6 address as a text, as Chromium sends it
            host = b"[%b]" % host
    elif kind == IPV4:
        host = b".".join(b"%d" % byte for byte in address)
    else:
        host = b"[%b]" % str(IPv6Address(address)).encode("ascii")
    try:
        target = read_target(b"CONNECT", b"%b:%d" % (host, port))
    except BadMessage as bad:
        raise BadSocks(bad.rule) from None
    assert isinstance(target, AuthorityForm)
    return target
