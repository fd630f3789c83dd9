"""Asking configured name servers: A and AAAA side by side, aliases followed, truncated answers fetched again by TCP.

An answer counts only if it comes from the server to the port that its question left by, with its id, and repeats it to
the letter.  `twisted.names.client` is not used: its queries cannot be ended early and it keeps TCP connections open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.python.failure import Failure

from meshd.dns.aliases import ENDLESS, Chain
from meshd.dns.deadlines import Deadlines
from meshd.dns.family import Family
from meshd.dns.messages import AAAA, A, Reply, wire_name
from meshd.dns.ports import Polls, Ports, Server
from meshd.dns.streams import by_stream
from meshd.dns.system import Answer, Heard, Outcome, ResolveError, interleave

LEAST_TRIES = 3
RESOLUTION_DELAY = 0.05
"""Seconds that the slower address family may keep the faster one waiting (RFC 8305 section 3)."""
PARTIAL_TTL = 5.0
"""Seconds that an answer holds which lacks an address family, since that did not answer in time."""
STREAMS = 64
"""Connections to name servers at a time; what is truncated beyond them waits."""


class ServerLookup:
    """Asks each server in turn, at least three times in all, within `timeout()` seconds."""

    def __init__(self, reactor: Any, servers: Sequence[Server], timeout: Callable[[], float], poller: Polls) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._running: set[Search] = set()
        self._streams = DeferredSemaphore(STREAMS)
        self._streaming: set[Deferred[Any]] = set()
        self.servers = tuple(Ports(poller, reactor, server) for server in servers)
        self.tries = max(LEAST_TRIES, len(self.servers))
        self.deadlines = Deadlines(reactor)
        self.seconds: Callable[[], float] = reactor.seconds

    def lookup(self, name: str, heard: Heard) -> None:
        """Ask for addresses of both families, IPv6 first.  The first that answers waits RESOLUTION_DELAY for the other
        at most.
        """
        wire, limit = wire_name(name), self._timeout()  # whatever they raise, no search is left that never ends
        search = Search(self, name, heard)
        self._running.add(search)
        search.begin(wire, limit)

    def stop(self) -> Deferred[None]:
        """Cancel every question; the result fires when the sockets of all questions are closed."""
        for search in list(self._running):
            search.give_up()
        for ports in self.servers:
            ports.stop()
        self.deadlines.stop()
        return DeferredList(list(self._streaming)).addCallback(lambda _: None)

    def ended(self, search: Search) -> None:
        """Hear that a search has its outcome."""
        self._running.discard(search)

    def stream(self, server: Server, name: bytes, kind: int, limit: float) -> Deferred[Reply]:
        """Ask by TCP.  Raises: OSError, ConnectError, CancelledError."""
        asked = Deferred.fromCoroutine(self._stream(server, name, kind, limit))
        ended = Deferred[None]()
        self._streaming.add(ended)

        def over(outcome: Any) -> Any:
            self._streaming.discard(ended)
            ended.callback(None)
            return outcome

        return asked.addBoth(over)

    async def _stream(self, server: Server, name: bytes, kind: int, limit: float) -> Reply:
        await self._streams.acquire()
        try:
            return await by_stream(self._reactor, server, name, kind, limit)
        finally:
            self._streams.release()


class Search:
    """One name, asked for in both address families."""

    __slots__ = ("_families", "_heard", "_hurried", "_lookup", "_name")

    def __init__(self, lookup: ServerLookup, name: str, heard: Heard) -> None:
        self._lookup = lookup
        self._name = name
        self._heard = heard
        self._hurried = False
        self._families: tuple[Family, ...] = ()

    def begin(self, name: bytes, limit: float) -> None:
        """Ask for both families by one port, within so many seconds.  name: as it stands in a message."""
        lookup, ended = self._lookup, self._ended
        each, until = limit / lookup.tries, lookup.seconds() + limit
        # IPv6 first (RFC 8305 section 4): the addresses are told in this order.
        six = Family(lookup, ended, Chain(name, AAAA), each, until)
        four = Family(lookup, ended, Chain(name, A), each, until)
        self._families = six, four
        try:
            port = lookup.servers[0].draw()
        except OSError:
            port = None
        six.ask(port)
        four.ask(port)

    def __call__(self) -> None:
        """Hear that the slower family has kept the other waiting for long enough."""
        self.give_up()

    def give_up(self) -> None:
        """Wait no longer for what has no outcome yet."""
        for family in self._families:
            family.give_up()

    def _ended(self, family: Family) -> None:
        first, second = self._families
        if first.outcome is not None and second.outcome is not None:
            self._finish((first.outcome, second.outcome))
        elif isinstance(family.outcome, Answer) and family.outcome.addresses:
            self._hurried = True
            self._lookup.deadlines.arm(self, RESOLUTION_DELAY)

    def _finish(self, outcomes: tuple[Outcome, Outcome]) -> None:
        self._families = ()  # which know this object
        if self._hurried:
            self._lookup.deadlines.disarm(self, RESOLUTION_DELAY)
        self._lookup.ended(self)
        addresses: list[str] = []
        ttl = ENDLESS
        for outcome in outcomes:
            if not isinstance(outcome, Answer):
                ttl = min(ttl, PARTIAL_TTL)
            elif outcome.addresses:
                addresses += outcome.addresses
                ttl = min(ttl, outcome.ttl)
        self._heard(self._name, Answer(interleave(addresses), ttl) if addresses else _failure(outcomes))


def _failure(outcomes: Sequence[object]) -> ResolveError | Failure:
    """The error of a name that has no address: a definite "no" of either family rather than a silence."""
    unforeseen = next((outcome for outcome in outcomes if isinstance(outcome, Failure)), None)
    if unforeseen is not None:
        return unforeseen
    errors = [outcome for outcome in outcomes if isinstance(outcome, ResolveError)]
    definite = [error for error in errors if error.kind == "dns_error"]
    return next(iter(definite or errors), ResolveError("dns_error", "no address"))
