"""How many connections each client address holds, so that one cannot take what all share."""

from __future__ import annotations

from typing import Protocol

from meshd.auth.secrets import ban_address

MOST = 256
"""Connections of one address, or of one IPv6 /64: forty browsers behind one router."""


class Caller(Protocol):
    @property
    def idle(self) -> bool:
        """Whether the connection is only kept for a request that may come."""

    def evict(self) -> None:
        """End the connection."""


class Callers:
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: dict[str, dict[Caller, None]] = {}
        """By address, the oldest first."""

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    def arrived(self, caller: Caller, peer: str) -> bool:
        """Count a connection; where its address has too many, one that is idle ends.  False where none is."""
        held = self._held.setdefault(ban_address(peer), {})
        held[caller] = None
        if len(held) <= self._most:
            return True
        idle = next((each for each in held if each.idle), None)
        if idle is None:
            self.left(caller, peer)
            return False
        idle.evict()
        return True

    def left(self, caller: Caller, peer: str) -> None:
        """Count the connection no longer; one that is not counted is no error."""
        address = ban_address(peer)
        held = self._held.get(address)
        if held is not None:
            held.pop(caller, None)
            if not held:
                del self._held[address]
