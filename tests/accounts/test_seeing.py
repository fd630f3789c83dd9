"""Who may see an account's pages as its holder does, on both databases."""

from __future__ import annotations

from meshd.accounts import seeing
from meshd.accounts.errors import AccountError, Forbidden, NotYours
from meshd.accounts.ownership import ActorId, ByToken
from tests.accounts.support import NOON, AccountsCase, OnPostgres, named

SEEN: dict[str, set[str]] = {
    "admin": {"ada", "vera", "alice", "kid", "bob"},
    "ada": {"alice", "kid", "bob"},
    "vera": {"alice", "kid", "bob"},
    "alice": set(),
    "kid": set(),
}
"""Whom each sees."""


class SeeingTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.root()
        self.customer("ada", role="admin")
        self.customer("vera", role="viewer")
        self.customer("bob")
        self.everybody = ("admin", "ada", "vera", "alice", "kid", "bob")

    def begins(self, actor: ActorId, username: str) -> bool:
        try:
            self.run_unit(seeing.begin, actor, username, now=NOON)
        except AccountError as error:
            self.assertIsInstance(error, Forbidden | NotYours)
            return False
        return True

    def test_who_sees_whom(self) -> None:
        """To begin and to go on are one rule; nobody sees herself so."""
        for who, seen in SEEN.items():
            actor = self.account(who).id
            for other in self.everybody:
                with named((who, other)):
                    self.assertEqual(self.begins(actor, other), other in seen)
                    found = self.run_unit(seeing.look, actor, self.account(other).id, at=NOON)
                    self.assertEqual(found.account.username if found else "", other if other in seen else "")

    def test_the_audit(self) -> None:
        """Says who began; to go on is not told, nor what was refused."""
        ada, alice = self.account("ada").id, self.account("alice").id
        self.assertTrue(self.begins(ada, "alice"))
        self.assertIn(("ada", "account.seen_as", ""), self.history(self.account("alice")))
        before = self.dump()
        self.run_unit(seeing.look, ada, alice, at=NOON)
        self.assertFalse(self.begins(ada, "vera"))
        self.assertEqual(self.dump(), before)

    def test_a_token(self) -> None:
        """An operator's begins nothing."""
        ada = self.account("ada").id
        token = self.token(ada)
        by = ByToken(ada, token.id)
        self.refused(Forbidden, seeing.begin, by, "alice", now=NOON)
        self.assertIsNone(self.run_unit(seeing.look, by, self.account("alice").id, at=NOON))

    def test_who_is_gone(self) -> None:
        """There is nothing to see; an id that no column holds is nobody's."""
        ada = self.account("ada").id
        for absent in (0, 10**6):
            self.assertIsNone(self.run_unit(seeing.look, ada, absent, at=NOON))
        self.refused(NotYours, seeing.begin, ada, "nobody", now=NOON)


class PostgresTests(OnPostgres, SeeingTests):
    """The same there."""
