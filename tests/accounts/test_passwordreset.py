"""What ends where somebody else sets an account's password."""

from __future__ import annotations

from collections.abc import Callable

from meshd.accounts import apikeys, hosttokens, hostusers, oneself, subaccounts, tokens, toplevel
from meshd.accounts.ownership import ActorId
from meshd.accounts.profile import Profile
from meshd.model import Account
from meshd.store.statements import audit
from meshd.store.statements import tokens as stored
from meshd.topology import PLANS
from meshd.values.tokens import TokenKind
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named

Way = Callable[[str], object]

KINDS: dict[str, TokenKind] = {
    "bearer": "",
    "key": "key",
    "sign-in": "access",
    "access token": "hosts",
    "host sign-in": "session",
}


class ResetTests(AccountsCase):
    made = 0

    def digest(self) -> bytes:
        self.made += 1
        return self.made.to_bytes(32, "big")

    def given(self, account: Account, by: ActorId) -> set[str]:
        """Give the account one of each that there is; which those are.  by: who makes its bearer token."""
        self.run_unit(apikeys.create, account.id, digest=self.digest(), label="", now=NOON)
        self.run_unit(apikeys.sign_in, account, digest=self.digest(), seconds=3600, now=NOON)
        how = {"digest": self.digest(), "label": "", "expires_on": "", "plans": PLANS, "now": NOON}
        self.run_unit(tokens.create, by, None if by == account.id else account.username, **how)
        if account.role == "admin":
            self.run_unit(hosttokens.create, account.id, name="x", digest=self.digest(), now=NOON)
            self.run_unit(hosttokens.begin, account.id, access=self.digest(), refresh=self.digest(), now=NOON)
        return self.left(account)

    def left(self, account: Account) -> set[str]:
        """The kinds of what the account can still use."""
        return {
            what
            for what, kind in KINDS.items()
            if any(each.active for each in self.run_unit(stored.of_account, account.id, kind))
        }

    def reset(self, name: str, *, keep: bool = False) -> object:
        return self.run_unit(toplevel.set_password, OPERATOR, name, "new", keep_tokens=keep, now=NOON)

    def edited(self, name: str) -> object:
        return self.run_unit(subaccounts.edit, self.alice.id, name, Profile(), password_hash="new", at=NOON)

    def test_what_stays(self) -> None:
        """By whose account it is, and who sets the password how."""
        staff = self.customer("staff", role="admin", plan="20")
        root = self.root()
        rows: tuple[tuple[str, Account, ActorId, Way, set[str]], ...] = (
            ("by the operator", self.alice, self.alice.id, self.reset, set()),
            ("and kept", self.alice, self.alice.id, lambda name: self.reset(name, keep=True), {"key", "bearer"}),
            ("a sub-account", self.kid, self.alice.id, self.reset, {"bearer"}),
            ("and kept", self.kid, self.alice.id, lambda name: self.reset(name, keep=True), {"key", "bearer"}),
            ("by its parent", self.kid, self.alice.id, self.edited, {"bearer"}),
            ("an admin", staff, staff.id, self.reset, set()),
            (
                "as a user of hosts",
                staff,
                staff.id,
                lambda name: self.run_unit(hostusers.set_password, root.id, staff.id, "new", now=NOON),
                set(),
            ),
            (
                "one's own",
                self.alice,
                self.alice.id,
                lambda name: self.run_unit(
                    oneself.change_password,
                    self.alice.id,
                    "newer",
                    verified=self.account("alice").password_hash,
                    now=NOON,
                ),
                {"key", "bearer"},
            ),
        )
        for sentence, account, by, way, stays in rows:
            with named((sentence, account.username)):
                had = self.given(account, by)
                self.assertEqual(len(had), 5 if account.role == "admin" else 3)
                way(account.username)
                self.assertEqual(self.left(account), stays)

    def test_bearer_tokens_come_back(self) -> None:
        """As their holder wants; the audit tells of both."""
        self.given(self.alice, self.alice.id)
        self.reset("alice")
        told = self.run_unit(audit.of_account, self.alice.id, 1)[0]
        self.assertEqual(
            (told.action, told.detail), ("account.password", "keys ended: 1, bearer tokens deactivated: 1")
        )
        (token,) = self.run_unit(tokens.listing, self.alice.id, None)
        self.run_unit(tokens.activate, self.alice.id, token.id, plans=PLANS, now=NOON)
        self.assertEqual(self.left(self.alice), {"bearer"})
        self.reset("alice", keep=True)
        self.assertEqual(self.run_unit(audit.of_account, self.alice.id, 1)[0].detail, "keys and tokens stay")


class PostgresResetTests(OnPostgres, ResetTests):
    """The same there."""
