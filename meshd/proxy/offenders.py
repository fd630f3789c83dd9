"""Addresses whose sessions were ended for what they asked of the protocol itself, and how they may come again.

To be sent away costs such a client a handshake, and the process as much: one that comes again at once, and floods until
it is sent away, would have most of its time.  So the next handshakes with its address come some at a time, and sessions
there may ask for less.  Nobody is refused for it: a neighbour at the same address waits a moment at most.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from meshd.auth.secrets import ban_address
from meshd.bounded import Bounded
from meshd.model import Refusal
from meshd.sockets.line import Line

FREE = 4
"""Sessions of an address that may end so before anything follows from it: a client may be at fault now and then."""

FORGIVEN = 10.0
"""Seconds after which one of them is forgotten."""

MOST = 10
"""That are remembered: an address that was quiet for a minute is as any other."""

APART = 0.1
"""Seconds between two handshakes with the clients of such an address."""

PLACES = 50
"""Clients of an address that may wait for their handshake: five seconds' worth, as long as a handshake may take."""

_FULL = Refusal("overloaded", retry_after=1)
"""Why there is no place in a row; nobody is told, as nothing can be answered before a handshake."""

ADDRESSES = 10_000
"""That are remembered; the one that was at fault longest ago is forgotten first."""


class _Address:
    """What is remembered of one."""

    __slots__ = ("next", "offences", "since")

    def __init__(self, now: float) -> None:
        self.offences = 0.0
        """As many as there were at `since`."""
        self.since = now
        self.next = now
        """When the next handshake may begin."""


class Offenders:
    """IPv6 addresses count by their /64, as for bans; clients without an address, who come by a Unix socket, do not."""

    def __init__(self, clock: IReactorTime, most: Callable[[], int]) -> None:
        """most: clients who may wait for their handshake, of all addresses together."""
        self._seconds = clock.seconds
        self._line = Line(clock, self._may, most)
        """A row for each address, as `ban_address` calls it."""
        self._known: Bounded[str, _Address] = Bounded(lambda: ADDRESSES)

    def note(self, peer: str) -> None:
        """Note that a session with a client at that address has ended for its fault."""
        if not peer:
            return
        key, now = ban_address(peer), self._seconds()
        known = self._known.get(key) or _Address(now)
        known.offences = min(MOST, self._left(known, now) + 1)
        known.since = now
        self._known.put(key, known)

    def offends(self, peer: str) -> bool:
        """Whether clients at that address are held to less."""
        return bool(self._known) and self._of(ban_address(peer)) is not None

    async def turn(self, peer: str) -> bool:
        """Wait until a handshake with that address may begin; False where too many wait.  Runs in a Task."""
        key = ban_address(peer)
        return (self._line.ahead(key) is None and self._may(key)) or await self._line.turn(key, _FULL, PLACES)

    def _may(self, key: str) -> bool:
        """Whether a handshake may begin, which then does; key: an address as `ban_address` calls it."""
        known = self._of(key)
        if known is None:
            return True
        now = self._seconds()
        if now < known.next:
            return False
        known.next = now + APART
        return True

    def _of(self, key: str) -> _Address | None:
        """An address that is held to less; one that is so no more is forgotten."""
        known = self._known.get(key)
        if known is None:
            return None
        left = self._left(known, self._seconds())
        if not left:
            del self._known[key]
        return known if left >= FREE else None

    @staticmethod
    def _left(known: _Address, now: float) -> float:
        return max(0.0, known.offences - (now - known.since) / FORGIVEN)
