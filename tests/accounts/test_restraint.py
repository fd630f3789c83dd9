"""Who may set what accounts and tokens are held to, and what is told of it."""

from __future__ import annotations

from typing import Any

from meshd.accounts import restraint
from meshd.accounts.errors import Forbidden, Invalid, NotFound, NotYours
from meshd.accounts.ownership import ByToken
from meshd.accounts.restraint import TOLD
from meshd.model import Account
from meshd.store.statements import accounts, audit
from meshd.values.rules import Rules
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named

ONLY = {"only": ["Example.com:443"]}


class TermsCase(AccountsCase):
    def bounds(self, actor: Any, name: str, **given: Any) -> str:
        return self.run_unit(restraint.set_bounds, actor, name, given, now=NOON).bounds

    def rules(self, actor: Any, name: str, given: Any) -> Account:
        return self.run_unit(restraint.set_rules, actor, name, given, now=NOON)

    def audited(self, account_id: int) -> tuple[str, str]:
        entry = self.run_unit(audit.of_account, account_id, 1)[0]
        return entry.action, entry.detail


class BoundsTests(TermsCase):
    def test_what_is_named_changes_and_the_rest_stays(self) -> None:
        """None gives a bound back to the plan; the audit has both texts; the processes are told."""
        self.assertEqual(self.bounds(OPERATOR, "alice", tunnels=5, kbit_up=0), "tunnels=5 kbit_up=0")
        self.assertEqual(self.bounds(OPERATOR, "ALICE", tunnels=None, on_limit="slow"), "kbit_up=0 on_limit=slow")
        self.assertEqual(
            self.audited(self.alice.id), ("account.bounds", "tunnels=5 kbit_up=0 -> kbit_up=0 on_limit=slow")
        )
        self.assertEqual(self.bounds(OPERATOR, "alice", kbit_up=None, on_limit=None), "")

    def test_what_is_so_already_is_not_audited(self) -> None:
        """Nor published."""
        self.bounds(OPERATOR, "alice", tunnels=5)
        before = self.dump()
        self.assertEqual(self.bounds(OPERATOR, "alice", tunnels=5), "tunnels=5")
        self.assertEqual(self.dump(), before)

    def test_who_may(self) -> None:
        """The operator by command or role; a parent for its sub-accounts; nobody for itself."""
        root, other, admin = self.root(), self.customer("bob"), self.customer("boss", role="admin")
        token = self.token(self.alice.id)
        for sentence, actor, name, allowed in (
            ("the root changes a customer", root.id, "alice", True),
            ("an admin changes a customer", admin.id, "alice", True),
            ("an admin changes a customer's sub-account", admin.id, "kid", True),
            ("an admin changes another admin", admin.id, "boss", False),
            ("a customer changes itself", self.alice.id, "alice", False),
            ("a customer changes another", other.id, "alice", False),
            ("a customer changes another's sub-account", other.id, "kid", False),
            ("a sub-account changes itself", self.kid.id, "kid", False),
            ("a sub-account changes its parent", self.kid.id, "alice", False),
            ("an admin's token changes nobody", ByToken(admin.id, token.id), "alice", False),
        ):
            with named(sentence):
                for unit, given in ((restraint.set_bounds, {"tunnels": 7}), (restraint.set_rules, ONLY)):
                    if allowed:
                        self.run_unit(unit, actor, name, given, now=NOON)  # type: ignore[arg-type]
                    else:
                        self.refused(NotYours, unit, actor, name, given, now=NOON)

    def test_a_parent_and_its_token_change_a_sub_account(self) -> None:
        """As long as the token is not confined."""
        token = self.token(self.alice.id)
        self.assertEqual(self.bounds(self.alice.id, "kid", tunnels=5), "tunnels=5")
        self.assertEqual(self.bounds(ByToken(self.alice.id, token.id), "kid", tunnels=6), "tunnels=6")
        confined = ByToken(self.alice.id, token.id, confined=True)
        self.refused(Forbidden, restraint.set_bounds, confined, "kid", {"tunnels": 7}, now=NOON)

    def test_what_the_operator_has_set_of_a_sub_account_stays(self) -> None:
        """Until the operator takes it back; the other of bounds and rules is the parent's still."""
        self.bounds(OPERATOR, "kid", tunnels=5)
        self.refused(Forbidden, restraint.set_bounds, self.alice.id, "kid", {"tunnels": 4}, now=NOON)
        self.rules(self.alice.id, "kid", ONLY)
        self.bounds(OPERATOR, "kid", tunnels=None)
        self.assertEqual(self.bounds(self.alice.id, "kid", tunnels=6), "tunnels=6")

    def test_mistakes(self) -> None:
        """By field, and nothing of them is kept."""
        error = self.refused(Invalid, restraint.set_bounds, OPERATOR, "alice", {"tunnel": 5, "kbit_up": 1}, now=NOON)
        self.assertEqual(error.field, "tunnel")
        self.refused(Invalid, restraint.set_bounds, OPERATOR, "alice", {"tunnels": "5"}, now=NOON)
        self.refused(NotFound, restraint.set_bounds, OPERATOR, "nobody", {"tunnels": 5}, now=NOON)


