"""What an account changes of itself: its password, its e-mail address."""

from __future__ import annotations

from meshd.accounts import oneself
from meshd.accounts.errors import Forbidden, Invalid, Taken
from meshd.auth import sessions
from tests.accounts.support import NOON, AccountsCase, OnPostgres, named

OLD = "hash of alice"


class OneselfTests(AccountsCase):
    def test_password(self) -> None:
        """Replaced, with all sessions ended, told in the audit; a sub-account's too."""
        for account in (self.alice, self.kid):
            shown = {"now": NOON, "client": "", "agent": ""}
            self.run_unit(sessions.begin, account, bytes([account.id]) * 32, **shown)
            old = account.password_hash
            self.run_unit(oneself.change_password, account.id, "new", verified=old, now=NOON)
            self.assertEqual(self.account(account.username).password_hash, "new")
            self.assertEqual(self.run_unit(sessions.listing, account.id, NOON), [])
            self.assertEqual(self.told(), (account.username, "account.password", account.id))

    def test_email(self) -> None:
        """Replaced, or removed; what is none is refused."""
        for email in ("a@b.example", ""):
            self.run_unit(oneself.change_email, self.alice.id, email, verified=OLD, now=NOON)
            self.assertEqual(self.account("alice").email, email)
        self.refused(Invalid, oneself.change_email, self.alice.id, "nothing", verified=OLD, now=NOON)

    def test_a_password_that_has_changed_meanwhile(self) -> None:
        """What was compared with the old one does not do."""
        for unit, value in ((oneself.change_password, "new"), (oneself.change_email, "a@b.example")):
            error = self.refused(Invalid, unit, self.alice.id, value, verified="older", now=NOON)
            self.assertEqual(list(error.messages), ["current"])

    def test_a_token_does_not_do(self) -> None:
        """Whoever has it would keep the account."""
        by = self.by_token(self.token(self.alice.id))
        for unit, value in ((oneself.change_password, "new"), (oneself.change_email, "a@b.example")):
            self.refused(Forbidden, unit, by, value, verified=OLD, now=NOON)

    def test_an_address_that_another_signs_in_by(self) -> None:
        """It is refused to whoever could keep the other from signing in; not to a sub-account, nor one's own."""
        self.customer("mail", email="One@x.example")
        self.customer("two@x.example")
        self.below("alice", "under", email="al@x.example")
        for email in ("one@X.example", "TWO@x.example"):
            with named(email):
                self.refused(Taken, oneself.change_email, self.alice.id, email, verified=OLD, now=NOON)
                verified = self.kid.password_hash
                self.run_unit(oneself.change_email, self.kid.id, email, verified=verified, now=NOON)
        self.run_unit(oneself.change_email, self.alice.id, "al@x.example", verified=OLD, now=NOON)
        self.run_unit(oneself.change_email, self.alice.id, "AL@x.example", verified=OLD, now=NOON)
        self.assertEqual(self.account("alice").email, "AL@x.example")


class PostgresOneselfTests(OnPostgres, OneselfTests):
    """The same there."""
