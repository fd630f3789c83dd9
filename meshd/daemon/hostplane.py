"""The plane of published hosts, put together of its parts, most of which it shares with the proxy."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from meshd.auth.passwords import PasswordHasher
from meshd.daemon.dataplane import kept_at_most
from meshd.hosts.book import HostBook
from meshd.hosts.payers import Payers
from meshd.hosts.plane import Certificates, Dials, HostPlane
from meshd.hosts.response import HostResponse
from meshd.hosts.signin import SignIns
from meshd.hosts.sites import Sites
from meshd.passing.caps import Caps
from meshd.passing.kept import KeptOrigins
from meshd.proxy.plane import DataPlane
from meshd.sockets.tls import TLSServers
from meshd.sockets.wire import Wire


def host_plane(
    reactor: Any,
    proxy: DataPlane,
    *,
    book: HostBook,
    hasher: PasswordHasher,
    dialler: Dials,
    payers: Payers,
    certificates: Certificates,
    beside: Callable[[str, Wire, bytes], bool],
) -> HostPlane:
    """Build the plane, which opens nothing.  proxy: the plane whose machinery is shared."""
    live, poller, wheel = proxy.live, proxy.poller, proxy.wheel
    tls = reactor, poller, wheel, lambda: live.timeouts.half_closed
    caps = Caps(live, proxy.caps.ceiling)
    origins: KeptOrigins[HostResponse] = KeptOrigins(poller, wheel, lambda: kept_at_most(live.limits, caps.ceiling))
    caps.spare = proxy.caps.spare = partial(_spare, proxy, origins)
    return HostPlane(
        poller=poller,
        wheel=wheel,
        relay=proxy.relay,
        caps=caps,
        line=proxy.line,
        ledger=proxy.ledger,
        live=live,
        now=proxy.now,
        instance=f"{secrets.token_hex(4)}-",
        seldom=proxy.seldom,
        book=book,
        sites=Sites(),
        dialler=dialler,
        origins=origins,
        payers=payers,
        signins=SignIns(hasher, reactor.seconds),
        certificates=certificates,
        secure=TLSServers(*tls),
        beside=beside,
        chance=random.Random(secrets.randbits(128)),  # noqa: S311 (no secret)
    )


def _spare(proxy: DataPlane, origins: KeptOrigins[HostResponse], count: int) -> int:
    """Free so many descriptors, or fewer; how many: of those whose exchange is over and who have not taken all of it,
    clients and servers, else of pairs that wait, else of idle connections to origins of the proxy, else of those to
    published hosts.
    """
    given = proxy.relay.deliveries.give_up(count)
    given += proxy.poller.give_up(max(count - given, 0))
    given += proxy.resting.give_up(max(count - given, 0))
    given += proxy.origins.give_up(max(count - given, 0))
    return given + origins.give_up(max(count - given, 0))
