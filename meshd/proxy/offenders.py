"""Addresses whose sessions were ended for what they asked of the protocol itself, and how they may come again.  Pure.

To be sent away costs such a client a handshake, and the process as much: one that comes again at once, and floods until
it is sent away, would have most of its time.  So handshakes with its address wait a moment, the longer the more it has
done, and sessions there may ask for less.  Nobody is refused for it: a neighbour at the same address waits as long.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from meshd.auth.secrets import ban_address
from meshd.bounded import Bounded

FREE = 4
"""Sessions of an address that end so before anything follows from it: a client may be at fault now and then."""

FORGIVEN = 10.0
"""Seconds after which one of them is forgotten."""

MOST = 10
"""That are remembered: an address that was quiet for two minutes is as any other."""

A_MOMENT = 0.15
"""Seconds that a handshake waits for each that is remembered from the last free one on: a second at most."""

ADDRESSES = 10_000
"""That are remembered; the one that was at fault longest ago is forgotten first."""


class Offenders:
    """IPv6 addresses count by their /64, as for bans; clients without an address do not, as those by a Unix socket,
    and those of whom a balancer does not say who they are: it would answer for all of them.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """seconds: a monotonic clock's."""
        self._seconds = seconds
        self._known: Bounded[str, tuple[float, float]] = Bounded(lambda: ADDRESSES)
        """Of an address: how many offences were left, and when that was."""

    def note(self, peer: str) -> None:
        """Note that a session with a client at that address has ended for its fault."""
        if peer:
            key = ban_address(peer)
            self._known.put(key, (min(MOST, self._left(key) + 1), self._seconds()))

    def delay(self, peer: str) -> float:
        """Seconds that a handshake with a client at that address has to wait; 0 for none."""
        if not self._known:
            return 0.0
        key = ban_address(peer)
        left = self._left(key)
        if not left:
            self._known.pop(key, None)
        return A_MOMENT * max(0, ceil(left) - FREE + 1)

    def offends(self, peer: str) -> bool:
        """Whether clients at that address are held to less."""
        return self.delay(peer) > 0

    def _left(self, key: str) -> float:
        """Offences that are not forgiven yet."""
        offences, since = self._known.get(key, (0.0, 0.0))
        return max(0.0, offences - (self._seconds() - since) / FORGIVEN)
