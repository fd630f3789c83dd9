"""The first bytes of a connection, which tell its protocol: a PROXY header, TLS, SOCKS5, or else HTTP.

A PROXY header is expected on listeners that are declared so and from the peers that the settings name, and nowhere
else.  TLS may be around SOCKS5 or HTTP, not around TLS; there its client may choose HTTP/2.
"""

from __future__ import annotations

from ipaddress import ip_address

from meshd.proxy.client import Client
from meshd.proxy.http import HttpSpeech
from meshd.proxy.plane import DataPlane
from meshd.proxy.session import Session
from meshd.proxy.socks import OldSocksSpeech, SocksSpeech
from meshd.socks5 import OLD_VERSION, VERSION
from meshd.tls.contexts import HTTP_2
from meshd.tls.records import HANDSHAKE
from meshd.topology import Network

_PRINTABLE = 0x20
"""HTTP begins with a printable character, or with an empty line; the first bytes of TLS and SOCKS5 are below this."""


async def meet(client: Client, plane: DataPlane) -> bool:
    """Find out which protocol the client speaks; False where it has left.  Raises: BadMessage, ClientGone, Stopped."""
    if not client.buffer and not await client.receive():
        return False
    named = plane.live.topology.proxies.get(client.proxy)
    senders = named.proxy_protocol_from if named is not None else ()
    if (client.introduced or (senders and _is_in(client.wire.peer, senders))) and not await client.introduce():
        return False
    if client.buffer[0] >= _PRINTABLE:
        return True
    if client.buffer[0] == HANDSHAKE and plane.tls is not None:
        client.speech = None
        if plane.offenders.offends(client.wire.peer) and not await plane.offenders.turn(client.wire.peer):
            return False
        if not await client.take_off_tls(plane.tls()) or not await client.receive():
            return False
        secure = client.wire.sealed
        client.speech = Session(client, plane) if secure and secure.protocol == HTTP_2 else HttpSpeech(client, plane)
    if client.buffer[0] == VERSION:
        client.speech = SocksSpeech(client)
    elif client.buffer[0] == OLD_VERSION:
        client.speech = OldSocksSpeech()
    return True


def _is_in(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether the peer's address is in one of the networks; a Unix socket's peer has none ("")."""
    address = ip_address(peer) if peer else None
    return address is not None and any(address in network for network in networks)
