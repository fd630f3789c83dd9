"""What the pages about the installation have in common."""

from __future__ import annotations

from typing import Any

from meshd.model import Account
from meshd.web.dashboard.pages import OperatorRoutes
from meshd.web.reply import Fields, Reply
from meshd.web.room import Caller

CHANGES = frozenset({"root", "admin"})
"""The roles to which forms are shown; whether they may, each rule decides again."""


def may_change(account: Account) -> bool:
    return account.role in CHANGES


class InstallationRoutes(OperatorRoutes):
    """Pages with templates of this package, which are told whether to show forms."""

    def _show(self, caller: Caller, template: str, status: int = 200, *, fields: Fields = (), **facts: Any) -> Reply:
        told = {"may_change": may_change(caller.account), **facts}
        return super()._show(caller, f"operator/{template}", status, fields=fields, **told)
