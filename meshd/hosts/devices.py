"""The addresses that a network device has."""

from __future__ import annotations

import fcntl
import socket
import struct
from array import array
from ipaddress import IPv6Address
from pathlib import Path

MOST = 1024
"""IPv4 addresses of this host that are looked at."""

_SIOCGIFCONF = 0x8912
_ENTRY = 40
"""Bytes of a `struct ifreq`: a name of 16 and what is known of it; an IPv4 address begins 20 bytes from the front."""
_IF_INET6 = Path("/proc/net/if_inet6")


def addresses_of(device: str) -> tuple[str, ...]:
    """The addresses of the device, IPv4 first; () for none, and where there is no such device.  Raises: OSError."""
    return (*_four_of(device), *_six_of(device))


def _four_of(device: str) -> list[str]:
    """An alias of the old kind (`eth0:1`) is an address of its device."""
    room = array("B", bytes(MOST * _ENTRY))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asked = struct.pack("iP", len(room), room.buffer_info()[0])
        length = struct.unpack("iP", fcntl.ioctl(asking, _SIOCGIFCONF, asked))[0]
    entries = room.tobytes()
    found = []
    for at in range(0, length, _ENTRY):
        name = entries[at : at + 16].partition(b"\0")[0].decode("latin-1")
        if name.partition(":")[0] == device:
            found.append(socket.inet_ntoa(entries[at + 20 : at + 24]))
    return found


def _six_of(device: str) -> list[str]:
    try:
        lines = _IF_INET6.read_text("ascii").splitlines()
    except OSError:  # a host without IPv6
        return []
    columns = (line.split() for line in lines)
    return [str(IPv6Address(int(each[0], 16))) for each in columns if each[-1] == device]
