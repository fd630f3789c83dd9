"""A name looked up as the daemon would, on an event loop of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.pollreactor import PollReactor
from twisted.python.failure import Failure

from meshd.dns.resolver import Resolved, ResolveError, Resolver
from meshd.model import Refusal
from meshd.sockets.poll import Poller

TURN = 0.05
"""Seconds that the event loop sleeps at most, so that Ctrl-C is noticed."""


@contextmanager
def own_loop(servers: Sequence[str], timeout: float) -> Iterator[tuple[Any, Resolver]]:
    """Give a reactor to be iterated by hand, and a resolver that asks the servers or, without any, the system's."""
    reactor = PollReactor()  # select(2) drops every descriptor from 1024 on, and waits for nothing then
    poller = Poller(reactor)
    resolver = Resolver(reactor, servers=servers, poller=poller, threads=1, timeout=lambda: timeout)
    poller.start()
    try:
        yield reactor, resolver
    finally:
        resolver.stop()
        poller.stop()
        reactor.disconnectAll()
        reactor.iterate(0)


def look_up(host: str, servers: Sequence[str], timeout: float) -> tuple[str, ...] | Refusal:
    """Look up the addresses of a host at the name servers or, without any, by the system's resolver."""
    ended: list[Resolved | Failure] = []
    with own_loop(servers, timeout) as (reactor, resolver):
        Deferred.fromCoroutine(resolver.resolve(host)).addBoth(ended.append)
        while not ended:
            reactor.iterate(TURN)
    return _outcome(ended[0])


def _outcome(found: Resolved | Failure) -> tuple[str, ...] | Refusal:
    if isinstance(found, Resolved):
        return found.addresses
    error = found.value
    if not isinstance(error, ResolveError):
        found.raiseException()
    return Refusal("dns-timeout" if error.kind == "dns_timeout" else "dns-error", error.detail)
