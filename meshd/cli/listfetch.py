"""A list of exits fetched from the command line, on an event loop of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from meshd.cli.resolving import TURN, own_loop
from meshd.config.exits.kept import Fetched, State
from meshd.config.exits.remote import RemoteList
from meshd.exits.destinations import OwnListeners
from meshd.exits.dialling import Dialler
from meshd.exits.fetching import Fetcher, FetchError
from meshd.sockets.poll import Poller
from meshd.topology import Topology

__all__ = ["FetchError", "fetch"]


def fetch(source: RemoteList, known: State, topology: Topology, servers: Sequence[str]) -> Fetched:
    """The list as its server has it now.  servers: name servers, none for the system's.  Raises: FetchError."""
    ended: list[Any] = []
    with own_loop(servers, topology.timeouts.dns) as (reactor, resolver):
        poller = Poller(reactor)
        fetcher = Fetcher(
            reactor, poller, Dialler(poller, resolver, reactor, lambda: topology.destinations, OwnListeners)
        )
        poller.start()
        fetching = Deferred.fromCoroutine(fetcher.fetch(source, known)).addBoth(ended.append)
        try:
            while not ended:
                reactor.iterate(TURN)
        finally:
            fetching.cancel()
            poller.stop()
    if isinstance(ended[0], Failure):
        ended[0].raiseException()
    found: Fetched = ended[0]
    return found
