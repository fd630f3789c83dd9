"""All routes of PosternProxy's API, and of that of its relative, in one room."""

from __future__ import annotations

from collections.abc import Callable

from meshd.web.openapi import DocumentRoutes
from meshd.web.postern.dialect import Postern
from meshd.web.postern.elsewhere import ElsewhereRoutes
from meshd.web.postern.entry import Entry
from meshd.web.postern.history import HistoryRoutes
from meshd.web.postern.npm.certificates import CertificateRoutes
from meshd.web.postern.npm.resources import AliasRoutes
from meshd.web.postern.npm.shapes import ALIASES
from meshd.web.postern.npm.site import SiteRoutes
from meshd.web.postern.passage import Passage
from meshd.web.postern.resources import KINDS, ResourceRoutes
from meshd.web.postern.signin import SignInRoutes
from meshd.web.postern.tokens import TokenRoutes
from meshd.web.postern.users import UserRoutes
from meshd.web.room import Room
from meshd.web.routing import Api
from meshd.web.services import Services


def mount_postern(api: Api, services: Services, seconds: Callable[[], float]) -> None:
    """Mount every path.  seconds: a clock that nobody sets."""
    dialect = Postern(services)
    room = Room(api, dialect, available=services.available, around=Passage(services, dialect, seconds))
    entry = Entry(services, seconds)
    SignInRoutes(services, dialect, entry).mount(room)
    for routes in (TokenRoutes, UserRoutes, HistoryRoutes):
        routes(services).mount(room)
    for kind in KINDS:
        ResourceRoutes(services, kind).mount(room)
    CertificateRoutes(services).mount(room)
    for segment in ALIASES:
        AliasRoutes(services, segment).mount(room)
    SiteRoutes(services, entry).mount(room)
    DocumentRoutes("/api/openapi.json", "meshd.web.postern").mount(room)
    ElsewhereRoutes(api, dialect).mount(room)
