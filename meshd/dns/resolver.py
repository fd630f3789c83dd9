"""Names to addresses for everyone who dials or watches a name: merged, remembered, bounded.

The promise: `known` answers at once or not at all, `resolve` within the deadline; equal questions are asked once; an
answer is remembered for its TTL within bounds, a failure for a few seconds; no more than `queue` names are asked for at
a time.  What is resolved is never checked here: whoever dials checks the address it dials.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from meshd.bounded import Bounded
from meshd.dns.servers import Server, ServerLookup
from meshd.dns.system import GetAddrInfo, Lookup, ResolveError, ThreadLookup
from meshd.http1.target import LOOPBACK
from meshd.running.flights import Crowded, Flights
from meshd.seldom import Seldom
from meshd.values.addresses import ends_in_number, is_place, split_host
from meshd.values.samples import Sample

__all__ = ["ResolveError", "Resolved", "Resolver"]

FAILURE_TTL = 5.0
"""Seconds."""

_NAME = re.compile(r"(?!.{254})[\w-]{1,63}(?:\.[\w-]{1,63})*\Z", re.ASCII)
"""RFC 1035 section 2.3.4; the underscore is common in practice."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The addresses of a name in the order in which to try them; at least one, at most 16."""

    addresses: tuple[str, ...]
    expires: float
    """By the clock that the resolver was given."""


Entry = tuple[float, tuple[str, ...] | None, ResolveError | None]
"""Expiry, and addresses or else an error: a bare tuple, for `known` is called at every request."""


class Resolver:
    """Resolves host names, one object for the process.  A host is lower case, without a final dot or brackets."""

    def __init__(
        self,
        reactor: Any,
        *,
        servers: Sequence[str] = (),
        threads: int = 8,
        clock: Any = None,
        timeout: Callable[[], float] = lambda: 5.0,
        ttl_min: float = 5.0,
        ttl_max: float = 300.0,
        size: int = 10_000,
        queue: int = 256,
        getaddrinfo: GetAddrInfo = socket.getaddrinfo,
    ) -> None:
        """`servers` are addresses with ports ("127.0.0.1:53", "[::1]:53"); none means the system's own resolver."""
        self._clock = reactor if clock is None else clock
        self._seconds: Callable[[], float] = self._clock.seconds
        self._seldom = Seldom(self._seconds)
        self._timeout = timeout
        self._ttl = (ttl_min, ttl_max)
        self._cache: Bounded[str, Entry] = Bounded(lambda: size)
        self._flights: Flights[Entry] = Flights(queue)
        self._lookup: Lookup = (
            ServerLookup(reactor, [server_address(server) for server in servers], timeout)
            if servers
            else ThreadLookup(reactor, threads, getaddrinfo)
        )
        self._stopped = False

    def known(self, host: str) -> tuple[str, ...] | None:
        """The addresses of the host if they are remembered; None also for a name that is known to have none."""
        entry = self._cache.get(host)
        if entry is None or entry[0] <= self._seconds():
            return None
        self._cache.move_to_end(host)
        return entry[1]

    def samples(self) -> Iterable[Sample]:
        """How many names are remembered, with those that have no address."""
        yield "dns_names", (), float(len(self._cache))

    def asks(self, host: str) -> bool:
        """Whether `resolve` would have to ask somebody now."""
        entry = self._cache.get(host)
        if entry is not None and entry[0] > self._seconds():
            return False
        return not (":" in host or ends_in_number(host) or _is_loopback(host) or not _NAME.match(host))

    async def resolve(self, host: str) -> Resolved:
        """The addresses of the host.  Raises: ResolveError where there are none, none in time, or the queue is full."""
        entry = self._cache.get(host)
        if entry is None or entry[0] <= self._seconds():
            entry = self._without_asking(host) or await self._ask(host)
        expires, addresses, error = entry
        if addresses is None:
            assert error is not None
            raise ResolveError(error.kind, error.detail)  # a fresh one: a traceback kept by the cache would grow
        return Resolved(addresses, expires)

    def stop(self) -> Deferred[None]:
        """Fail every `resolve` that waits, at once; the result fires when no socket is left."""
        if self._stopped:
            return succeed(None)
        self._stopped = True
        self._flights.abandon(ResolveError("dns_error", "stopping"))
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

    async def _ask(self, host: str) -> Entry:
        """Join the look-up of this name or start one; each caller that waits has a deadline of its own."""
        if self._stopped:
            raise ResolveError("dns_error", "stopping")
        joined = Deferred.fromCoroutine(self._flights.join(host, lambda: self._fly(host)))
        try:
            return (await joined.addTimeout(self._timeout(), self._clock, _too_late)).result
        except Crowded:
            raise ResolveError("dns_timeout", "too many names are being looked up") from None

    async def _fly(self, host: str) -> Entry:
        """Look the name up and remember the answer, also one that is too late for whoever asked.  Never raises."""
        try:
            answer = await self._lookup.lookup(host)
            low, high = self._ttl
            return self._remember(host, min(max(answer.ttl, low), high), answer.addresses)
        except ResolveError as error:
            return self._remember(host, FAILURE_TTL, None, error)
        except Exception:
            self._seldom.failure(_log, "looking up {host} failed", host=host)
            return self._remember(host, FAILURE_TTL, None, ResolveError("dns_error", "the look-up failed"))

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


def _too_late(_: object, limit: float) -> NoReturn:
    raise ResolveError("dns_timeout", f"no answer within {limit:g} s")
