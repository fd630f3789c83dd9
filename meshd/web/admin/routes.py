"""All routes of the operators' API."""

from __future__ import annotations

from meshd.web.admin.accounts import AccountRoutes
from meshd.web.admin.allowlists import AllowlistRoutes
from meshd.web.admin.history import HistoryRoutes
from meshd.web.admin.infrastructure import InfrastructureRoutes
from meshd.web.admin.invitations import InvitationRoutes
from meshd.web.admin.lists import ListRoutes
from meshd.web.admin.reports import ReportRoutes
from meshd.web.admin.selling import SellingRoutes
from meshd.web.admin.tokens import TokenRoutes

OPERATORS = (
    AccountRoutes,
    TokenRoutes,
    AllowlistRoutes,
    HistoryRoutes,
    InfrastructureRoutes,
    InvitationRoutes,
    ListRoutes,
    ReportRoutes,
    SellingRoutes,
)
