"""Whether a place leads back to this daemon: asked of the kernel, as any address of this host does."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address

from meshd.exits.destinations import OwnListeners
from meshd.values.internet import unwrap
from meshd.values.udp import Udp


def is_own(own: OwnListeners, addresses: Iterable[str], port: int) -> bool:
    """Whether one of the addresses, with that port, leads back to a listener of this daemon."""
    return port in own.ports and any(address in own.addresses or is_local(address) for address in addresses)


def is_mouth(udp: Udp, addresses: Iterable[str], port: int) -> bool:
    """Whether one of the addresses, with that port, is where clients of this daemon may send datagrams to."""
    ours = any(low <= port <= high for low, high in udp.reserved)
    return ours and any(address == udp.address or is_local(address) for address in addresses)


def is_local(address: str) -> bool:
    """Whether address is one of this host: the kernel then connects to it from that very address.

    Loopback is decided beforehand, as the kernel connects to all of 127.0.0.0/8 from 127.0.0.1.
    """
    target = unwrap(ip_address(address))
    if target.is_loopback or target.is_unspecified:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0]) == address
    except OSError:
        return False
