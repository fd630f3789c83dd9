"""The operators' pages about published hosts, in the room of the dashboard."""

from __future__ import annotations

from meshd.web.dashboard.hosts.certificates import CertificateRoutes
from meshd.web.dashboard.hosts.listing import ListingRoutes
from meshd.web.dashboard.hosts.record import RecordRoutes
from meshd.web.dashboard.hosts.resource import ResourceRoutes
from meshd.web.dashboard.hosts.tokens import TokenRoutes
from meshd.web.room import Room
from meshd.web.services import Services


def mount_hosts(room: Room, services: Services) -> None:
    for routes in (ListingRoutes, ResourceRoutes, CertificateRoutes, RecordRoutes, TokenRoutes):
        routes(services).mount(room)
