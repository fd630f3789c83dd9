"""Sockets for the ports of streams and port forwards: on all addresses, on one address, or on those of one device."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from meshd.hosts.devices import addresses_of
from meshd.hosts.ports import Place
from meshd.values.addresses import parse_ip

BACKLOG = 4096
"""Connections that may wait to be accepted, as at meshd's other listeners."""

DATAGRAMS = 4 * 1024 * 1024
"""Bytes of datagrams that the kernel keeps for a busy process, as far as the host lets it: 32 of the largest."""

IP_PKTINFO = 8
"""The option, and the control message, that tells which local address a datagram came to."""

BIND_TO_DEVICE = 25
"""SO_BINDTODEVICE: only what comes in by that device."""

Address = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Opened:
    """Sockets for one place, which the caller closes; those for TCP listen."""

    sockets: tuple[socket.socket, ...]
    how: str
    """How they are bound, for people: `all addresses`."""


def open_place(place: Place) -> Opened:
    """Open what the place needs.  Raises: OSError, whose `strerror` is for people."""
    interface = place.interface
    if not interface:
        return Opened((_everywhere(place, ""),), "all addresses")
    if parse_ip(interface) is not None:
        return Opened((_bound(place, _sockaddr(interface, place.port)),), "the address")
    if interface not in {name for _, name in socket.if_nameindex()}:
        raise OSError(errno.ENODEV, f"there is no network device {interface}")
    try:
        return Opened((_everywhere(place, interface),), "the device")
    except PermissionError:
        return _each_address(place, interface)


def taken(place: Place, sockets: Sequence[socket.socket]) -> Opened:
    """What an earlier process had opened for the place."""
    for sock in sockets:
        sock.setblocking(False)
    if not place.interface:
        return Opened(tuple(sockets), "all addresses")
    if parse_ip(place.interface) is not None:
        return Opened(tuple(sockets), "the address")
    bound = sockets[0].getsockopt(socket.SOL_SOCKET, BIND_TO_DEVICE, 32).strip(b"\0")
    return Opened(tuple(sockets), "the device" if bound else "the device's addresses")


def _each_address(place: Place, device: str) -> Opened:
    """Sockets on the addresses that the device has now, for a process that may not bind to devices."""
    addresses = addresses_of(device)
    if not addresses:
        raise OSError(errno.EADDRNOTAVAIL, f"{device} has no address")
    with ExitStack() as opened:
        sockets = tuple(opened.enter_context(_bound(place, _sockaddr(each, place.port, device))) for each in addresses)
        opened.pop_all()
    return Opened(sockets, "the device's addresses")


def _everywhere(place: Place, device: str) -> socket.socket:
    """A socket on all addresses of both families, as far as the host has them.  Raises: OSError."""
    try:
        return _bound(place, ("::", place.port), device)
    except OSError as error:
        if error.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
            raise
        return _bound(place, ("0.0.0.0", place.port), device)  # noqa: S104 (it is what was asked)


def _bound(place: Place, address: Address, device: str = "") -> socket.socket:
    """A socket bound to the address, listening if it is for TCP.  Raises: OSError."""
    kind = socket.SOCK_STREAM if place.transport == "tcp" else socket.SOCK_DGRAM
    six = ":" in address[0]
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, kind | socket.SOCK_NONBLOCK)
    try:
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
        if device:
            sock.setsockopt(socket.SOL_SOCKET, BIND_TO_DEVICE, device.encode() + b"\0")
        if place.transport == "tcp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            _for_datagrams(sock, six=six)
        sock.bind(address)
        if place.transport == "tcp":
            sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _for_datagrams(sock: socket.socket, *, six: bool) -> None:
    """Have the socket tell which address each datagram came to, since the answer must come from there."""
    if six:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DATAGRAMS)


def _sockaddr(address: str, port: int, device: str = "") -> Address:
    if address.startswith("fe80:"):
        return address, port, 0, socket.if_nametoindex(device) if device else 0
    return address, port
