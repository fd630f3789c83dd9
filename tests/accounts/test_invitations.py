"""Invitations: the operator's to make, to see and to take back."""

from __future__ import annotations

from typing import Any

from meshd.accounts import invitations
from meshd.accounts.errors import Forbidden, Invalid, NotFound
from meshd.accounts.ownership import ByToken
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named


class InvitationTests(AccountsCase):
    def new(self, **how: Any) -> invitations.Invitation:
        return self.run_unit(invitations.create, OPERATOR, **self.given(**how))

    def given(self, **how: Any) -> dict[str, Any]:
        digest = invitations.code_digest(invitations.new_code())
        return {"digest": digest, "label": "", "uses": 1, "until": 0, "now": NOON, **how}

    def test_pages(self) -> None:
        """The newest first, each once."""
        made = [self.new(label=str(number)) for number in range(5)]
        found, cursor = [], ""
        for _ in range(3):
            page = self.run_unit(invitations.listing, OPERATOR, cursor=cursor, limit=2)
            found, cursor = found + page.rows, page.cursor
        self.assertEqual((found, cursor), (made[::-1], ""))
        self.refused(Invalid, invitations.listing, OPERATOR, cursor="x")
        self.refused(Invalid, invitations.listing, OPERATOR, limit=0)

    def test_what_cannot_be_made(self) -> None:
        for how, field in (
            ({"uses": 0}, "uses"),
            ({"uses": 10**7}, "uses"),
            ({"label": "x" * 101}, "label"),
            ({"until": NOON}, "until"),
        ):
            with named(how):
                refused = self.refused(Invalid, invitations.create, OPERATOR, **self.given(**how))
                self.assertEqual(set(refused.messages), {field})

    def test_they_are_the_operators(self) -> None:
        made, root = self.new(), self.root()
        viewer = self.customer("vi", role="viewer")
        self.assertEqual(self.run_unit(invitations.listing, viewer.id).rows, [made])
        self.run_unit(invitations.create, root.id, **self.given())
        for actor in (self.alice.id, self.kid.id, viewer.id, ByToken(root.id, 1, whole=True)):
            with named(actor):
                self.refused(Forbidden, invitations.create, actor, **self.given())
                self.refused(Forbidden, invitations.delete, actor, made.id, now=NOON)
                if actor != viewer.id:
                    self.refused(Forbidden, invitations.listing, actor)

    def test_taking_back(self) -> None:
        made = self.new()
        self.run_unit(invitations.delete, OPERATOR, made.id, now=NOON)
        for which in (made.id, 0, -1, 2**70):
            with named(which):
                self.refused(NotFound, invitations.delete, OPERATOR, which, now=NOON)
        self.assertEqual(self.run_unit(invitations.listing, OPERATOR).rows, [])

    def test_a_code(self) -> None:
        """Whatever stands between its parts; another is another."""
        code = invitations.new_code()
        self.assertRegex(code, r"^[a-z2-7]{4}(-[a-z2-7]{4}){3}$")
        digest = invitations.code_digest(code)
        self.assertEqual(digest, invitations.code_digest(f" {code.upper().replace('-', '')} "))
        self.assertNotEqual(digest, invitations.code_digest(invitations.new_code()))


class InvitationOnPostgresTests(OnPostgres, InvitationTests):
    """The same on PostgreSQL."""
