"""Whether a place leads back to this daemon: asked of the kernel, as any address of this host does."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address

from meshd.exits.destinations import OwnListeners
from meshd.values.addresses import Address
from meshd.values.internet import unwrap
from meshd.values.udp import Udp


def is_own(own: OwnListeners, addresses: Iterable[str], port: int) -> bool:
    """Whether one of the addresses, with that port, leads back to a listener of this daemon."""
    return port in own.ports and any(not own.addresses.isdisjoint(_both(each)) or is_local(each) for each in addresses)


def is_mouth(udp: Udp, addresses: Iterable[str], port: int) -> bool:
    """Whether one of the addresses, with that port, is where clients of this daemon may send datagrams to."""
    ours = any(low <= port <= high for low, high in udp.reserved)
    return ours and any(udp.address in _both(each) or is_local(each) for each in addresses)


def is_local(address: str) -> bool:
    """Whether address is one of this host, or leads to one: the kernel connects to its own from that very address.

    Loopback is decided beforehand, as the kernel connects to all of 127.0.0.0/8 from 127.0.0.1.
    """
    whole, target = ip_address(address), unwrap(ip_address(address))
    return target.is_loopback or target.is_unspecified or any(map(_is_bound, {whole, target}))


def _both(address: str) -> set[str]:
    """The address, and the IPv4 address inside it, where it has one, each in its one spelling."""
    whole = ip_address(address)
    return {str(whole), str(unwrap(whole))}


def _is_bound(address: Address) -> bool:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False
