"""How much the kernel keeps of a connection whose reader is slow.

Left to itself it keeps some megabytes on either side of us, and more of them the faster we take them over.  So a client
is given little that cannot be sent yet until it has shown that it reads, and what is taken in from afar is bounded by
a window: that is what a connection can move in one round trip.
"""

from __future__ import annotations

import socket
from pathlib import Path

from meshd.sockets.wire import set_option

NOTSENT_LOWAT = 25
"""TCP_NOTSENT_LOWAT, which Python has a name for from 3.12 on."""

UNPROVEN = 128 * 1024
"""Bytes that the kernel takes for a client without being able to send them, until it has shown that it reads."""

PROOF = 1024 * 1024
"""Bytes that it has taken then: more than it could without reading."""

_NO_BOUND = b"\xff\xff\xff\xff"
_RMEM_MAX = Path("/proc/sys/net/core/rmem_max")


def trust_reader(fd: int) -> None:
    """The client reads: the kernel may keep for it as much as a fast transfer needs."""
    set_option(fd, socket.IPPROTO_TCP, NOTSENT_LOWAT, _NO_BOUND)


def receive_buffer(window: int, largest: int) -> int:
    """What SO_RCVBUF has to be for a window of so many bytes; 0 where the kernel is to decide.

    largest: what the host lets a process ask for.  Where the window is larger, the kernel's own choice is better than
    a narrower one.
    """
    half = window // 2  # the kernel doubles it, for what it has to keep besides the bytes
    return half if half <= largest else 0


def largest_receive_buffer() -> int:
    """`net.core.rmem_max` of this host."""
    try:
        return int(_RMEM_MAX.read_text())
    except (OSError, ValueError):
        return 0
