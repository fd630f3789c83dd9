"""A client's socket whose exchange was ended, until the client has what was counted.

To close a socket with bytes that nobody has read resets the connection, and what the client has not acknowledged is
gone; and whoever meets a limit may be sending, or has pipelined requests behind the last that is answered.
"""

from __future__ import annotations

import socket

from meshd.sockets.poll import ERROR, GONE, OUT, Poller
from meshd.sockets.sealed import Sealed
from meshd.sockets.wheel import TICK, Wheel
from meshd.sockets.wire import linger_none, shutdown, unacknowledged

PATIENCE = 2.0
"""Seconds in which a client that takes nothing is given up."""

LONGEST = 60.0
"""Seconds after which one that takes little by little is left to the kernel: whoever was ended holds no descriptor."""

MOST = 1000
"""Sockets that wait so in a process: their exchanges count against no account any more, and each is looked at once a
tick.  Of TLS each has 64 KiB that the kernel has not taken, which are 64 MB in all."""

THE_END = 1
"""The sequence number that the end itself has, and that counts as a byte until it is acknowledged."""

Whose = int | str
"""Whose a socket is: an account's by its number, a stranger's by the address."""


class Deliveries:
    """Such sockets of a process; where there are too many, whoever has most of them loses the one that has waited
    longest.
    """

    __slots__ = ("_open", "_size", "poller", "wheel")

    def __init__(self, poller: Poller, wheel: Wheel) -> None:
        self.poller, self.wheel = poller, wheel
        self._open: dict[Whose, dict[Delivering, None]] = {}
        """Each one's, the oldest first; MOST of them in all."""
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def deliver(
        self, fd: int, sealed: Sealed | None = None, *, whose: Whose, ends: bool = True, patience: float = 0
    ) -> None:
        """Close fd, which is registered, once all that was sent is acknowledged, or nothing for PATIENCE.

        sealed: its TLS, with what the kernel has not taken yet; ends: whether the client is told that this is the
        proper end, by TLS and by TCP; else the connection is reset at last; patience: seconds in all for a client that
        was not ended, and may take its time, after which that is reset unless it was sent all.

        What a pair of sockets in this process has taken is never gone, and who is at its other end has to hear of a
        cut: one that ends is closed now.
        """
        try:
            if sealed is not None:
                if ends:
                    sealed.part()
                sealed.flush(fd)
            taken = sealed is None or not sealed.unsent
            left = 0 if taken and ends and self.poller.has_behind(fd) else unsent(fd, sealed)
        except OSError:
            left = 0
        if not left:
            close(self.poller, fd, ends=ends)
            return
        delivering = Delivering(self, fd, sealed, left, whose=whose, ends=ends, patience=patience)
        self._open.setdefault(whose, {})[delivering] = None
        self._size += 1
        if self._size > MOST:
            self.give_up(1)

    def give_up(self, count: int) -> int:
        """Close so many of them, as others need their descriptors, or fewer; how many."""
        given = min(count, self._size)
        for _ in range(given):
            fullest = max(self._open.values(), key=len)
            next(iter(fullest)).over()
        return given

    def forget(self, each: Delivering) -> None:
        """Count one of them no longer: it is being closed."""
        those = self._open[each.whose]
        del those[each]
        if not those:
            del self._open[each.whose]
        self._size -= 1


class Delivering:
    """The owner of such a socket."""

    __slots__ = (
        "_deliveries",
        "_end",
        "_ends",
        "_fd",
        "_left",
        "_longest",
        "_patient",
        "_sealed",
        "_until",
        "deadline",
        "slot",
        "whose",
    )

    def __init__(
        self,
        deliveries: Deliveries,
        fd: int,
        sealed: Sealed | None,
        left: int,
        *,
        whose: Whose,
        ends: bool,
        patience: float,
    ) -> None:
        """left: bytes that are not acknowledged yet; the others as in `deliver`."""
        self.whose = whose
        self._deliveries = deliveries
        self._fd, self._sealed, self._left, self._ends = fd, sealed, left, ends
        self._end = 0
        """What the end counts for, once it was sent."""
        self.deadline = 0.0
        self.slot = 0
        wheel = deliveries.wheel
        self._patient = patience > 0
        self._until = wheel.monotonic + (patience or PATIENCE)
        """Until when something has to be acknowledged."""
        self._longest = wheel.monotonic + (patience or LONGEST)
        deliveries.poller.hand_over(fd, self)
        self._end_side()
        wheel.arm(self, TICK)

    def ready(self, fd: int, events: int) -> None:
        """Send what was sealed.  Once the client has ended its side as well the kernel calls the socket gone, and has
        still what was not acknowledged.
        """
        try:
            if events & OUT and self._sealed is not None and self._sealed.flush(fd):
                self._end_side()
        except OSError:
            self.over()
            return
        if events & ERROR:
            self.over()
        elif events & GONE:
            self.expired()

    def expired(self) -> None:
        wheel = self._deliveries.wheel
        before, self._left = self._left, unsent(self._fd, self._sealed) - self._end
        if self._left < before:
            self._until = max(self._until, min(wheel.monotonic + PATIENCE, self._longest))
        if self._left <= 0 or wheel.monotonic >= self._until:
            self.over()
        else:
            wheel.arm(self, TICK)

    def _end_side(self) -> None:
        """Shut down the writing side behind the last byte."""
        if self._ends and not self._end and not (self._sealed is not None and self._sealed.unsent):
            shutdown(self._fd, socket.SHUT_WR)
            self._end = THE_END

    def over(self) -> None:
        """Close the socket."""
        self._deliveries.wheel.disarm(self)
        self._deliveries.forget(self)
        close(self._deliveries.poller, self._fd, ends=self._ends and (self._end > 0 or not self._patient))


def unsent(fd: int, sealed: Sealed | None) -> int:
    """Bytes that the peer has not acknowledged."""
    return unacknowledged(fd) + (len(sealed.unsent) if sealed is not None else 0)


def close(poller: Poller, fd: int, *, ends: bool) -> None:
    """Close fd, which is registered, with a reset unless that is the proper end."""
    if not ends:
        linger_none(fd)
        poller.reset(fd)
    poller.close(fd)
