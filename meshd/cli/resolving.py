"""A name looked up as the daemon would, on an event loop that lasts for that alone."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure

from meshd.dns.resolver import Resolved, ResolveError, Resolver
from meshd.model import Refusal

TURN = 0.05
"""Seconds that the loop sleeps at most, so that Ctrl-C is heard."""


def look_up(host: str, servers: Sequence[str], timeout: float) -> tuple[str, ...] | Refusal:
    """The addresses, asked of these name servers or, without any, of the system's resolver."""
    reactor = SelectReactor()
    resolver = Resolver(reactor, servers=servers, threads=1, timeout=lambda: timeout)
    ended: list[Resolved | Failure] = []
    Deferred.fromCoroutine(resolver.resolve(host)).addBoth(ended.append)
    try:
        while not ended:
            reactor.iterate(TURN)
    finally:
        resolver.stop()
        reactor.disconnectAll()
        reactor.iterate(0)
    return _outcome(ended[0])


def _outcome(found: Resolved | Failure) -> tuple[str, ...] | Refusal:
    if isinstance(found, Resolved):
        return found.addresses
    error = found.value
    if not isinstance(error, ResolveError):
        found.raiseException()
    return Refusal("dns-timeout" if error.kind == "dns_timeout" else "dns-error", error.detail)
