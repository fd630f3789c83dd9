"""The data plane: what every connection of one process shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol

from meshd.auth.service import AuthService
from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.proxy.caps import Caps
from meshd.proxy.kept import UpstreamPool
from meshd.seldom import Seldom
from meshd.sockets.line import Line
from meshd.sockets.poll import Poller
from meshd.sockets.relay import Relay
from meshd.sockets.wheel import Wheel
from meshd.topology import Topology
from meshd.usage.ledger import Ledger


class Served(Protocol):
    """A client's connection."""

    proxy: str
    """The name of the proxy that it came to."""

    def drain(self) -> None:
        """End as soon as nothing is under way."""

    def stop(self) -> None:
        """End now."""


@dataclass(slots=True, eq=False)
class DataPlane:
    """Built by the assembly; one reference swapped on a reload (`topology`)."""

    poller: Poller
    wheel: Wheel
    relay: Relay
    dialler: Dialler
    upstreams: UpstreamPool
    caps: Caps
    line: Line
    auth: AuthService
    ledger: Ledger
    topology: Topology
    now: Callable[[], float]
    """Seconds since the epoch."""
    chance: Random
    pools: Pools
    """The exits of the topology, and how they are."""
    note_exit: Callable[[Outlet], None]
    """Hears of an exit that begins to rest, and of one that is back."""
    instance: str
    """What request ids of this process begin with."""
    seldom: Seldom
    """What clients can make us say again and again."""
    connections: set[Served] = field(default_factory=set)
    """Clients that are being served; tunnels leave it for the ledger's open meters."""
    draining: bool = False
    tls_clients: Callable[[int, bytes, Callable[[], None]], int] | None = None
    """Takes a descriptor, what was read of a TLS handshake, and whom to tell when it is over; gives back a descriptor
    without TLS.  None where TLS is off.
    """
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def request_id(self) -> str:
        """Unique over processes and restarts."""
        return f"{self.instance}{next(self._numbers):x}"
