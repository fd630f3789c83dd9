"""A bound on the open connections to the API on which nobody has signed in, by address and in all.

A connection counts from its first moment until a request on it has signed in; after that it is bounded by its idle time
and by the process's descriptors, and no office behind one address is shut out.
"""

from __future__ import annotations

from collections import Counter

from twisted.logger import Logger

from meshd.auth.secrets import ban_address
from meshd.seldom import Seldom
from meshd.topology import Live

log = Logger()


class Gate:
    """Bounds the connections that nobody has signed in on, as `limits.unauthenticated` and its bound by address say."""

    def __init__(self, live: Live, seldom: Seldom) -> None:
        self._live = live
        self._counts: Counter[str] = Counter()
        self._seldom = seldom

    def __len__(self) -> int:
        return self._counts.total()

    def enter(self, host: str) -> Ticket | None:
        """Count a new connection; None where there is no room.  host: "" for a peer that only the sum bounds."""
        ticket = Ticket(self)
        return ticket if ticket.move(host) else None

    def admit(self, key: str) -> bool:
        """Count one more connection under the key if there is room; whether there was."""
        if len(self) >= self._live.limits.unauthenticated:
            self._seldom.say(log.warn, "API connections are refused: too many unauthenticated ones in all")
            return False
        if key != "" and self._counts[key] >= self._live.limits.unauthenticated_per_address:
            self._seldom.say(
                log.warn, "API connections are refused: too many unauthenticated ones from {address}", address=key
            )
            return False
        self._counts[key] += 1
        return True

    def release(self, key: str) -> None:
        self._counts[key] -= 1
        if self._counts[key] <= 0:
            del self._counts[key]


class Ticket:
    """The place of one connection in the counts of the gate."""

    __slots__ = ("_gate", "_key")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._key: str | None = None

    def move(self, host: str) -> bool:
        """Count the connection under this address: behind a balancer the client's is known only with the first bytes.

        False where there is no room; the connection is then counted no longer.
        """
        key = ban_address(host) if host else ""
        if key == self._key:
            return True
        self.leave()
        if not self._gate.admit(key):
            return False
        self._key = key
        return True

    def leave(self) -> None:
        """Stop counting the connection, which has signed in or is gone; calling this again does no harm."""
        if self._key is not None:
            self._gate.release(self._key)
            self._key = None