class RulesTests(TermsCase):
    def test_rules_are_replaced_as_a_whole(self) -> None:
        """None takes them away; the audit has both, in words."""
        self.assertEqual(self.rules(OPERATOR, "alice", ONLY).rules, Rules("only", ("example.com:443",)).render())
        self.rules(OPERATOR, "alice", {"except": ["*:25"], "observe": True, "words": "no mail"})
        self.assertEqual(
            self.audited(self.alice.id),
            ("account.rules", 'only example.com:443 -> except *:25, observed, saying "no mail"'),
        )
        self.assertEqual(self.rules(OPERATOR, "alice", None).rules, "")
        self.assertTrue(self.audited(self.alice.id)[1].endswith("-> none"))

    def test_the_audit_of_a_long_list_is_short(self) -> None:
        """It counts what it does not name."""
        self.rules(OPERATOR, "alice", {"except": [f"a{i}.example" for i in range(TOLD + 5)]})
        self.assertIn(f"a{TOLD - 1}.example and 5 more", self.audited(self.alice.id)[1])

    def test_what_the_operator_has_set_of_a_sub_account_stays(self) -> None:
        """Its parent may tighten its bounds, not its rules."""
        self.rules(OPERATOR, "kid", ONLY)
        self.refused(Forbidden, restraint.set_rules, self.alice.id, "kid", None, now=NOON)
        self.assertEqual(self.bounds(self.alice.id, "kid", tunnels=6), "tunnels=6")
        self.rules(OPERATOR, "kid", None)
        self.rules(self.alice.id, "kid", ONLY)

    def test_mistakes(self) -> None:
        """By part."""
        error = self.refused(Invalid, restraint.set_rules, OPERATOR, "alice", {"only": ["a b"]}, now=NOON)
        self.assertEqual(error.field, "only")


class TokenTests(TermsCase):
    def test_whoever_may_make_a_token_sets_its_rules(self) -> None:
        """For itself and for a sub-account's; others see no such token."""
        token, kids = self.token(self.alice.id), self.token(self.alice.id, "kid", 2)
        other = self.customer("bob")
        for actor, each in ((self.alice.id, token), (self.alice.id, kids), (OPERATOR, token)):
            self.run_unit(restraint.set_token_rules, actor, each.id, None, now=NOON)
            changed = self.run_unit(restraint.set_token_rules, actor, each.id, ONLY, now=NOON)
            self.assertEqual(changed.rules, Rules("only", ("example.com:443",)).render())
        self.refused(NotFound, restraint.set_token_rules, other.id, token.id, None, now=NOON)
        self.refused(NotFound, restraint.set_token_rules, self.alice.id, token.id, None, "kid", now=NOON)
        self.refused(NotYours, restraint.set_token_rules, self.kid.id, kids.id, None, now=NOON)
        self.assertEqual(self.audited(self.kid.id), ("token.rules", f"token {kids.id}: none -> only example.com:443"))

    def test_a_token_with_rules_is_confined(self) -> None:
        """It would else make itself a token without."""
        token = self.token(self.alice.id)
        self.assertFalse(token.confined)
        self.assertTrue(self.run_unit(restraint.set_token_rules, OPERATOR, token.id, ONLY, now=NOON).confined)


class PostgresBoundsTests(OnPostgres, BoundsTests):
    """The same on PostgreSQL."""


class PostgresRulesTests(OnPostgres, RulesTests):
    """The same on PostgreSQL."""


class PostgresTokenTests(OnPostgres, TokenTests):
    """The same on PostgreSQL."""


class ColumnsTests(TermsCase):
    def test_an_account_is_read_as_it_was_written(self) -> None:
        """Each column at its place."""
        self.bounds(OPERATOR, "kid", tunnels=5)
        found = self.run_unit(accounts.by_id, self.kid.id)
        assert found is not None
        self.assertEqual(
            (found.bounds, found.bounds_by, found.rules, found.rules_by), ("tunnels=5", "operator", "", "")
        )
