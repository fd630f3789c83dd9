"""From an upstream's name to addresses, judged, and to a connected socket.

Upstreams are private by nature; where none may be stands in `values/upstreams.py`.  The address that was judged is the
address that is dialled.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from meshd.dns.resolver import ResolveError, Resolver
from meshd.exits.destinations import OUTSIDE
from meshd.exits.own import is_local
from meshd.model import Refusal
from meshd.sockets.poll import Poller
from meshd.sockets.race import DialError, Dialled, Race
from meshd.values.published import Upstream
from meshd.values.upstreams import barred

ADDRESSES = 8
"""Addresses of one name that are tried at most."""


class Upstreams:
    """Finds and dials upstreams."""

    def __init__(
        self,
        poller: Poller,
        resolver: Resolver,
        clock: IReactorTime,
        loopback: Callable[[], bool],
        receive_buffer: int = 0,
    ) -> None:
        """loopback: whether upstreams may be on loopback now; receive_buffer: SO_RCVBUF, 0 where the kernel decides."""
        self._poller = poller
        self._resolver = resolver
        self._clock = clock
        self._loopback = loopback
        self._receive_buffer = receive_buffer

    async def addresses(self, upstream: Upstream, own: int = 0) -> tuple[str, ...]:
        """The addresses of an upstream; one that is refused is enough to refuse all.  Raises: DialError, Stopped.

        own: the port of this host that the client came to, to which it must not be led back for ever; 0 for none.
        """
        addresses = self._resolver.known(upstream.host)
        if addresses is None:
            addresses = await Deferred.fromCoroutine(self._resolve(upstream.host))
        loopback = self._loopback()
        if any(barred(ip_address(each.partition("%")[0]), loopback=loopback) for each in addresses):
            raise DialError(Refusal(OUTSIDE))
        if upstream.port == own and any(map(is_local, addresses)):
            raise DialError(Refusal(OUTSIDE, "it leads to itself"))
        return addresses[:ADDRESSES]

    async def dial(self, upstream: Upstream, own: int = 0) -> Dialled:
        """Connect by TCP, own as above; runs in a Task, and the caller bounds the time.  Raises: DialError, Stopped."""
        addresses = await self.addresses(upstream, own)
        return await Race(self._poller, self._clock, addresses, upstream.port, "", self._receive_buffer).winner()

    async def _resolve(self, host: str) -> tuple[str, ...]:
        try:
            return (await self._resolver.resolve(host)).addresses
        except ResolveError as error:
            raise DialError(Refusal("dns-timeout" if error.kind == "dns_timeout" else "dns-error")) from None
