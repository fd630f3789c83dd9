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
from meshd.sockets.line import Leaving
from meshd.sockets.task import READING, Pause, parked
from meshd.socks5 import OLD_VERSION, VERSION
from meshd.tls.contexts import HTTP_2
from meshd.tls.records import HANDSHAKE
from meshd.topology import Network

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What HTTP/2 begins with (RFC 9113, 3.4)."""

_ENDS = (b" HTTP/1.1\r\n", b" HTTP/1.0\r\n")
"""What the first line of a request of HTTP/1.1 ends with."""

_PRINTABLE = 0x20
"""HTTP begins with a printable character, or with an empty line; the first bytes of TLS and SOCKS5 are below this."""


async def meet(client: Client, plane: DataPlane) -> bool:
    """Find out which protocol the client speaks; False where it has left.  Raises: BadMessage, ClientGone, Stopped."""
    if not client.buffer and not await client.receive():
        return False
    named = plane.live.topology.proxies.get(client.proxy)
    senders = named.proxy_protocol_from if named is not None else ()
    peer = came = client.wire.peer
    if client.introduced or (senders and _is_in(came, senders)):
        if not await client.introduce():
            return False
        peer = client.wire.peer if client.wire.peer != came else ""  # a balancer answers for none of its clients
    if client.buffer[0] >= _PRINTABLE:
        return True
    if client.buffer[0] == HANDSHAKE and plane.tls is not None:
        client.speech = None
        if not await _may_begin(client, plane, peer):
            return False
        if not await client.take_off_tls(plane.tls()) or not await client.receive():
            return False
        is_http_2 = await _speaks_http_2(client, plane)
        if is_http_2 is None:
            return False
        client.speech = Session(client, plane, peer) if is_http_2 else HttpSpeech(client, plane)
    if client.buffer[0] == VERSION:
        client.speech = SocksSpeech(client)
    elif client.buffer[0] == OLD_VERSION:
        client.speech = OldSocksSpeech()
    return True


async def _may_begin(client: Client, plane: DataPlane, peer: str) -> bool:
    """Let a client whose address has offended wait before its handshake; False where it comes too late then.  peer:
    that address, "" where nobody's is known.

    The more clients of that address wait, the less each does: none of them is ended to make room for others.
    """
    seconds = plane.offenders.delay(peer)
    if not seconds:
        return True
    longest = plane.live.timeouts.head / 2
    await _wait(client, plane, min(seconds * max(0.0, 1 - 2 * plane.caps.part_of(peer)), longest))
    return not plane.draining


async def _wait(client: Client, plane: DataPlane, seconds: float) -> None:
    """Wait, in the time of a handshake, and no longer than the client does.  Raises: ClientGone."""
    client.handshake(over=False)
    leaving = Leaving(client.wire, client.task, listens=False)
    leaving.check()
    pause = Pause()
    before, client.wire.watcher = client.wire.watcher, leaving
    waits = plane.wheel.soon(seconds, pause.over)
    try:
        await parked(pause, READING)
    finally:
        client.wire.watcher = before
        if waits.active():
            waits.cancel()


async def _speaks_http_2(client: Client, plane: DataPlane) -> bool | None:
    """Whether a client who may is to be heard so: not if its first line is a request's of HTTP/1.1.  Go's net/http
    (1.19) offers HTTP/2 to a proxy, and then writes CONNECT as HTTP/1.1 has it.  None where it leaves before.

    A line that begins with a letter and does not end, in time or in its bound, is HTTP/1.1's, to be refused as that.
    """
    secure = client.wire.sealed
    if secure is None or secure.protocol != HTTP_2:
        return False
    if not client.buffer[:1].isupper():
        return True
    seen, longest = 0, plane.live.limits.request_line_bytes
    while not (end := client.buffer.find(b"\n", seen) + 1):
        if (seen := len(client.buffer)) > longest:
            return False
        if client.speech is None and not _PREFACE.startswith(client.buffer):
            client.speech = HttpSpeech(client, plane)
        if not await client.receive():
            return None
    return not client.buffer[:end].endswith(_ENDS)


def _is_in(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether the peer's address is in one of the networks; a Unix socket's peer has none ("")."""
    address = ip_address(peer) if peer else None
    return address is not None and any(address in network for network in networks)
