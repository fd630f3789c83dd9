"""The key of an account's PAC file: made, replaced, taken away; and what it shows to whoever has it."""

from __future__ import annotations

from meshd.accounts import pacfiles, subaccounts
from meshd.accounts.errors import Forbidden, NotYours
from meshd.accounts.ownership import Operator
from meshd.store.statements import proxies as stored
from tests.accounts.support import NOON, AccountsCase, OnPostgres

FIRST, SECOND = pacfiles.secret_of(b"1" * 24), pacfiles.secret_of(b"2" * 24)


class PacFileTests(AccountsCase):
    def make(self, secret: str, username: str | None = None) -> None:
        self.run_unit(pacfiles.create, self.alice.id, username, secret, now=NOON)

    def names(self, secret: str) -> list[str] | None:
        return self.run_unit(pacfiles.names, secret)

    def shown(self, username: str | None = None) -> str:
        return self.run_unit(pacfiles.shown, self.alice.id, username)

    def test_a_life(self) -> None:
        self.assertEqual((self.shown(), self.names(FIRST)), ("", None))
        self.make(FIRST)
        self.assertEqual(self.told(), ("alice", "pac.create", self.alice.id))
        self.assertEqual(self.shown(), FIRST)
        self.assertEqual(self.names(FIRST), self.proxies())
        self.make(SECOND)
        self.assertEqual((self.shown(), self.names(FIRST), self.names(SECOND)), (SECOND, None, self.proxies()))
        self.run_unit(pacfiles.delete, self.alice.id, None, now=NOON)
        self.assertEqual(self.told(), ("alice", "pac.delete", self.alice.id))
        self.assertEqual((self.shown(), self.names(SECOND)), ("", None))
        before = self.dump()
        self.run_unit(pacfiles.delete, self.alice.id, None, now=NOON)
        self.assertEqual(self.dump(), before)

    def proxies(self) -> list[str]:
        return self.run_unit(stored.of_account, self.alice.id)

    def test_what_is_no_key(self) -> None:
        self.make(FIRST)
        for text in ("", FIRST[:-1], FIRST + "x", FIRST.swapcase(), "\0", "%", "'", "\ud800", "x" * 5000):
            self.assertIsNone(self.names(text), repr(text))

    def test_a_sub_account(self) -> None:
        """Has a key of its own, to its parent's proxies."""
        self.make(FIRST)
        self.run_unit(pacfiles.create, self.kid.id, None, SECOND, now=NOON)
        self.assertEqual((self.shown("kid"), self.shown()), (SECOND, FIRST))
        self.assertEqual(self.names(SECOND), self.proxies())
        self.run_unit(subaccounts.delete, self.alice.id, "kid", now=NOON)
        self.assertIsNone(self.names(SECOND))

    def test_whose_it_is(self) -> None:
        """Nobody's but the holder's and who is above it; a token that is for less than its account makes none."""
        self.make(FIRST)
        bob = self.customer("bob").id
        self.refused(NotYours, pacfiles.shown, bob, "alice")
        self.refused(NotYours, pacfiles.create, bob, "alice", SECOND, now=NOON)
        self.refused(NotYours, pacfiles.delete, bob, "alice", now=NOON)
        confined = self.by_token(self.confined(proxies=["us"]))
        self.refused(Forbidden, pacfiles.create, confined, None, SECOND, now=NOON)
        self.assertEqual(self.names(FIRST), self.proxies())

    def test_an_account_that_is_not_active(self) -> None:
        """Has it still: its proxies refuse it, and its browsers are not to go without."""
        self.make(FIRST)
        self.run_unit(subaccounts.deactivate, Operator(), "alice", now=NOON)
        self.assertEqual(self.names(FIRST), self.proxies())


class PacFileOnPostgresTests(OnPostgres, PacFileTests):
    """The same there."""
