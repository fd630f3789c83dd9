"""The data plane: what every connection of one process shares."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from meshd.auth.service import AuthService
from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.passing.kept import KeptOrigins
from meshd.passing.plane import Plane
from meshd.proxy.known import KnownTunnels
from meshd.proxy.offenders import Offenders
from meshd.proxy.pairs import RestingPairs
from meshd.proxy.response import ProxyResponse
from meshd.proxy.shares import Shares
from meshd.sockets.datagrams import Datagrams
from meshd.values.samples import Sample


@dataclass(slots=True, eq=False, kw_only=True)
class DataPlane(Plane):
    """Built by `daemon/dataplane.py`; a reload swaps the settings in `live`, and `pools`."""

    datagrams: Datagrams
    dialler: Dialler
    origins: KeptOrigins[ProxyResponse]
    resting: RestingPairs
    shares: Shares
    auth: AuthService
    chance: Random
    pools: Pools
    """The exits of the topology, and their present state."""
    offenders: Offenders
    note_exit: Callable[[Outlet], None]
    """Called with the outlet of an exit that begins to rest, or is back."""
    tls: Callable[[], ssl.SSLContext] | None = None
    """How a handshake of TLS that begins now is made; None where clients get no TLS."""
    known: KnownTunnels = field(default_factory=KnownTunnels)
    observed: Counter[str] = field(default_factory=Counter)
    """By reason: exchanges that rules which only observe would have refused."""

    def samples(self) -> Iterable[Sample]:
        """How much of its bounds the data plane uses, and how its exits do."""
        yield "client_connections", (), float(len(self.connections))
        yield "clients_unknown", (), float(self.caps.unauthenticated)
        yield "dataplane_fds", (), float(len(self.poller))
        yield "dataplane_max_fds", (), float(self.caps.ceiling)
        yield "datagram_flows", (), float(len(self.datagrams))
        yield "exchanges_waiting", (), float(self.line.waiting)
        yield "origin_connections_kept", (), float(len(self.origins))
        for reason, exchanges in self.observed.items():
            yield "destinations_observed_total", (("reason", reason),), float(exchanges)
        yield from self.pools.samples()
