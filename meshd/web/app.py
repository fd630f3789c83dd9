"""The API as a whole: what the assembly builds, listens with, and reloads."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.interfaces import IReactorTime

from meshd.auth.passwords import Hasher
from meshd.seldom import Seldom
from meshd.tls.server import ReloadableTLS
from meshd.topology import Topology
from meshd.web.api.allowlists import AllowlistRoutes
from meshd.web.api.health import HealthRoutes
from meshd.web.api.history import HistoryRoutes
from meshd.web.api.openapi import DocumentRoutes
from meshd.web.api.proxies import Countries, ProxyRoutes
from meshd.web.api.subaccounts import SubAccountRoutes
from meshd.web.api.tokens import TokenRoutes
from meshd.web.routing import Api, SignsIn
from meshd.web.server.front import TLSFront
from meshd.web.server.gate import Gate
from meshd.web.server.requestlog import RequestLog
from meshd.web.server.site import ApiSite, Bounds
from meshd.web.services import Performs, Services

Ready = Callable[[], Awaitable[Mapping[str, bool]]]


def build_api(
    reactor: IReactorTime,
    *,
    auth: SignsIn,
    accounts: Performs,
    hasher: Hasher,
    topology: Callable[[], Topology],
    countries: Countries,
    now: Callable[[], float],
    ready: Ready,
    available: Callable[[], bool] = lambda: True,
    random: Callable[[int], bytes] = os.urandom,
) -> Api:
    """Every path, mounted."""
    seldom = Seldom(reactor.seconds)
    api = Api(auth, seldom=seldom, available=available, random=random)
    services = Services(accounts, topology, now)
    TokenRoutes(services, random).mount(api)
    ProxyRoutes(services, countries).mount(api)
    AllowlistRoutes(services).mount(api)
    SubAccountRoutes(services, hasher.hash).mount(api)
    HistoryRoutes(services).mount(api)
    HealthRoutes(reactor, ready, seldom).mount(api)
    DocumentRoutes().mount(api)
    return api


def build_site(
    reactor: IReactorTime,
    *,
    auth: SignsIn,
    accounts: Performs,
    hasher: Hasher,
    topology: Callable[[], Topology],
    countries: Countries,
    now: Callable[[], float],
    ready: Ready,
    requests: RequestLog,
    available: Callable[[], bool] = lambda: True,
    random: Callable[[int], bytes] = os.urandom,
) -> ApiSite:
    """The API as a factory for plain connections: behind TLS of our own (`tls_factory`) or of the operator's.

    ready() answers a check's name and whether it passed.  To stop: close the ports, then `await site.drain(seconds)`.
    """
    api = build_api(
        reactor,
        auth=auth,
        accounts=accounts,
        hasher=hasher,
        topology=topology,
        countries=countries,
        now=now,
        ready=ready,
        available=available,
        random=random,
    )
    limits = topology().limits
    gate = Gate(limits.unauthenticated_per_address, limits.unauthenticated, api.seldom)
    return ApiSite(api, reactor, bounds=lambda: Bounds.of(topology()), gate=gate, requests=requests)


def tls_factory(reactor: IReactorTime, site: ApiSite, tls: ReloadableTLS) -> TLSFront:
    """The site behind TLS, plain requests redirected."""
    return TLSFront(reactor, site, tls)
