"""The data plane: what every connection of one process shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol

from meshd.auth.service import AuthService
from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.proxy.caps import Caps
from meshd.proxy.kept import KeptOrigins
from meshd.proxy.shares import Shares
from meshd.seldom import Seldom
from meshd.sockets.line import Line
from meshd.sockets.poll import Poller
from meshd.sockets.relay import Relay
from meshd.sockets.wheel import Wheel
from meshd.topology import Live
from meshd.usage.ledger import Ledger
from meshd.values.samples import Sample


class Served(Protocol):
    """A client's connection, as a shutdown or a removed proxy ends it."""

    proxy: str
    """The name of the proxy that the client came to."""

    def drain(self) -> None:
        """End the connection as soon as no exchange is under way."""

    def stop(self) -> None:
        """End the connection now."""


@dataclass(slots=True, eq=False)
class DataPlane:
    """Built by `daemon/dataplane.py`; a reload swaps the settings in `live`, and `pools`."""

    poller: Poller
    wheel: Wheel
    relay: Relay
    dialler: Dialler
    origins: KeptOrigins
    caps: Caps
    shares: Shares
    line: Line
    auth: AuthService
    ledger: Ledger
    live: Live
    now: Callable[[], float]
    """Seconds since the epoch."""
    chance: Random
    pools: Pools
    """The exits of the topology, and their present state."""
    note_exit: Callable[[Outlet], None]
    """Called with the outlet of an exit that begins to rest, or is back."""
    instance: str
    """The prefix of this process's request ids."""
    seldom: Seldom
    """Writes log lines that clients can cause, at a bounded rate."""
    connections: set[Served] = field(default_factory=set)
    """The clients being served; one whose tunnel stands leaves this set, and is found by its meter in the ledger."""
    draining: bool = False
    tls_clients: Callable[[int, bytes, Callable[[], None]], int] | None = None
    """Takes a descriptor, the bytes read of a TLS handshake and a callback for its end; gives a descriptor with the
    plain bytes.  None where TLS is off.
    """
    observed: Counter[str] = field(default_factory=Counter)
    """By reason: exchanges that rules which only observe would have refused."""
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def samples(self) -> Iterable[Sample]:
        """How much of its bounds the data plane uses, and how its exits do."""
        yield "proxy_connections", (), float(len(self.connections))
        yield "proxy_clients_unknown", (), float(self.caps.unauthenticated)
        yield "proxy_descriptors", (), float(len(self.poller))
        yield "proxy_exchanges_waiting", (), float(self.line.waiting)
        yield "proxy_origins_kept", (), float(len(self.origins))
        for reason, exchanges in self.observed.items():
            yield "proxy_destinations_observed", (("reason", reason),), float(exchanges)
        yield from self.pools.samples()

    def request_id(self) -> str:
        """A new request id, unique over processes and restarts."""
        return f"{self.instance}{next(self._numbers):x}"
