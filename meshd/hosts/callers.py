"""How many connections each client address holds, so that one cannot take what all share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meshd.auth.secrets import ban_address
from meshd.hosts.senders import Network, is_in

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


class Presence:
    """Where one connection is counted: at the address of its other side, and at the one that a PROXY header gives, so
    that nobody gets past the bound by making up addresses.  Trusted proxies bring many clients, and are not counted.
    """

    __slots__ = ("_addresses", "_caller", "_callers")

    def __init__(self, callers: Callers, caller: Caller | None = None) -> None:
        """caller: None for a connection that is never idle."""
        self._callers = callers
        self._caller: Caller = caller or _Busy()
        self._addresses: tuple[str, ...] = ()

    def at(self, address: str, trusted: Sequence[Network]) -> bool:
        """Count the connection at an address too; False, with nothing counted there, where that has too many.

        A Unix socket has no address: whoever comes by one is a server on this machine.
        """
        if not address or is_in(address, trusted):
            return True
        if not self._callers.arrived(self._caller, address):
            return False
        self._addresses += (address,)
        return True

    def leave(self) -> None:
        """Count the connection no longer."""
        for address in self._addresses:
            self._callers.left(self._caller, address)
        self._addresses = ()
        del self._caller  # or connection and presence would keep each other alive until a collection


class _Busy:
    """A connection that is never idle."""

    idle = False

    def evict(self) -> None:
        """Nothing is ended: nobody asks for it."""
