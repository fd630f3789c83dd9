"""What operators alone agree with a customer, on both databases."""

from __future__ import annotations

import json
from typing import Any

from meshd.accounts import allowlists, terms, tokens
from meshd.accounts.errors import Forbidden, Invalid, NotYours, PlanLimitReached, Taken
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import Profile
from meshd.accounts.subaccounts import activate, deactivate
from meshd.accounts.terms import STILL, Agreed
from meshd.accounts.toplevel import Terms
from meshd.model import Account, Ban, Usage, UsageEntry
from meshd.store.statements import accounts, activity, audit, bans, claims, identities, series, usage
from meshd.store.statements.series import DELETED, HOUR
from meshd.values.exchanges import Exchange
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named

LATER = NOON + STILL


class TermsTests(AccountsCase):
    def changed(self, account: Account) -> Any:
        """What the newest entry about the account says was and is."""
        text = self.run_unit(audit.of_account, account.id, 1)[0].changed
        return json.loads(text) if text else None

    # Names

    def test_another_name(self) -> None:
        """In any case by the new one, by none by the old one; what is the account's stays, and old bans go."""
        self.run_unit(bans.add, Ban("192.0.2.1", "alice", NOON + 99))
        renamed = self.run_unit(terms.rename, OPERATOR, "ALICE", "Alicia", now=NOON)
        self.assertEqual(("Alicia", self.alice.id), (renamed.username, self.account("aliCIA").id))
        self.assertIsNone(self.run_unit(accounts.by_username, "alice"))
        self.assertEqual([], self.run_unit(bans.active, NOON, 9))
        self.assertEqual(("operator:test", "account.rename", self.alice.id), self.told())
        self.assertEqual({"username": ["alice", "Alicia"]}, self.changed(self.alice))
        self.assertEqual("alicia", self.run_unit(audit.of_account, self.alice.id, 1)[0].username)
        self.customer("alice")

    def test_only_its_case(self) -> None:
        """Is no other name."""
        self.assertEqual("ALICE", self.run_unit(terms.rename, OPERATOR, "alice", "ALICE", now=NOON).username)

    def test_names_that_are_refused(self) -> None:
        """As for a new account."""
        for name, kind in (
            ("kid", Taken),
            ("KID", Taken),
            ("admin", Taken),
            ("", Invalid),
            ("a b", Invalid),
            ("x" * 31, Invalid),
            ("bob-country-us", Invalid),
        ):
            with named(name):
                self.assertEqual("username", self.refused(kind, terms.rename, OPERATOR, "alice", name, now=NOON).field)
        self.root()
        self.refused(Invalid, terms.rename, OPERATOR, "admin", "boss", now=NOON)

    def test_who_may(self) -> None:
        """Operators, by role too; no parent, no viewer, and nobody by a token."""
        root, viewer = self.root(), self.customer("viewer", role="viewer")
        for unit, value in ((terms.expire, ""), (terms.annotate, "x"), (terms.rename, "baby")):
            self.refused(Forbidden, unit, self.alice.id, "kid", value, now=NOON)
            for actor in (self.kid.id, viewer.id, ByToken(root.id, 1)):
                self.refused(
                    Forbidden if actor == ByToken(root.id, 1) else NotYours, unit, actor, "kid", value, now=NOON
                )
            self.run_unit(unit, root.id, "kid", value, now=NOON)

    # The last day

    def test_the_last_day(self) -> None:
        """Through the end of that day, the sub-accounts with the account; a day in the past is over at once."""
        self.run_unit(terms.expire, OPERATOR, "alice", "2026-01-15", now=NOON)
        self.assertEqual({"expires_on": ["", "2026-01-15"]}, self.changed(self.alice))
        for account in (self.alice, self.kid):
            for at, expired in ((NOON, False), (NOON + 43199, False), (NOON + 43200, True)):
                found = self.run_unit(identities.load, account.id, at)
                self.assertEqual(expired, found.expired)
        self.run_unit(terms.expire, OPERATOR, "alice", "2020-01-01", now=NOON)
        self.assertTrue(self.run_unit(identities.load, self.kid.id, NOON).expired)
        self.run_unit(terms.expire, OPERATOR, "alice", "", now=NOON)
        self.assertFalse(self.run_unit(identities.load, self.kid.id, 2**37).expired)
        self.run_unit(terms.expire, OPERATOR, "kid", "2026-01-14", now=NOON)
        self.assertTrue(self.run_unit(identities.load, self.kid.id, NOON).expired)
        self.assertFalse(self.run_unit(identities.load, self.alice.id, NOON).expired)

    def test_days_that_are_refused(self) -> None:
        """Whatever is no date; the root's would lock everybody out."""
        for text in ("tomorrow", "2026-13-01", "2026-01-15T00:00:00", "never"):
            self.refused(Invalid, terms.expire, OPERATOR, "alice", text, now=NOON)
        self.root()
        self.refused(Invalid, terms.expire, OPERATOR, "admin", "2030-01-01", now=NOON)

    # Notes

    def test_notes(self) -> None:
        """Lines for operators; the audit tells that they were changed, not what they say."""
        text = "pays late\nask for Zoë"
        self.assertEqual(text, self.run_unit(terms.annotate, OPERATOR, "alice", text, now=NOON).notes)
        self.assertEqual(text, self.account("alice").notes)
        self.assertEqual(("operator:test", "account.notes", ""), self.history(self.alice)[0])
        self.run_unit(terms.annotate, OPERATOR, "alice", "x" * 4000, now=NOON)
        for wrong in ("x" * 4001, "\x00", "a\x1b[2J"):
            self.assertEqual("notes", self.refused(Invalid, terms.annotate, OPERATOR, "alice", wrong, now=NOON).field)

    # Another parent

    def bill(self, batch: int, parent: Account, size: int, at: int = NOON) -> None:
        self.run_unit(usage.apply, "j", batch, at, [UsageEntry(self.kid.id, parent.id, 0, size, 0, 1)])

    def still(self) -> None:
        self.run_unit(deactivate, OPERATOR, "kid", now=NOON)

    def move(self, to: str = "bob", now: int = LATER) -> Account:
        return self.run_unit(terms.move, OPERATOR, "kid", to, plans=self.plans, now=now)

    def test_another_parent(self) -> None:
        """With its tokens; the plan is the new parent's, and what it used stays in the former one's bill."""
        bob = self.customer("bob", "50")
        token = self.token(self.alice.id, "kid")
        self.bill(1, self.alice, 10)
        self.still()
        moved = self.move()
        self.assertEqual((bob.id, "50"), (moved.parent_id, moved.plan))
        self.assertEqual({"parent": ["alice", "bob"], "plan": ["20", "50"]}, self.changed(self.kid))
        self.assertEqual([token.id], [each.id for each in self.run_unit(tokens.listing, bob.id, "kid")])
        self.refused(NotYours, tokens.listing, self.alice.id, "kid")
        self.bill(2, bob, 3)
        totals = {
            each.username: self.run_unit(usage.of_account, each.id, NOON).total_bytes
            for each in (self.alice, self.kid, bob)
        }
        self.assertEqual({"alice": 10, "kid": 3, "bob": 3}, totals)
        for account, size, whose in ((self.alice, 10, DELETED), (bob, 3, 0)):
            (span,) = self.run_unit(
                series.read, account.id, 0, 2 * NOON, span=HOUR, by="token", most=9, made=lambda each: each
            )
            self.assertEqual((size, whose), (span.up, span.token_id))

    def test_a_batch_that_comes_late(self) -> None:
        """Is the former parent's alone, and in its series; no byte is lost, and none is billed twice."""
        bob = self.customer("bob", "50")
        self.still()
        self.move()
        self.bill(1, self.alice, 7)
        used = [self.run_unit(usage.of_account, each.id, NOON).total_bytes for each in (self.alice, self.kid, bob)]
        self.assertEqual([7, 0, 0], used)
        (span,) = self.run_unit(
            series.read, self.alice.id, 0, 2 * NOON, span=HOUR, by="token", most=9, made=lambda each: each
        )
        self.assertEqual((7, DELETED), (span.up, span.token_id))

    def test_it_must_be_still(self) -> None:
        """Deactivated for so long that no process has anything of it open that the former parent pays."""
        self.customer("bob")
        self.refused(Forbidden, terms.move, OPERATOR, "kid", "bob", plans=self.plans, now=NOON + 99)
        self.still()
        self.refused(Forbidden, terms.move, OPERATOR, "kid", "bob", plans=self.plans, now=LATER - 1)
        self.run_unit(activate, OPERATOR, "kid", now=NOON)
        self.refused(Forbidden, terms.move, OPERATOR, "kid", "bob", plans=self.plans, now=NOON + 99)

    def test_claims_move(self) -> None:
        """The new family claims after all others that do; the former one lets go of what only that account claimed."""
        bob, carol = self.customer("bob"), self.customer("carol")
        for who in ("kid", "carol"):
            self.run_unit(allowlists.add_ip, OPERATOR, who, "93.184.216.34", "", plans=self.plans, now=NOON)
        self.still()
        self.move()
        found = self.run_unit(claims.of_address, "93.184.216.34")
        self.assertEqual([carol.id, bob.id], [each.family_id for each in found])

    def test_the_newest_exchanges_go(self) -> None:
        """The new parent does not see what was done below the former one."""
        values = dict.fromkeys(Exchange._fields, "") | {"id": "r1", "at": float(NOON), "seconds": 0.0, "host": "h"}
        values |= {"account_id": self.kid.id, "token_id": 0, "port": 1, "status": 200, "up": 1, "down": 1}
        self.run_unit(activity.add, [Exchange(**values)])
        self.assertEqual(1, len(self.run_unit(activity.page, "account_id", self.kid.id, (2**60, ""), 0, 9)))
        self.customer("bob")
        self.still()
        self.move()
        self.assertEqual([], self.run_unit(activity.page, "account_id", self.kid.id, (2**60, ""), 0, 9))

    def test_a_plan_without_tokens(self) -> None:
        """Puts them out of use, and a later move to one that has some brings them back."""
        self.at_plan("trial", sub_accounts=2)
        self.customer("bob", "trial")
        self.token(self.alice.id, "kid")
        self.still()
        self.move()
        self.assertEqual(["plan"], [each.ended_by for each in self.run_unit(tokens.listing, OPERATOR, "kid")])
        self.move("alice")
        self.assertEqual([True], [each.active for each in self.run_unit(tokens.listing, OPERATOR, "kid")])

    def test_parents_that_are_refused(self) -> None:
        """Nobody, its own one, a sub-account, one whose plan is full; and a top-level account has none."""
        self.customer("bob", "trial")
        self.below("alice", "baby")
        self.still()
        for username, parent, kind in (
            ("kid", "nobody", Invalid),
            ("kid", "alice", Invalid),
            ("kid", "baby", Invalid),
            ("kid", "bob", PlanLimitReached),
            ("bob", "alice", Invalid),
        ):
            with named((username, parent)):
                self.refused(kind, terms.move, OPERATOR, username, parent, plans=self.plans, now=LATER)

    # All at once

    def test_all_or_nothing(self) -> None:
        """What is refused of it undoes the rest."""
        agreed = Agreed(username="kid", notes="x", expires_on="2026-02-01")
        known = {"plans": self.plans, "now": NOON}
        self.refused(Taken, terms.revise, OPERATOR, "alice", Profile(first_name="A"), Terms("50"), agreed, **known)
        agreed = Agreed(username="Al", notes="x", expires_on="2026-02-01")
        revised = self.run_unit(terms.revise, OPERATOR, "alice", Profile(), Terms("50"), agreed, **known)
        self.assertEqual(
            ("Al", "50", "x", "2026-02-01"),
            (revised.account.username, revised.account.plan, revised.account.notes, revised.account.expires_on),
        )
        self.assertEqual(Usage(self.alice.id, 0, 0, 1768435200), self.run_unit(usage.of_account, self.alice.id, NOON))


class PostgresTermsTests(OnPostgres, TermsTests):
    """The same on PostgreSQL."""
