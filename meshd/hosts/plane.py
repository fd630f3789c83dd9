"""What all connections to published hosts share in one process."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from meshd.hosts.book import HostBook
from meshd.hosts.callers import Callers
from meshd.hosts.common import Roll
from meshd.hosts.known import KnownVisits
from meshd.hosts.payers import Payers
from meshd.hosts.response import HostResponse
from meshd.hosts.signin import SignIns
from meshd.hosts.sites import Sites
from meshd.model import Admission, Refusal
from meshd.passing.kept import KeptOrigins
from meshd.passing.plane import Plane
from meshd.sockets.race import Dialled
from meshd.sockets.wire import Wire
from meshd.usage.meter import Meter
from meshd.values.hosting import Hosting
from meshd.values.published import Published, Upstream
from meshd.values.samples import Sample

NAME = "hosts"
"""What the exchange log calls the proxy that clients of published hosts come to."""
CROWDED = Refusal("overloaded", retry_after=1)


class Dials(Protocol):
    """Who connects to upstreams."""

    async def dial(self, upstream: Upstream) -> Dialled:
        """Connect by TCP; runs in a Task, and the caller bounds the time.  Raises: DialError, Stopped."""


class Certificates(Protocol):
    """Who has the certificates that hosts are served with."""

    def of(self, certificate_id: int) -> ssl.SSLContext | None:
        """The context of a certificate; None where it cannot be served."""

    def named(self, name: str) -> ssl.SSLContext | None:
        """The context of the best certificate that covers a name; None where none does."""


@dataclass(slots=True, eq=False, kw_only=True)
class HostPlane(Plane):
    """Built by `daemon/hosting.py`."""

    book: HostBook
    sites: Sites
    dialler: Dials
    origins: KeptOrigins[HostResponse]
    payers: Payers
    signins: SignIns
    certificates: Certificates
    secure: Callable[[int, str], Awaitable[int | None]]
    """Takes over a descriptor connected to an upstream, and the upstream's name ("" for an address); gives one whose
    bytes reach it through TLS, None where that fails."""
    beside: Callable[[str, Wire, bytes], bool]
    """Whether a TLS client that asks for this name ("" for none) is taken over, its wire released, because its TLS is
    passed on untouched; takes the bytes that were read of it, too.
    """
    chance: Random
    callers: Callers = field(default_factory=Callers)
    known: KnownVisits = field(default_factory=KnownVisits)
    tunnels: Roll = field(default_factory=Roll)
    """What hosts have changed protocols for, which may last for hours."""

    def __post_init__(self) -> None:
        self.book.on_change(self._changed)
        self.serve()

    def serve(self) -> None:
        """Serve what is published, from the next request on; nothing where the settings have no `[hosts]`.

        Tunnels of hosts that are gone end.
        """
        published = self.book.published if self.live.topology.hosts is not None else Published()
        self.sites.take(published)
        self.known.clear()
        self.tunnels.end_all_but({each.id for each in published.hosts})

    def meter(self, admission: Admission, stop: Callable[[Refusal], None]) -> Meter | Refusal:
        """Begin to count a request for a host's owner; a Refusal where a limit is reached, or the host has too many.

        Visitors count for their host alone, and not among what its owner's proxies have open.
        """
        most = self.live.limits.tunnels_per_account
        if most and len(self.connections) + len(self.tunnels) >= most and self.ledger.under_way(admission) >= most:
            return CROWDED
        return self.ledger.open(admission, stop)

    @property
    def hosting(self) -> Hosting:
        """The settings that hold now."""
        return self.live.topology.hosts or _OFF

    def samples(self) -> Iterable[Sample]:
        """How much of its bounds this plane uses, and how its upstreams do."""
        yield "hosts_connections", (), float(len(self.connections))
        yield "hosts_published", (), float(len(self.sites))
        yield "hosts_upstream_connections_kept", (), float(len(self.origins))
        yield "hosts_upstreams", (), float(len(self.sites.vitals))

    def _changed(self, before: Published, after: Published) -> None:
        if (before.hosts, before.lists) != (after.hosts, after.lists):
            self.serve()


_OFF = Hosting(listen=(), http=(), https=())
