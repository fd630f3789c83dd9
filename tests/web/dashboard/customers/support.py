"""Operators at their pages about accounts."""

from __future__ import annotations

from meshd.store.statements import audit
from meshd.store.unit import Statement, Unit
from tests.web.dashboard.support import Browser, Page, PagesTestCase, named

__all__ = ["ALL", "Browser", "OperatorsTestCase", "Page", "named", "sheet"]

ALL = "/operator/accounts/"

OPERATORS = {"ada": "admin", "vera": "viewer", "rita": "root"}
"""Operators by name, with their roles."""


class OperatorsTestCase(PagesTestCase):
    """A world with an admin `ada`, a viewer `vera`, and a root account `rita`."""

    def setUp(self) -> None:
        super().setUp()
        self.world.account("ada", plan="20", role="admin")
        self.world.account("vera", plan="20", role="viewer")
        made = self.world.account("rita", plan="20", role="admin")
        self.world.store.file.run(_crown, made.id)
        self.browser.sign_in("ada")

    def audit(self, name: str = "jo") -> list[tuple[str, str]]:
        """Who did what to the account, the newest first."""
        account_id = getattr(self.world, name).id
        return [(each.actor, each.action) for each in self.world.store.file.run(audit.of_account, account_id, 20)]

    def sent(self, page: str, action: str, **fields: object) -> Page:
        """Open a page and send a form of it."""
        self.browser.open(page)
        return self.browser.send(action, **fields)


def sheet(name: str, end: str = "") -> str:
    return f"{ALL}{name}/{end}"


def _crown(account_id: int) -> Unit[None]:
    """Make an account the root, as only the first start does."""
    yield Statement("update accounts set role = 'root' where id = :id", {"id": account_id})
