"""Who changed what over all accounts, with what was and what is, on both databases."""

from __future__ import annotations

import json
from typing import Any

from meshd.accounts import auditing, subaccounts, terms, tokens
from meshd.accounts import toplevel as holders
from meshd.accounts.auditing import Filters
from meshd.accounts.errors import Forbidden, Invalid, NotFound
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.store.statements import audit, scan
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named


class AuditingTests(AccountsCase):
    def entries(self, limit: int = 100, **filters: Any) -> list[auditing.Entry]:
        cursor, found = "", []
        while True:
            page = self.run_unit(auditing.entries, OPERATOR, Filters(**filters), cursor=cursor, limit=limit)
            found += page.entries
            if not page.cursor:
                return found
            cursor = page.cursor

    def actions(self, **how: Any) -> list[str]:
        return [f"{each.action} {each.username}".strip() for each in self.entries(**how)]

    def newest(self) -> dict[str, Any]:
        """What the newest entry says was and is."""
        return auditing.changed(self.entries()[0])

    def test_what_was_and_what_is(self) -> None:
        """Of each change of terms, limits and tokens; of personal fields and secrets that they changed."""
        known = {"plans": self.plans, "now": NOON}
        self.assertEqual({"plan": [None, "20"], "role": [None, "customer"], "billing_day": [None, 15]}, self.newest())
        profile = Profile(monthly_limit=5, email="a@b.example", first_name="Al")
        self.run_unit(holders.edit, OPERATOR, "alice", profile, Terms("50", "admin"), **known)
        personal = {"email": None, "first_name": None}
        changed = {"plan": ["20", "50"], "role": ["customer", "admin"], "monthly_limit": [0, 5]} | personal
        self.assertEqual(changed, self.newest())
        self.run_unit(holders.edit, OPERATOR, "alice", Profile(monthly_limit=5, total_limit=7), Terms(), **known)
        self.assertEqual({"total_limit": [0, 7]}, self.newest())
        edited = {"password_hash": "secret hash", "at": NOON}
        self.run_unit(subaccounts.edit, self.alice.id, "kid", Profile(total_limit=3), **edited)
        self.assertEqual({"total_limit": [0, 3], "password_hash": None}, self.newest())
        self.run_unit(holders.set_password, OPERATOR, "kid", "another hash", now=NOON)
        self.assertEqual({"password": None}, self.newest())
        self.run_unit(subaccounts.deactivate, OPERATOR, "kid", now=NOON)
        self.assertEqual({"active": [True, False], "suspended": [False, True]}, self.newest())
        token = self.token(self.alice.id, expires_on="2026-02-01")
        begun = {"label": [None, "token 1"], "expires_on": [None, "2026-02-01"]}
        self.assertEqual(begun, self.newest())
        self.run_unit(tokens.deactivate, OPERATOR, token.id, now=NOON)
        self.assertEqual({"active": [True, False], "ended_by": ["", "operator"]}, self.newest())
        self.run_unit(tokens.delete, OPERATOR, token.id, now=NOON)
        self.assertEqual({name: pair[::-1] for name, pair in begun.items()}, self.newest())
        everything = json.dumps([each._asdict() for each in self.entries()])
        for secret in ("secret hash", "another hash", "a@b.example"):
            self.assertNotIn(secret, everything)

    def test_filters(self) -> None:
        """Each alone and several together; the newest first, and the same however small the pages."""
        self.run_unit(subaccounts.deactivate, self.alice.id, "kid", now=NOON + 5)
        self.run_unit(terms.rename, OPERATOR, "alice", "Al", now=NOON + 9)
        for filters, wanted in (
            ({}, ["account.rename al", "account.deactivate kid", "account.create kid", "account.create alice"]),
            ({"account": "AL"}, ["account.rename al", "account.create alice"]),
            ({"account": "alice"}, ["account.create alice"]),
            ({"account_id": self.kid.id}, ["account.deactivate kid", "account.create kid"]),
            ({"actor": "alice"}, ["account.deactivate kid"]),
            ({"actor": "ali"}, []),
            ({"action": "account.c"}, ["account.create kid", "account.create alice"]),
            ({"action": "%"}, []),
            ({"since": NOON + 5}, ["account.rename al", "account.deactivate kid"]),
            ({"until": NOON + 5}, ["account.create kid", "account.create alice"]),
            (
                {"since": NOON + 5, "until": NOON + 9, "account": "kid", "action": "account."},
                ["account.deactivate kid"],
            ),
        ):
            for limit in (1, 2, 100):
                with named((filters, limit)):
                    self.assertEqual(wanted, self.actions(limit=limit, **filters))

    def test_accounts_that_are_gone(self) -> None:
        """Are found by the name that they had; another one of that name is another account."""
        bob = self.customer("Bob")
        self.run_unit(subaccounts.delete, OPERATOR, "bob", now=NOON)
        self.assertEqual(["account.delete bob", "account.create bob"], self.actions(account="BOB"))
        again = self.customer("bob")
        self.assertEqual([again.id], [each.account_id for each in self.entries(account="bob")])
        self.assertEqual(["account.delete bob", "account.create bob"], self.actions(account_id=bob.id))

    def test_sub_accounts_that_are_gone(self) -> None:
        """Of them stays that one was deleted, by whom and when, and no name."""
        self.run_unit(terms.rename, OPERATOR, "kid", "baby", now=NOON)
        self.run_unit(subaccounts.delete, self.alice.id, "baby", now=NOON + 7)
        (entry,) = self.entries(account_id=self.kid.id)
        self.assertEqual((NOON + 7, "alice", "account.delete", "", "", ""), (*entry[:3], *entry[4:7]))
        for name in ("kid", "baby"):
            self.refused(NotFound, auditing.entries, OPERATOR, Filters(account=name))

    def test_a_page_looks_at_so_many_entries(self) -> None:
        """However few are what is asked for."""
        self.patch(scan, "SCANNED", 2)
        for number in range(5):
            self.customer(f"c{number}")
        self.run_unit(subaccounts.deactivate, OPERATOR, "c0", now=NOON)
        self.assertEqual(["account.deactivate c0"], self.actions(action="account.d"))
        self.assertEqual(7, len(self.entries(action="account.c")))

    def test_who_may(self) -> None:
        """Those with a role, by their password; cursors and sizes are looked at."""
        root, viewer = self.root(), self.customer("viewer", role="viewer")
        for actor in (root.id, viewer.id):
            self.assertEqual(4, len(self.run_unit(auditing.entries, actor, Filters()).entries))
        for actor in (self.alice.id, ByToken(root.id, 1)):
            self.refused(Forbidden, auditing.entries, actor, Filters())
        for how in ({"cursor": "x"}, {"limit": 0}, {"limit": 1001}):
            self.refused(Invalid, auditing.entries, OPERATOR, Filters(), **how)

    def test_entries_of_before(self) -> None:
        """That say nothing of what was."""
        self.run_unit(audit.record, NOON, "x", "y", self.alice.id)
        self.assertEqual({}, self.newest())


class PostgresAuditingTests(OnPostgres, AuditingTests):
    """The same on PostgreSQL."""
