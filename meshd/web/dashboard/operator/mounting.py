"""The operators' pages about the installation, in the room of the dashboard."""

from __future__ import annotations

from meshd.web.dashboard.asking import Asking
from meshd.web.dashboard.operator.audit import AuditRoutes
from meshd.web.dashboard.operator.bans import BanRoutes
from meshd.web.dashboard.operator.exchanges import ExchangeRoutes
from meshd.web.dashboard.operator.exits import ExitRoutes
from meshd.web.dashboard.operator.orders import OrderRoutes
from meshd.web.dashboard.operator.overview import OverviewRoutes
from meshd.web.dashboard.operator.settings import SettingsRoutes
from meshd.web.dashboard.operator.usage import UsageRoutes
from meshd.web.room import Room
from meshd.web.services import Services


def mount_operator(room: Room, services: Services, asking: Asking) -> None:
    for routes in (OverviewRoutes, ExitRoutes, ExchangeRoutes, BanRoutes, AuditRoutes, SettingsRoutes, OrderRoutes):
        routes(services).mount(room)
    UsageRoutes(services, asking).mount(room)
