"""The messages of a SOCKS5 client (RFC 1928, and RFC 1929 for its login), read from bytes.

Each message is read whole or not at all; none is longer than 515 bytes.  Nothing is repaired: a reserved byte must be
zero, and the destination must follow the grammar of an HTTP client's `CONNECT`.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import IPv6Address
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
_CONNECT = 1
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


def read_connect(buffer: bytes) -> Connect | None:
    """The request that buffer begins with; None while it is incomplete.  Raises: BadSocks."""
    if buffer and buffer[0] != VERSION:
        raise BadSocks("not SOCKS version 5")
    if len(buffer) > 1 and buffer[1] != _CONNECT:
        raise BadSocks("only CONNECT is served", COMMAND_NOT_SUPPORTED)
    if len(buffer) > 2 and buffer[2] != 0:
        raise BadSocks("a reserved byte that is not zero")
    if len(buffer) < 5:
        return None
    width = {IPV4: 4, IPV6: 16, NAME: 1 + buffer[4]}.get(buffer[3])
    if width is None:
        raise BadSocks("an unknown type of address", ADDRESS_TYPE_NOT_SUPPORTED)
    size = 4 + width + 2
    return Connect(_target(buffer[:size]), size) if len(buffer) >= size else None


def _target(message: bytes) -> AuthorityForm:
    """The destination of a whole request, read as the target of `CONNECT host:port` is.  Raises: BadSocks."""
    kind, address, port = message[3], message[4:-2], int.from_bytes(message[-2:], "big")
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
