"""Names to addresses for everyone who dials or watches a name: merged, remembered, bounded.

The promise: `known` answers at once or not at all, `resolve` within the deadline; equal questions are asked once; an
answer is remembered for its TTL within bounds, a failure for a few seconds; no more than `queue` names are asked for at
a time, and one account's are no more than are free.  What is resolved is never checked here: whoever dials checks the
address it dials.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.bounded import Bounded
from meshd.dns.callers import Callers, Entry, Resolved, Told, outcome_of
from meshd.dns.deadlines import Deadlines
from meshd.dns.ports import Polls, Server
from meshd.dns.servers import ServerLookup
from meshd.dns.system import Answer, GetAddrInfo, Lookup, Outcome, ResolveError, ThreadLookup
from meshd.http1.target import LOOPBACK
from meshd.running.flights import Crowded
from meshd.seldom import Seldom
from meshd.values.addresses import ends_in_number, is_place, split_host
from meshd.values.samples import Sample

__all__ = ["ResolveError", "Resolved", "Resolver"]

FAILURE_TTL = 5.0
"""Seconds."""

BY_SERVERS, BY_THREADS = 4096, 256
"""Names looked up at a time: a few KiB each, and sockets that they share; or a place in a line for threads."""

EACH = 16
"""Names looked up at a time for one account, whatever others do."""

_NAME = re.compile(r"(?!.{254})[\w-]{1,63}(?:\.[\w-]{1,63})*\Z", re.ASCII)
"""RFC 1035 section 2.3.4; the underscore is common in practice."""

_log = Logger()


class Resolver:
    """Resolves host names, one object for the process.  A host is lower case, without a final dot or brackets."""

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[str] = (),
        poller: Polls | None = None,
        *,
        threads: int = 32,
        clock: Any = None,
        timeout: Callable[[], float] = lambda: 5.0,
        ttl_min: float = 5.0,
        ttl_max: float = 300.0,
        size: int = 50_000,
        queue: int = 0,
        getaddrinfo: GetAddrInfo = socket.getaddrinfo,
    ) -> None:
        """`servers` are addresses with ports ("127.0.0.1:53", "[::1]:53"), asked by way of `poller`; none means the
        system's own resolver.  size: names remembered; queue: names under way, 0 for what suits the way of asking.
        """
        self._clock = reactor if clock is None else clock
        self._seconds: Callable[[], float] = self._clock.seconds
        self._seldom = Seldom(self._seconds)
        self._ttl = (ttl_min, ttl_max)
        self._cache: Bounded[str, Entry] = Bounded(lambda: size)
        self._places = queue or (BY_SERVERS if servers else BY_THREADS)
        self._shares = bool(servers)
        self._deadlines = Deadlines(self._clock)
        self._callers = Callers(self._places, self._deadlines, timeout)
        self._lookup: Lookup
        if servers:
            assert poller is not None
            self._lookup = ServerLookup(reactor, [server_address(server) for server in servers], timeout, poller)
        else:
            self._lookup = ThreadLookup(reactor, threads, getaddrinfo)
        self._stopped = False
        self._asked = {True: 0, False: 0}
        """How many look-ups found an address, and how many none."""

    def known(self, host: str) -> tuple[str, ...] | None:
        """The addresses of the host if they are remembered; None also for a name that is known to have none."""
        entry = self._cache.get(host)
        if entry is None or entry[0] <= self._seconds():
            return None
        self._cache.move_to_end(host)
        return entry[1]

    def samples(self) -> Iterable[Sample]:
        """What was asked and how it came out, what is being asked, and how many names are remembered."""
        yield "dns_lookups_total", (("result", "found"),), float(self._asked[True])
        yield "dns_lookups_total", (("result", "failed"),), float(self._asked[False])
        yield "dns_lookups_open", (), float(len(self._callers))
        yield "dns_names", (), float(len(self._cache))

    def asks(self, host: str) -> bool:
        """Whether `resolve` would have to ask somebody now."""
        entry = self._cache.get(host)
        if entry is not None and entry[0] > self._seconds():
            return False
        return not (":" in host or ends_in_number(host) or _is_loopback(host) or not _NAME.match(host))

    def may_ask(self, own: int) -> bool:
        """Whether an account with so many names under way may have another one asked for.

        What one account has under way never exceeds what is left for all others.  A question to a name server takes
        nothing but memory while it waits; a thread is one of few.
        """
        return own < EACH or (self._shares and own < self._places - len(self._callers))

    async def resolve(self, host: str) -> Resolved:
        """The addresses of the host.  Raises: ResolveError where there are none, none in time, or the queue is full."""
        heard: Deferred[Resolved | ResolveError] = Deferred()
        self.tell(host, heard.callback)  # which whoever has cancelled it is not told
        outcome = await heard
        if isinstance(outcome, ResolveError):
            raise outcome
        return outcome

    def tell(self, host: str, told: Told) -> None:
        """The same for those who dial for many at once, to whom a coroutine and a Deferred are dear: they are told, at
        once or later.
        """
        try:
            entry = self._cache.get(host)
            if entry is None or entry[0] <= self._seconds():
                entry = self._without_asking(host)
            if entry is None:
                self._ask(host, told)
                return
            outcome = outcome_of(entry)
        except ResolveError as error:
            outcome = error
        told(outcome)

    def stop(self) -> Deferred[None]:
        """Fail every `resolve` that waits, at once; the result fires when no socket is left."""
        if self._stopped:
            return succeed(None)
        self._stopped = True
        self._callers.abandon(ResolveError("dns_error", "stopping"))
        self._deadlines.stop()
        return self._lookup.stop()

    def _without_asking(self, host: str) -> Entry | None:
        """Answer for an address, and for localhost and names under it; None for other names.  Raises: ResolveError."""
        if ":" in host or ends_in_number(host):
            return self._remember(host, self._ttl[1], _literal(host))
        if not _NAME.match(host):
            raise ResolveError("dns_error", "not a host name")
        if _is_loopback(host):
            return self._remember(host, self._ttl[1], LOOPBACK)
        return None

    def _ask(self, host: str, told: Told) -> None:
        """Join the look-up of this name or start one.  Raises: ResolveError."""
        if self._stopped:
            raise ResolveError("dns_error", "stopping")
        try:
            leads = self._callers.enter(host, told)
        except Crowded:
            raise ResolveError("dns_timeout", "too many names are being looked up") from None
        if leads:
            self._begin(host)

    def _begin(self, host: str) -> None:
        """Have the name looked up; it never fails."""
        try:
            self._lookup.lookup(host, self._heard)
        except Exception:
            self._heard(host, Failure())

    def _heard(self, host: str, outcome: Outcome) -> None:
        """Remember what came of a look-up, also where that is too late for whoever asked, and tell who waits."""
        if isinstance(outcome, Answer):
            low, high = self._ttl
            self._asked[True] += 1
            entry = self._remember(host, min(max(outcome.ttl, low), high), outcome.addresses)
        else:
            entry = self._failed(host, outcome)
        self._callers.land(host, entry)

    def _failed(self, host: str, outcome: ResolveError | Failure) -> Entry:
        self._asked[False] += 1
        if not isinstance(outcome, Failure):
            error = outcome
        elif isinstance(outcome.value, ResolveError):
            error = outcome.value
        else:
            self._seldom.failure(_log, "looking up {host} failed", outcome, host=host)
            error = ResolveError("dns_error", "the look-up failed")
        return self._remember(host, FAILURE_TTL, None, error)

    def _remember(
        self, host: str, ttl: float, addresses: tuple[str, ...] | None, error: ResolveError | None = None
    ) -> Entry:
        entry = (self._seconds() + ttl, addresses, error)
        self._cache.put(host, entry)
        return entry


def server_address(text: str) -> Server:
    """Host and port of `127.0.0.1:53` or `[::1]:53`; an address alone means port 53."""
    return split_host(text) if is_place(text) else (text.strip("[]"), 53)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _literal(host: str) -> tuple[str, ...]:
    """The address that an octal, hexadecimal or short spelling means to connect(2); AI_NUMERICHOST asks nobody."""
    text = host.encode("ascii", "replace")
    try:
        found = socket.getaddrinfo(text, None, socket.AF_UNSPEC, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except OSError as error:
        raise ResolveError("dns_error", "not an address") from error
    return tuple(str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found)
