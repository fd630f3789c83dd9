"""Proxies that the settings do not have any more, and whoever is for them."""

from __future__ import annotations

from typing import Any

from meshd.accounts import proxies, strays, tokens
from meshd.accounts.errors import Forbidden, NotFound
from meshd.accounts.strays import Stray, told
from meshd.auth import units as lookups
from meshd.model import Identity
from meshd.store.statements import changes, identities
from meshd.store.statements import proxies as stored
from meshd.store.statements.proxies import MOVING
from meshd.store.unit import Statement, Unit
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, OnPostgres, proxy

NEW = {"eu": proxy("eu", "eu.mesh.example:31280"), "open": KNOWN["open"], "world": KNOWN["world"]}
"""`us` is `eu` from now on."""


class StrayTests(AccountsCase):
    def strays(self) -> list[Stray]:
        return self.run_unit(strays.strays, NEW)

    def move(self, old: str = "us", new: str = "eu", known: Any = NEW, now: int = NOON) -> tuple[int, int]:
        """Accounts and tokens that were moved."""
        moved = self.run_unit(strays.begin, OPERATOR, old, new, known=known, now=now)
        accounts = 0
        while some := self.run_unit(strays.proceed, OPERATOR, old, new, now=now):
            accounts += some
        return accounts, moved

    def identity(self, username: str, at: int = NOON) -> Identity:
        found = self.run_unit(identities.by_usernames, [username], at)
        assert found is not None
        return found

    def test_who_would_be_locked_out(self) -> None:
        """By proxy, with the number of accounts and of tokens; nobody where all is there."""
        self.customer("bob")
        self.confined(proxies=["us", "open"])
        self.confined("kid", proxies=["us"])
        self.assertEqual([Stray("us", 2, 2)], self.strays())
        self.assertEqual([], self.run_unit(strays.strays, KNOWN))
        (stray,) = self.strays()
        self.assertEqual(
            "there is no proxy 'us' in the settings, but there are 2 accounts and 2 tokens for it: "
            "`meshd proxy move us NAME` moves them to another",
            told(stray),
        )
        self.assertEqual("1 account", Stray("x", 1, 0).who)

    def test_tokens_alone(self) -> None:
        """A token for a proxy that its account has lost is told too."""
        self.confined(proxies=["us"])
        self.run_unit(proxies.revoke, self.alice.id, None, "us", known=KNOWN, now=NOON)
        self.assertEqual([Stray("us", 0, 1)], self.strays())

    def test_all_are_moved(self) -> None:
        """In their place among each account's proxies; the audit and the feed have it."""
        bob = self.customer("bob")
        token = self.confined(proxies=["us", "open"])
        self.patch(strays, "BATCH", 1)
        before = self.run_unit(changes.newest)
        self.assertEqual((2, 1), self.move())
        for account in (self.alice, bob):
            self.assertEqual(["eu", "open"], self.run_unit(stored.of_account, account.id))
            self.assertEqual(("operator:test", "proxy.move", "us to eu"), self.history(account)[0])
        (moved,) = self.run_unit(tokens.listing, self.alice.id, None)
        self.assertEqual((token.id, ("eu", "open")), (moved.id, moved.proxies))
        self.assertEqual([], self.strays())
        told = self.run_unit(changes.since, before, 10)
        self.assertEqual({0}, {change.account_id for change in told})

    def test_nobody_is_locked_out_meanwhile(self) -> None:
        """For a day the old name does for the new one: a process that has the old settings lets the same people in."""
        token = self.confined(proxies=["us"])
        self.move()
        for name in ("alice", "kid"):
            self.assertEqual(("eu", "open", "us"), self.identity(name).proxies)
            self.assertEqual(("eu", "open"), self.identity(name, NOON + MOVING).proxies)
        self.assertEqual(["us"], self.run_unit(stored.formerly, ("eu",), NOON))
        self.assertEqual([], self.run_unit(stored.formerly, ("open",), NOON))
        self.assertEqual(["eu", "open"], self.run_unit(proxies.authorized, self.alice.id))
        self.assertTrue(token.confined)

    def test_a_token_for_the_old_name(self) -> None:
        """Is let in by both, likewise."""
        made = self.confined(proxies=["us"])
        self.move()
        digest = self.run_unit(_digest_of, made.id)
        found = self.run_unit(lookups.by_token, digest, "token", "192.0.2.1", NOON)
        assert found.token is not None
        self.assertEqual((("eu",), ["us"]), (found.token.proxies, list(found.formerly)))
        self.assertEqual([], list(self.run_unit(lookups.by_token, digest, "t", "192.0.2.1", NOON + MOVING).formerly))

    def test_moved_twice(self) -> None:
        """Who was moved on from the second name may use the first for a while; and back again ends that."""
        self.move()
        third = {"us2": proxy("us2", "us2.mesh.example:1"), "open": KNOWN["open"]}
        self.move("eu", "us2", third)
        self.assertEqual({"us2", "open", "us", "eu"}, set(self.identity("alice").proxies))
        self.move("us2", "us", KNOWN)
        self.assertEqual(["us", "open"], self.run_unit(stored.of_account, self.alice.id))
        self.assertNotIn("eu", self.identity("alice", NOON + MOVING).proxies)

    def test_who_has_the_new_one_already(self) -> None:
        """Has it once, in its place."""
        known = {**KNOWN, "eu": NEW["eu"]}
        self.run_unit(proxies.authorize, self.alice.id, None, "eu", known=known, plans=self.plans, now=NOON)
        self.assertEqual((1, 0), self.move())
        self.assertEqual(["open", "eu"], self.run_unit(stored.of_account, self.alice.id))

    def test_what_the_operator_took_stays_taken(self) -> None:
        """Under its new name, and in no exchange for the old one."""
        bob = self.customer("bob")
        known = {**KNOWN, "eu": NEW["eu"]}
        self.run_unit(proxies.revoke, OPERATOR, "alice", "us", known=KNOWN, now=NOON)
        self.run_unit(proxies.revoke, OPERATOR, "bob", "eu", known=known, now=NOON)
        self.move()
        for account in (self.alice, bob):
            self.assertEqual(["open"], self.run_unit(stored.of_account, account.id))
            self.refused(Forbidden, proxies.authorize, account.id, None, "eu", known=NEW, plans=self.plans, now=NOON)

    def test_a_proxy_that_is_there_still(self) -> None:
        """Its customers go over at once; the new one's get no key to the old one."""
        known = {**KNOWN, "eu": NEW["eu"]}
        self.assertEqual((1, 0), self.move(known=known))
        self.assertEqual(("eu", "open"), self.identity("alice").proxies)

    def test_refused(self) -> None:
        """Where nobody is for the old name, and onto itself."""
        self.refused(NotFound, strays.begin, OPERATOR, "nowhere", "eu", known=NEW, now=NOON)
        self.refused(NotFound, strays.begin, OPERATOR, "us", "us", known=NEW, now=NOON)


def _digest_of(token_id: int) -> Unit[bytes]:
    rows = yield Statement("select digest from tokens where id = :id", {"id": token_id})
    return bytes(rows[0][0])


class PostgresStrayTests(OnPostgres, StrayTests):
    """The same rules there."""
