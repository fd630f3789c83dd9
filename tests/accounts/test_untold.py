"""A change that has changed nothing is in no audit and is announced to nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshd.accounts import allowlists, proxies, subaccounts, tokens
from meshd.accounts import toplevel as holders
from meshd.accounts.errors import AccountError, NotFound
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.store.statements import accounts, audit, changes
from meshd.store.statements import tokens as stored
from meshd.store.unit import Unit
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, OnPostgres, named, overtaken

IP = "93.184.216.34"


class UntoldTests(AccountsCase):
    def marks(self) -> tuple[int, int]:
        """How much the audit has and the feed has told."""
        entries = sum(len(self.run_unit(audit.of_account, each.id, 1000)) for each in (self.alice, self.kid))
        return entries, self.run_unit(changes.newest)

    def test_an_account_that_was_deleted_meanwhile(self) -> None:
        """Whatever was to be done to it: it is said to be gone, and that is all."""
        made: dict[str, Any] = {"plans": self.plans, "now": NOON}
        token = self.token(self.alice.id, "kid")
        table: list[tuple[str, str, Callable[[], Unit[Any]]]] = [
            ("a password", "update accounts", lambda: holders.set_password(OPERATOR, "kid", "h", now=NOON)),
            ("a limit", "update accounts", lambda: subaccounts.edit(OPERATOR, "kid", Profile(email=""), at=NOON)),
            (
                "its terms",
                "update accounts",
                lambda: holders.edit(OPERATOR, "kid", Profile(email=""), Terms(), **made),
            ),
            ("its state", "update accounts", lambda: subaccounts.deactivate(OPERATOR, "kid", now=NOON)),
            ("its deletion", "update accounts", lambda: subaccounts.delete(OPERATOR, "kid", now=NOON)),
            ("its token's state", "update tokens", lambda: tokens.deactivate(OPERATOR, token.id, now=NOON)),
            ("its token's deletion", "update tokens", lambda: tokens.delete(OPERATOR, token.id, now=NOON)),
        ]
        for sentence, before, begun in table:
            with named(sentence):
                marks = self.marks()
                error = self.refused(NotFound, overtaken, begun, before, lambda: accounts.delete(self.kid.id))
                self.assertIsInstance(error, AccountError)
                self.assertEqual(marks, self.marks())

    def test_a_token_that_was_deleted_meanwhile(self) -> None:
        """Likewise."""
        token = self.token(self.alice.id)
        for unit in (tokens.deactivate, tokens.delete):
            with named(unit.__name__):
                marks = self.marks()
                self.refused(
                    NotFound,
                    overtaken,
                    lambda unit=unit: unit(OPERATOR, token.id, now=NOON),
                    "update tokens",
                    lambda: stored.delete(token.id),
                )
                self.assertEqual(marks, self.marks())

    def test_what_is_so_already(self) -> None:
        """Activated and active, deactivated and inactive, authorised and revoked twice."""
        run, known = self.run_unit, {"known": KNOWN, "now": NOON}
        token = self.token(self.alice.id)
        once: list[tuple[str, Callable[[], Any]]] = [
            ("an account", lambda: run(subaccounts.deactivate, self.alice.id, "kid", now=NOON)),
            ("an account, back", lambda: run(subaccounts.activate, self.alice.id, "kid", now=NOON)),
            ("a token", lambda: run(tokens.deactivate, self.alice.id, token.id, now=NOON)),
            ("a token, back", lambda: run(tokens.activate, self.alice.id, token.id, plans=self.plans, now=NOON)),
            ("a proxy", lambda: run(proxies.revoke, self.alice.id, None, "us", **known)),
            ("a proxy, back", lambda: run(proxies.authorize, self.alice.id, None, "us", plans=self.plans, **known)),
        ]
        for sentence, change in once:
            with named(sentence):
                change()
                marks = self.marks()
                change()
                self.assertEqual(marks, self.marks())

    def test_what_is_not_there(self) -> None:
        """An address, a hostname."""
        marks = self.marks()
        self.assertRaises(AccountError, self.run_unit, allowlists.delete_ip, self.alice.id, None, IP, now=NOON)
        name = "a.example.com"
        self.assertRaises(AccountError, self.run_unit, allowlists.delete_hostname, OPERATOR, "alice", name, now=NOON)
        self.assertEqual(marks, self.marks())


class PostgresUntoldTests(OnPostgres, UntoldTests):
    """The same rules there."""
