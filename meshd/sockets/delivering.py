"""A client's socket whose exchange was ended, until the client has what was counted.

To close a socket with bytes that nobody has read resets the connection, and what the client has not acknowledged is
gone; and whoever meets a limit may be sending.
"""

from __future__ import annotations

import os
import socket

from meshd.sockets.poll import GONE, Poller
from meshd.sockets.wheel import TICK, Wheel
from meshd.sockets.wire import shutdown, unacknowledged

PATIENCE = 2.0
"""Seconds in which a client that takes nothing is given up."""

LONGEST = 60.0
"""Seconds after which one that takes little by little is left to the kernel: whoever was ended holds no descriptor."""

THE_END = 1
"""The sequence number that the end itself has, and that counts as a byte until it is acknowledged."""


def deliver(poller: Poller, wheel: Wheel, fd: int) -> None:
    """End the writing side of fd, which is registered, and close it once all was acknowledged, or nothing for PATIENCE.

    What a pair of sockets in this process has taken is never gone, and who is at its other end has to hear of a cut.
    """
    left = 0 if poller.has_behind(fd) else unacknowledged(fd)
    if left:
        shutdown(fd, socket.SHUT_WR)
        Delivering(poller, wheel, fd, left)
    else:
        _close(poller, fd)


class Delivering:
    """The owner of such a socket."""

    __slots__ = ("_fd", "_left", "_longest", "_poller", "_until", "_wheel", "deadline", "slot")

    def __init__(self, poller: Poller, wheel: Wheel, fd: int, left: int) -> None:
        """left: bytes that are not acknowledged yet."""
        self._poller, self._wheel = poller, wheel
        self._fd, self._left = fd, left
        self.deadline = 0.0
        self.slot = 0
        self._until = wheel.monotonic + PATIENCE
        """Until when something has to be acknowledged."""
        self._longest = wheel.monotonic + LONGEST
        poller.hand_over(fd, self)
        wheel.arm(self, TICK)

    def ready(self, fd: int, events: int) -> None:
        if events & GONE:
            self._over()

    def expired(self) -> None:
        before, self._left = self._left, unacknowledged(self._fd) - THE_END
        if self._left < before:
            self._until = min(self._wheel.monotonic + PATIENCE, self._longest)
        if self._left <= 0 or self._wheel.monotonic >= self._until:
            self._over()
        else:
            self._wheel.arm(self, TICK)

    def _over(self) -> None:
        self._wheel.disarm(self)
        _close(self._poller, self._fd)


def _close(poller: Poller, fd: int) -> None:
    poller.remove(fd)
    os.close(fd)
