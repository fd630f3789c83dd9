"""Who a request is from, as far as its peer is believed, and what of it the upstream is told.  Pure.

Only peers that the settings name are believed: from anybody else, fields that say who sent a request are dropped, also
where a name is spelled with an underscore, which many servers take for a hyphen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from meshd.http1.fields import Fields
from meshd.http1.framing import BodyFraming, framing_field
from meshd.http1.keep import end_to_end
from meshd.values.addresses import parse_ip, unmapped

Network = IPv4Network | IPv6Network

MOST_HOPS = 100
"""Addresses of X-Forwarded-For that are looked at, from the nearest on."""

ANEW = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade"})
"""Fields of a request that are written anew for the upstream."""

_FRAMING = ANEW | {b"connection", b"expect", b"te", b"trailer"}
_TOLD = (b"x-forwarded-",)
_TOLD_ALONE = frozenset({b"forwarded", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip"})
_MISREAD = frozenset({b"proxy"})
"""Fields that some upstreams take for a setting of their own: CGI has Proxy as the variable HTTP_PROXY."""
_OURS = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip"})
USER = b"x-authenticated-user"
"""The field by which the upstream is told who has signed in, which no client may set."""


class Sender(NamedTuple):
    """Who a request is from."""

    address: str
    """The client's, as far as trusted peers tell; else the peer's own.  "" where a peer tells one that cannot be read:
    it is not the peer's, which a list may let in."""
    secure: bool
    """Whether the client came by TLS, to here or to a trusted peer."""
    chain: bytes
    """The value of X-Forwarded-For that the upstream is sent."""
    host: bytes
    """The Host that the client has asked for."""
    trusted: bool
    """Whether the peer is believed."""


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks; "", of a Unix socket, never is."""
    if not networks or not address:
        return False
    parsed = parse_ip(address)
    return parsed is not None and any(unmapped(parsed) in network for network in networks)


def sender_of(peer: str, fields: Fields, host: bytes, trusted: Sequence[Network], *, secure: bool) -> Sender:
    """Who sent a request.

    peer: the address of the connection's other side; host: the value of Host; trusted: networks of believed peers;
    secure: whether the connection is TLS.
    """
    if not is_in(peer, trusted):
        return Sender(peer, secure, peer.encode(), host, False)
    told = [each.strip() for value in fields.all(b"x-forwarded-for") for each in value.split(b",")]
    told = [each for each in told if each][-MOST_HOPS:]
    address = peer
    for each in reversed(told):
        address = _hop(each.decode("latin-1"))
        if not is_in(address, trusted):
            break
    proto = fields.all(b"x-forwarded-proto")
    said = proto[0].strip().lower() if len(proto) == 1 else b""
    asked = fields.all(b"x-forwarded-host")
    return Sender(
        address,
        said == b"https" if said in {b"http", b"https"} else secure,
        b", ".join([*told, peer.encode()]),
        asked[0] if len(asked) == 1 and asked[0] else host,
        True,
    )


_PORT = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")


def _hop(text: str) -> str:
    """The address that a member of X-Forwarded-For tells, some write a port after it; "" where it tells none."""
    found = _PORT.fullmatch(text)
    hop = parse_ip((found["v6"] or found["v4"]) if found is not None else text)
    return "" if hop is None else str(unmapped(hop))


def told_fields(
    fields: Fields, sender: Sender, framing: BodyFraming, *, drop: frozenset[bytes] = frozenset()
) -> list[tuple[bytes, bytes]]:
    """The fields for the upstream: the client's own end-to-end ones, and who sent them.

    framing: what the fields say, which is written anew; drop: further names to leave out.
    Raises: BadMessage.
    """
    gone = ANEW | _OURS | _MISREAD | {USER} | drop
    if not sender.trusted:
        gone |= _TOLD_ALONE
    kept = end_to_end(fields, gone, () if sender.trusted else _TOLD, anew=framing_field(framing))
    if b"_" in b"".join(name for name, _ in kept):
        kept = [(name, value) for name, value in kept if not _disguised(name, gone, sender)]
    return [
        *kept,
        (b"X-Real-IP", sender.address.encode() or b"unknown"),
        (b"X-Forwarded-For", sender.chain),
        (b"X-Forwarded-Proto", b"https" if sender.secure else b"http"),
        (b"X-Forwarded-Host", sender.host),
    ]


def _disguised(name: bytes, gone: frozenset[bytes], sender: Sender) -> bool:
    """Whether a server that takes an underscore for a hyphen would take the field for one that only meshd may set."""
    if b"_" not in name:
        return False
    plain = name.lower().replace(b"_", b"-")
    return plain in gone or plain in _FRAMING or (not sender.trusted and plain.startswith(_TOLD))
