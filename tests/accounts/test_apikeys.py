"""API keys: whose they are, and what ends them."""

from __future__ import annotations

from collections.abc import Callable

from meshd.accounts import apikeys, subaccounts, toplevel
from meshd.accounts.errors import Forbidden, NotFound
from meshd.accounts.profile import Profile
from meshd.model import Account, Token
from meshd.store.statements import accounts, tokens
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named


class KeyTests(AccountsCase):
    def key(self, account: Account) -> Token:
        number = len(self.run_unit(tokens.of_account, account.id, "key"))
        digest = b"%d %d" % (account.id, number)
        return self.run_unit(apikeys.create, account.id, digest=digest.ljust(32), label="", now=NOON)

    def test_ones_own_alone(self) -> None:
        """A sub-account regenerates and deletes its own; nobody above gets a secret of it, nor takes it away."""
        key = self.key(self.kid)
        staff = [self.root(), self.customer("ops", role="admin")]
        for account in (self.alice, self.customer("eve"), *staff):
            with named(account.username):
                self.assertEqual(self.run_unit(apikeys.listing, account.id), [])
                self.refused(NotFound, apikeys.regenerate, account.id, key.id, digest=b"x" * 32, now=NOON)
                self.refused(NotFound, apikeys.delete, account.id, key.id, now=NOON)
        fresh = self.run_unit(apikeys.regenerate, self.kid.id, key.id, digest=b"x" * 32, now=NOON)
        self.assertEqual(self.run_unit(apikeys.listing, self.kid.id), [fresh])
        self.run_unit(apikeys.delete, self.kid.id, key.id, now=NOON)
        self.assertEqual(self.run_unit(apikeys.listing, self.kid.id), [])

    def test_a_viewer(self) -> None:
        """What became a viewer's stays as it is."""
        key = self.key(self.alice)
        self.run_unit(accounts.edit, self.alice.id, role="viewer")
        self.refused(Forbidden, apikeys.delete, self.alice.id, key.id, now=NOON)

    def test_a_password_that_somebody_above_sets(self) -> None:
        """It ends a sub-account's keys, which nobody above sees; not those of a customer who has forgotten hers."""
        ways: dict[str, Callable[[str], object]] = {
            "its parent": lambda name: self.run_unit(
                subaccounts.edit, self.alice.id, name, Profile(), password_hash="new", at=NOON
            ),
            "the operator": lambda name: self.run_unit(toplevel.set_password, OPERATOR, name, "newer", now=NOON),
        }
        for sentence, way in ways.items():
            with named(sentence):
                self.key(self.kid)
                way("kid")
                self.assertEqual(self.run_unit(apikeys.listing, self.kid.id), [])
        kept = self.key(self.alice)
        ways["the operator"]("alice")
        self.assertEqual(self.run_unit(apikeys.listing, self.alice.id), [kept])


class PostgresKeyTests(OnPostgres, KeyTests):
    """The same there."""
