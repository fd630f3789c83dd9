"""Who may act for the installation as a whole."""

from __future__ import annotations

from meshd.accounts.errors import AccountError
from meshd.accounts.ownership import ByToken, Operator, name_of, operating
from meshd.model import Role
from meshd.store.statements import accounts
from meshd.store.unit import Unit
from tests.accounts.support import AccountsCase

ROLES: dict[Role, tuple[bool, bool]] = {
    "root": (True, True),
    "admin": (True, True),
    "viewer": (True, False),
    "customer": (False, False),
}
"""By role, whether it reads and whether it changes what belongs to no single account."""


def make(role: Role) -> Unit[int]:
    made = yield from accounts.create(
        f"the-{role}", parent_id=None, role=role, plan="10", password_hash="", billing_day=1, now=0
    )
    return made.id


class OperatingTests(AccountsCase):
    def may(self, actor: int | ByToken | Operator, *, change: bool) -> bool:
        try:
            self.run_unit(operating, actor, change=change)
        except AccountError:
            return False
        return True

    def test_by_role(self) -> None:
        """With the password; a token of theirs opens nothing, whatever the role."""
        for role, expected in ROLES.items():
            account_id = self.root().id if role == "root" else self.run_unit(make, role)
            seen = self.may(account_id, change=False), self.may(account_id, change=True)
            self.assertEqual(seen, expected, role)
            for change in (False, True):
                self.assertFalse(self.may(ByToken(account_id, 1), change=change), role)

    def test_the_operator_at_the_command_line(self) -> None:
        """May do all, under a name of its own."""
        self.assertTrue(self.may(Operator(), change=True))
        self.assertEqual(name_of(Operator()), "operator")
