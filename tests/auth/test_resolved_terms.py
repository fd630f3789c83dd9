"""What account, parent, plan and token say together."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.terms import terms_of
from meshd.model import Account, Identity, Usage
from meshd.topology import PLANS, Plan
from meshd.values.bounds import NO_BOUNDS, Bounds, BoundsError
from meshd.values.rules import Rules, RulesError
from meshd.values.terms import Group

ANNA = Account(1, "anna", None, "customer", "20", True, "", "", "", 0, 0, 1, 0, "")
KID = replace(ANNA, id=2, username="kid", parent_id=1)
ONLY, BUT = Rules("only", ("a.example",)).render(), Rules("except", ("b.example",)).render()


def identity(account: Account, parent: Account | None = None) -> Identity:
    return Identity(account, parent, (), Usage(account.id, 0, 0, 0), None)


def plans(bounds: Bounds = NO_BOUNDS, rules: str = "") -> dict[str, Plan]:
    return {"20": replace(PLANS["20"], bounds=bounds, rules=rules)}


class TermsTests(SynchronousTestCase):
    def test_where_nobody_says_anything_there_are_none(self) -> None:
        """Neither for an account whose plan is not in the settings."""
        self.assertIsNone(terms_of(identity(ANNA), PLANS))
        self.assertIsNone(terms_of(identity(KID, ANNA), PLANS))
        self.assertIsNone(terms_of(identity(ANNA), {}))

    def test_bounds(self) -> None:
        """An account's over its plan's; a sub-account's beside those of its family, which count once."""
        bounded = replace(ANNA, bounds="tunnels=5")
        of_plan = plans(Bounds(tunnels=9, kbit_up=3))
        family = Group(1, Bounds(tunnels=5, kbit_up=3))
        for account, parent, known, expected in (
            (bounded, None, PLANS, (Group(1, Bounds(tunnels=5)),)),
            (bounded, None, of_plan, (family,)),
            (ANNA, None, of_plan, (Group(1, Bounds(tunnels=9, kbit_up=3)),)),
            (KID, bounded, of_plan, (Group(2, NO_BOUNDS), family)),
            (replace(KID, bounds="tunnels=2"), ANNA, PLANS, (Group(2, Bounds(tunnels=2)), Group(1, NO_BOUNDS))),
        ):
            found = terms_of(identity(account, parent), known)
            assert found is not None
            self.assertEqual(found.groups, expected)

    def test_rules_of_all_levels_hold(self) -> None:
        """From the widest to the narrowest."""
        found = terms_of(identity(replace(KID, rules=BUT), replace(ANNA, rules=ONLY)), plans(rules=BUT), ONLY)
        assert found is not None
        self.assertEqual([each.reason for each in found.levels], ["acl-plan", "acl-parent", "acl-account", "acl-token"])
        self.assertEqual([each.rules.kind for each in found.levels], ["except", "only", "except", "only"])

    def test_what_happens_at_a_byte_limit(self) -> None:
        """A sub-account's own word, else its parent's; the parent's limit knows no sub-account's word."""
        for own, family, of_own, of_family in (
            ("slow", "cut", "slow", "cut"),
            ("", "cut", "cut", "cut"),
            ("slow", "", "slow", ""),
            ("", "", "", ""),
        ):
            kid = replace(KID, bounds=f"on_limit={own} tunnels=1" if own else "tunnels=1")
            anna = replace(ANNA, bounds=f"on_limit={family}" if family else "")
            found = terms_of(identity(kid, anna), PLANS)
            assert found is not None
            self.assertEqual((found.on_limit(2), found.on_limit(1)), (of_own, of_family))

    def test_a_text_that_cannot_be_read_lets_nobody_in(self) -> None:
        """It is an error, and no terms."""
        self.assertRaises(BoundsError, terms_of, identity(replace(ANNA, bounds="x")), PLANS)
        self.assertRaises(RulesError, terms_of, identity(replace(ANNA, rules="x")), PLANS)
        self.assertRaises(RulesError, terms_of, identity(ANNA), PLANS, "{}")
