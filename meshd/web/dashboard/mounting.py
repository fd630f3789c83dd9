"""All pages of the dashboard, in their room."""

from __future__ import annotations

from meshd.web.dashboard.activity import ActivityRoutes
from meshd.web.dashboard.allowlists import AllowlistRoutes
from meshd.web.dashboard.apikeys import KeyRoutes
from meshd.web.dashboard.asking import Asking
from meshd.web.dashboard.customers.mounting import mount_customers
from meshd.web.dashboard.exchanges import ExchangeRoutes
from meshd.web.dashboard.factor import FactorRoutes
from meshd.web.dashboard.home import HomeRoutes
from meshd.web.dashboard.hosts.mounting import mount_hosts
from meshd.web.dashboard.operator.mounting import mount_operator
from meshd.web.dashboard.orders import OrderRoutes
from meshd.web.dashboard.pacfiles import PacRoutes
from meshd.web.dashboard.proxies import ProxyRoutes
from meshd.web.dashboard.settings import SettingsRoutes
from meshd.web.dashboard.signin import SignInRoutes
from meshd.web.dashboard.static import StaticFiles
from meshd.web.dashboard.subaccounts import SubAccountRoutes
from meshd.web.dashboard.tokens import TokenRoutes
from meshd.web.dashboard.usage import UsageRoutes
from meshd.web.room import Room
from meshd.web.services import Services


def mount_pages(room: Room, services: Services) -> None:
    """Mount what everybody may see, and the pages of customers."""
    StaticFiles().mount(room)
    for routes in (SignInRoutes, HomeRoutes, ProxyRoutes, TokenRoutes, SubAccountRoutes, AllowlistRoutes):
        routes(services).mount(room)
    for settings in (SettingsRoutes, FactorRoutes, PacRoutes):
        settings(services).mount(room)
    asking = Asking()
    for history in (UsageRoutes, ActivityRoutes):
        history(services, asking).mount(room)
    mount_customers(room, services, asking)
    for own in (ExchangeRoutes, OrderRoutes, KeyRoutes):
        own(services).mount(room)
    mount_operator(room, services, asking)
    mount_hosts(room, services)
