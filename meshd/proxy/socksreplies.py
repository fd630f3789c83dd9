"""Every answer to a SOCKS client: one table, a row for each reason of `replies`.

Before the login the only "no" is that no authentication method is acceptable; to a login it is a status of RFC 1929,
where all but 0 refuse; to a request it is a REP field of RFC 1928.  SOCKS has room for nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from meshd.socks5 import place
from meshd.values.addresses import parse_ip


class Row(NamedTuple):
    """How a SOCKS client is answered for one reason."""

    reply: int
    """The REP field of RFC 1928, section 6."""
    status: int = 255
    """The status in answer to a login; the numbers are our choice, for people who read a client's error message."""


_GENERAL, _NOT_ALLOWED, _NETWORK, _HOST, _REFUSED, _EXPIRED, _COMMAND = 1, 2, 3, 4, 5, 6, 7

REPLIES: Mapping[str, Row] = MappingProxyType(
    {
        "auth-required": Row(_NOT_ALLOWED, 1),
        "auth-invalid": Row(_NOT_ALLOWED, 1),
        "auth-banned": Row(_NOT_ALLOWED, 2),
        "auth-unavailable": Row(_GENERAL, 3),
        "account-inactive": Row(_NOT_ALLOWED, 4),
        "proxy-not-authorized": Row(_NOT_ALLOWED, 5),
        "quota-monthly": Row(_NOT_ALLOWED),
        "quota-total": Row(_NOT_ALLOWED),
        "quota-parent": Row(_NOT_ALLOWED),
        "rate-tunnels": Row(_GENERAL),
        "rate-requests": Row(_GENERAL),
        "rate-addresses": Row(_GENERAL),
        "acl-host": Row(_NOT_ALLOWED),
        "acl-port": Row(_NOT_ALLOWED),
        "acl-private": Row(_NOT_ALLOWED),
        "ended-by-operator": Row(_NOT_ALLOWED),
        "ended-by-holder": Row(_NOT_ALLOWED),
        "acl-plan": Row(_NOT_ALLOWED),
        "acl-parent": Row(_NOT_ALLOWED),
        "acl-account": Row(_NOT_ALLOWED),
        "acl-token": Row(_NOT_ALLOWED),
        "no-exit": Row(_NETWORK),
        "exit-failed": Row(_GENERAL),
        "exit-refused": Row(_GENERAL),
        "session-exit-gone": Row(_NETWORK),
        "bad-selection": Row(_NOT_ALLOWED, 6),
        "overloaded": Row(_GENERAL, 3),
        "bad-request": Row(_GENERAL),
        "uri-too-long": Row(_GENERAL),
        "fields-too-large": Row(_GENERAL),
        "not-implemented": Row(_COMMAND),
        "http-version": Row(_GENERAL),
        "head-timeout": Row(_EXPIRED),
        "dns-error": Row(_HOST),
        "dns-timeout": Row(_HOST),
        "connection-refused": Row(_REFUSED),
        "connection-reset": Row(_HOST),
        "unreachable": Row(_HOST),
        "connection-timeout": Row(_HOST),
        "first-byte-timeout": Row(_HOST),
        "bad-response": Row(_GENERAL),
        "response-head-too-large": Row(_GENERAL),
        "response-incomplete": Row(_GENERAL),
        "internal": Row(_GENERAL),
    }
)

NO_METHOD = b"\x05\xff"
LOGGED_IN = b"\x01\x00"

REJECTED = b"\x00\x5b" + bytes(6)
"""The answer of SOCKS4 and 4a to a request that is rejected; the six bytes after it mean nothing then."""

_NOWHERE = b"\x01\x00\x00\x00\x00"
"""ATYP and 0.0.0.0, in place of an address that is not told."""


def method(chosen: int) -> bytes:
    """The answer to a greeting: the authentication method chosen of those that the client offered."""
    return bytes((5, chosen))


def not_logged_in(reason: str) -> bytes:
    return bytes((1, REPLIES[reason].status))


def refused(reply: int) -> bytes:
    """The answer to a request, with that REP and no address."""
    return b"\x05%c\x00%b\x00\x00" % (reply, _NOWHERE)


def established(source: str) -> bytes:
    """The answer to a request whose tunnel stands, without a port.

    source: the local address of the connection, or the name of an exit whose address is not known.
    """
    address = parse_ip(source)
    if address is None:
        return refused(0)
    return b"\x05\x00\x00%c%b\x00\x00" % (1 if address.version == 4 else 4, address.packed)


def associated(address: str, port: int) -> bytes:
    """The answer to a request to pass datagrams on: where the client is to send them."""
    return b"\x05\x00\x00" + place(address, port)
