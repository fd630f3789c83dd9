"""How many bytes the kernel buffers for a connection whose reader is slow.

Left to itself the kernel buffers megabytes on either side of us, and more, the faster we read.  So little is buffered
for a client until the client has shown that it reads, and what an origin sends is bounded by a receive window: the
bytes that a connection can move in one round trip.
"""

from __future__ import annotations

import socket
from pathlib import Path

from meshd.sockets.wire import set_option

NOTSENT_LOWAT = 25
"""The socket option TCP_NOTSENT_LOWAT, which Python has a name for from 3.12 on."""

UNPROVEN = 128 * 1024
"""Bytes that the kernel buffers unsent for a client that has not shown yet that it reads."""

PROOF = 1024 * 1024
"""Bytes taken by a client that show that it reads: more than the buffers hold."""

_NO_BOUND = b"\xff\xff\xff\xff"
_RMEM_MAX = Path("/proc/sys/net/core/rmem_max")


def trust_reader(fd: int) -> None:
    """Let the kernel buffer as much for a client that reads as a fast transfer needs."""
    set_option(fd, socket.IPPROTO_TCP, NOTSENT_LOWAT, _NO_BOUND)


def receive_buffer(window: int, largest: int) -> int:
    """The SO_RCVBUF of a window of so many bytes; 0 where the kernel is to decide.

    largest: the most that the host lets a process ask for.  Where the window is larger, the kernel's own choice is
    better than a narrower window.
    """
    half = window // 2  # the kernel doubles the value, for what it has to keep besides the bytes
    return half if half <= largest else 0


def largest_receive_buffer() -> int:
    """`net.core.rmem_max` of this host, in bytes; 0 where it cannot be read."""
    try:
        return int(_RMEM_MAX.read_text())
    except (OSError, ValueError):
        return 0
