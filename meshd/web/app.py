"""The web as a whole: what the assembly builds, listens with, and reloads."""

from __future__ import annotations

from functools import cache

from twisted.internet.interfaces import IReactorTime

from meshd.running.turns import Turns
from meshd.seldom import Seldom
from meshd.web.admin.answers import DOCUMENTATION, KINDS
from meshd.web.admin.dialect import Operators
from meshd.web.admin.explained import ADVICE
from meshd.web.admin.routes import OPERATORS
from meshd.web.api.allowlists import AllowlistRoutes
from meshd.web.api.autoconfig import AutoconfigRoutes
from meshd.web.api.dialect import ProxyMesh
from meshd.web.api.health import HealthRoutes
from meshd.web.api.history import HistoryRoutes
from meshd.web.api.oneself import OneselfRoutes
from meshd.web.api.proxies import ProxyRoutes
from meshd.web.api.subaccounts import SubAccountRoutes
from meshd.web.api.tokens import TokenRoutes
from meshd.web.dashboard.dialect import Pages
from meshd.web.dashboard.documentation import Book, DocumentationRoutes, Explained
from meshd.web.dashboard.mounting import mount_pages
from meshd.web.openapi import DocumentRoutes, document
from meshd.web.postern.routes import mount_postern
from meshd.web.reference import reference
from meshd.web.room import Room
from meshd.web.routing import Api
from meshd.web.server.bounds import Bounds
from meshd.web.server.gate import Gate
from meshd.web.server.requestlog import RequestLog
from meshd.web.server.site import ApiSite
from meshd.web.services import Services
from meshd.web.v1.dialect import ProxyHat
from meshd.web.v1.routes import PROXYHAT


def build_api(reactor: IReactorTime, services: Services) -> Api:
    """Make the API with every path mounted."""
    seldom = Seldom(reactor.seconds)
    api = Api(Turns(reactor), seldom=seldom, random=services.random)
    dialect = ProxyMesh(services.auth)
    for prefix in ("", "/healthz", "/readyz", "/proxy.pac", "/.well-known/"):  # "": refused before its path is known
        api.answer_below(prefix, dialect)
    room = Room(api, dialect, prefix="/api/", available=services.available)
    for routes in (TokenRoutes, ProxyRoutes, AllowlistRoutes, SubAccountRoutes, HistoryRoutes, OneselfRoutes):
        routes(services).mount(room)
    AutoconfigRoutes(services).mount(room)
    HealthRoutes(reactor, services.ready, seldom).mount(room)
    DocumentRoutes("/api/openapi.json", "meshd.web.api").mount(room)
    _mount_operators(api, services)
    _mount_proxyhat(api, services)
    pages = Room(api, Pages(services), available=services.available)
    mount_pages(pages, services)
    DocumentationRoutes(_books(), lambda: _host(services)).mount(pages)
    return api


@cache
def _books() -> tuple[Book, Book]:
    """What people read about the two APIs."""
    problems = [Explained(name, kind.status, kind.title, ADVICE[name]) for name, kind in KINDS.items()]
    account, operators = (reference(document(package)) for package in ("meshd.web.api", "meshd.web.admin"))
    return (
        Book("/api/docs/", "/api/openapi.json", account),
        Book(DOCUMENTATION, "/api/admin/openapi.json", operators, problems),
    )


def _host(services: Services) -> str:
    """Where people reach the API, by the settings."""
    return next((value for key, value, _ in services.settings() if key == "api.domain"), "").removeprefix("-")


def _mount_operators(api: Api, services: Services) -> None:
    room = Room(api, Operators(services), prefix="/api/admin/", available=services.available)
    for routes in OPERATORS:
        routes(services).mount(room)
    DocumentRoutes("/api/admin/openapi.json", "meshd.web.admin").mount(room)


def _mount_proxyhat(api: Api, services: Services) -> None:
    room = Room(
        api,
        ProxyHat(services),
        prefix="/v1/",
        available=services.available,
        there=lambda: services.live.topology.v1 is not None,
    )
    for routes in PROXYHAT:
        routes(services).mount(room)
    DocumentRoutes("/v1/openapi.json", "meshd.web.v1").mount(room)


def build_hosts_api(reactor: IReactorTime, services: Services) -> Api:
    """Make the API that manages what is published, which is served on listeners of its own."""
    seldom = Seldom(reactor.seconds)
    api = Api(Turns(reactor), seldom=seldom, random=services.random, way="hosts")
    mount_postern(api, services, reactor.seconds)
    return api


def build_hosts_site(reactor: IReactorTime, services: Services, requests: RequestLog) -> ApiSite:
    """Make that API's factory for plain connections; to stop it is as to stop the other."""
    return _site(reactor, services, build_hosts_api(reactor, services), requests, "hosts")


def build_site(reactor: IReactorTime, services: Services, requests: RequestLog) -> ApiSite:
    """Make the API's factory for plain connections: behind TLS of our own (`TLSFront`) or of the operator's.

    To stop: close the ports, then `await site.drain(seconds)`.
    """
    return _site(reactor, services, build_api(reactor, services), requests, "accounts")


def _site(reactor: IReactorTime, services: Services, api: Api, requests: RequestLog, name: str) -> ApiSite:
    live, gate = services.live, Gate(services.live, api.seldom)
    return ApiSite(api, reactor, bounds=lambda: Bounds.of(live.topology), gate=gate, requests=requests, name=name)
