"""The data plane, put together of its parts."""

from __future__ import annotations

import random
import resource
import secrets
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from meshd.auth.service import AuthService
from meshd.dns.resolver import Resolver
from meshd.exits.destinations import OwnListeners
from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.passing.accepting import descriptor_ceiling
from meshd.passing.caps import Caps
from meshd.passing.kept import KeptOrigins
from meshd.proxy.offenders import Offenders
from meshd.proxy.pairs import RestingPairs
from meshd.proxy.plane import DataPlane
from meshd.proxy.shares import Shares
from meshd.seldom import Seldom
from meshd.sockets.datagrams import Datagrams
from meshd.sockets.line import Line
from meshd.sockets.pipes import Pipes
from meshd.sockets.poll import Poller
from meshd.sockets.relay import Relay
from meshd.sockets.tls import TLSUpstreams
from meshd.sockets.wheel import Wheel
from meshd.sockets.windows import largest_receive_buffer, receive_buffer
from meshd.topology import Limits, Live
from meshd.usage.ledger import Ledger

log = Logger()

PART = 4
"""The part of all descriptors that those who wait for their turn may take, and the part that flows of datagrams may."""

KEPT = 4
"""The part of all descriptors that connections to origins may take which wait for a next request: were each client
between two requests, theirs would be half. Another part is for those to published servers; all give way to clients.
"""

MOST_KEPT = 65_536
"""Where the settings say nothing: each takes 3.5 KB of memory, and some of the kernel's.  230 MB in all."""

PIPES = 64
"""Kernel pipes for busy tunnels: 64 MiB of the user's `pipe-user-pages-soft`."""


def data_plane(
    reactor: Any,
    live: Live,
    now: Callable[[], float],
    *,
    auth: AuthService,
    ledger: Ledger,
    resolver: Resolver,
    poller: Poller,
    own: Callable[[], OwnListeners],
    note_exit: Callable[[Outlet], None],
) -> DataPlane:
    """Build the data plane, which opens nothing; clients get no TLS before `accept_tls`."""
    wheel = Wheel(reactor)
    caps = Caps(live, ceiling(live.limits))
    shares = Shares(live, caps, ledger)
    return DataPlane(
        poller=poller,
        wheel=wheel,
        relay=_relay(reactor, poller, wheel, live),
        datagrams=Datagrams(wheel, live, lambda: caps.ceiling // PART),
        dialler=_dialler(reactor, poller, wheel, live, resolver=resolver, own=own),
        origins=KeptOrigins(poller, wheel, lambda: kept_at_most(live.limits, caps.ceiling)),
        caps=caps,
        resting=RestingPairs(caps, live),
        shares=shares,
        line=Line(
            reactor, lambda key: shares.may(key[0], wheel.seconds(), tunnel=key[1]), lambda: caps.ceiling // PART
        ),
        offenders=Offenders(wheel.seconds),
        auth=auth,
        ledger=ledger,
        live=live,
        now=now,
        chance=random.Random(secrets.randbits(128)),  # noqa: S311 (no secret)
        pools=Pools(live.topology),
        note_exit=note_exit,
        instance=f"{secrets.token_hex(4)}-",
        seldom=Seldom(reactor.seconds),
    )


def _dialler(
    reactor: Any, poller: Poller, wheel: Wheel, live: Live, *, resolver: Resolver, own: Callable[[], OwnListeners]
) -> Dialler:
    secure = TLSUpstreams(reactor, poller, wheel, lambda: live.timeouts.half_closed)
    rules, udp = lambda: live.topology.destinations, lambda: live.topology.udp
    return Dialler(poller, resolver, reactor, rules, own, secure, _receive_buffer(live.limits), udp)


def _relay(reactor: Any, poller: Poller, wheel: Wheel, live: Live) -> Relay:
    pipes = Pipes(min(PIPES, _descriptors() // 16))
    return Relay(poller, wheel, pipes, lambda call: reactor.callLater(0, call), live)


def ceiling(limits: Limits) -> int:
    """Descriptors that the data plane may have open: two for each connection, or what the process has left."""
    return limits.connections * 2 or descriptor_ceiling(_descriptors(), limits.descriptor_reserve)


def kept_at_most(limits: Limits, descriptors: int) -> int:
    """Idle connections to origins: what the settings say, or their part of the data plane's descriptors."""
    return limits.kept_connections or min(descriptors // KEPT, MOST_KEPT)


def _receive_buffer(limits: Limits) -> int:
    """SO_RCVBUF of customers' connections and of those to origins; said where the host does not let it be."""
    largest = largest_receive_buffer()
    size = receive_buffer(limits.window_bytes, largest)
    if limits.window_bytes and not size:
        log.info(
            "limits.window_bytes needs net.core.rmem_max of {needed}, which is {largest}: windows are the kernel's own",
            needed=limits.window_bytes // 2,
            largest=largest,
        )
    return size


def _descriptors() -> int:
    """The soft limit of this process, raised to the hard one first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
