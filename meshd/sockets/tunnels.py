"""Which kind of tunnel two wires become, and a tunnel that is held to a rate from now on."""

from __future__ import annotations

from collections.abc import Callable

from meshd.sockets.flow import Flow
from meshd.sockets.metering import TunnelMeter
from meshd.sockets.relay import Relay, Tunnel
from meshd.sockets.sealedtunnel import SealedTunnel, ShapedSealedTunnel
from meshd.sockets.shaped import ShapedTunnel
from meshd.sockets.windows import PROOF
from meshd.sockets.wire import Wire


def join(
    relay: Relay,
    client: Wire,
    origin: Wire,
    meter: TunnelMeter,
    *,
    early: bytes,
    late: bytes,
    ended: Callable[[str], None],
) -> Tunnel:
    """Give both sockets to a tunnel, which starts at once.

    early, late: bytes that were read before, not counted yet, of the client for the origin, and the other way.  ended:
    as in `Tunnel`.
    """
    from_client, from_origin = client.fd, origin.fd
    up = Flow(from_client, from_origin, True, early, b"", 0)
    down = Flow(from_origin, from_client, False, b"", late, PROOF)
    tunnel: Tunnel
    if client.sealed is None and origin.sealed is None:
        tunnel = (ShapedTunnel if meter.shaped else Tunnel)(relay, meter, up, down, ended)
    else:
        sealed = {wire.fd: wire.sealed for wire in (client, origin) if wire.sealed is not None}
        sealing = ShapedSealedTunnel if meter.shaped else SealedTunnel
        tunnel = sealing(relay, meter, up, down, ended, sealed=sealed)
    client.release()
    origin.release()
    meter.stop, meter.resume = tunnel.stopped, tunnel.resume
    tunnel.start(client.readable, origin.readable)
    return tunnel


def fail(tunnel: Tunnel) -> None:
    """End a tunnel whose client is gone: its origin sees a reset, unless that has said all; if over, it stays so."""
    tunnel._fail(tunnel._up)


def shape(tunnel: Tunnel) -> None:
    """Hold an open tunnel to the rates of its meter, which has become a shaped one."""
    if not isinstance(tunnel, ShapedTunnel):
        tunnel.__class__ = ShapedSealedTunnel if isinstance(tunnel, SealedTunnel) else ShapedTunnel
