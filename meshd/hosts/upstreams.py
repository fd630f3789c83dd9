"""From an upstream's name to addresses, judged, and to a connected socket.

Upstreams are private by nature, so that private addresses are the rule here.  Refused are those that lead to nobody's
service but to this machine's own or to its cloud's: link-local and metadata addresses always, loopback unless the
settings let it be.  The address that was judged is the address that is dialled.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from meshd.dns.resolver import ResolveError, Resolver
from meshd.exits.destinations import OUTSIDE, unwrap
from meshd.exits.dialling import is_local
from meshd.model import Refusal
from meshd.sockets.poll import Poller
from meshd.sockets.race import DialError, Dialled, Race
from meshd.values.published import Upstream

ADDRESSES = 8
"""Addresses of one name that are tried at most."""

_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "100.100.100.200/32",  # a cloud's metadata
        "168.63.129.16/32",  # another's
        "169.254.0.0/16",  # link-local; holds the metadata address of most clouds
        "192.0.0.192/32",  # a cloud's metadata
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",  # unspecified
        "fd00:ec2::254/128",  # a cloud's metadata
        "fd20:ce::254/128",  # another's
        "fe80::/10",  # link-local
        "ff00::/8",  # multicast
    )
)


def refused(address: str, *, loopback: bool) -> bool:
    """Whether no upstream may be at the address, spelled as the resolver gives it.

    loopback: whether one may be on this machine's own loopback addresses.
    """
    target = unwrap(ip_address(address.partition("%")[0]))
    if target.is_loopback:
        return not loopback
    return any(target in network for network in _NEVER)


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
        if any(refused(each, loopback=loopback) for each in addresses):
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
