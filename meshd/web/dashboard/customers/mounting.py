"""All pages of operators about accounts, in the room of the pages."""

from __future__ import annotations

from meshd.web.dashboard.asking import Asking
from meshd.web.dashboard.customers.access import AccessRoutes
from meshd.web.dashboard.customers.account import AccountRoutes
from meshd.web.dashboard.customers.addresses import AddressRoutes
from meshd.web.dashboard.customers.audit import AuditRoutes
from meshd.web.dashboard.customers.creating import CreatingRoutes
from meshd.web.dashboard.customers.limits import LimitsRoutes
from meshd.web.dashboard.customers.listing import ListingRoutes
from meshd.web.dashboard.customers.seeing import SeeingRoutes
from meshd.web.dashboard.customers.terms import TermsRoutes
from meshd.web.dashboard.customers.tokens import TokenRoutes
from meshd.web.dashboard.customers.topups import TopUpRoutes
from meshd.web.dashboard.customers.usage import UsageRoutes
from meshd.web.room import Room
from meshd.web.services import Services

GROUPS = (
    ListingRoutes,
    CreatingRoutes,
    AccountRoutes,
    TermsRoutes,
    LimitsRoutes,
    AccessRoutes,
    AddressRoutes,
    TokenRoutes,
    TopUpRoutes,
    AuditRoutes,
    SeeingRoutes,
)


def mount_customers(room: Room, services: Services, asking: Asking) -> None:
    for routes in GROUPS:
        routes(services).mount(room)
    UsageRoutes(services, asking).mount(room)
