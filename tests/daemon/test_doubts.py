"""What settings mean for accounts that are there."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.strays import Stray, strays
from meshd.daemon.doubts import RANGE, ask, of_plans
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import accounts
from meshd.topology import PLANS, Topology


class Ranges:
    """A store with accounts up to a number, of which some have a plan that is gone."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.seen: list[tuple[int, int]] = []

    async def run(self, unit: Any, *args: int) -> Any:
        if unit is accounts.newest:
            return self.newest
        if unit is strays:
            return [Stray("old", 2, 1)] if self.newest else []
        self.seen.append((args[0], args[1]))
        return [("gold", 2, f"a{args[0]}"), ("20", 5, "b")]


class Away:
    async def run(self, unit: Any, *args: int) -> Any:
        raise StoreUnavailable("away")


class DoubtTests(SynchronousTestCase):
    def asked(self, store: Any) -> tuple[str, ...]:
        return self.successResultOf(Deferred.fromCoroutine(ask(store, Topology({}, (), {"20": PLANS["20"]}))))

    def test_plans_that_are_gone(self) -> None:
        """Summed up, each once, in their order."""
        rest = "it: nothing can be added to such an account"
        held = [("x", 1, "anna"), ("gold", 2, "bob"), ("20", 9, "carl"), ("gold", 3, "dora")]
        self.assertEqual(
            of_plans(held, {"20"}),
            (
                f"plan 'gold' is not in the settings, and bob and 4 more has {rest}",
                f"plan 'x' is not in the settings, and anna has {rest}",
            ),
        )
        self.assertEqual(of_plans(held, {"20", "gold", "x"}), ())

    def test_a_million_accounts_are_looked_at_in_parts(self) -> None:
        """Nobody else waits long for the store."""
        store = Ranges(2 * RANGE + 1)
        plan, proxy = self.asked(store)
        self.assertIn("a0 and 5 more", plan)
        self.assertIn("no proxy 'old' in the settings, but there are 2 accounts and 1 token for it", proxy)
        self.assertEqual(store.seen, [(0, RANGE), (RANGE, 2 * RANGE), (2 * RANGE, 3 * RANGE)])

    def test_a_store_that_is_away(self) -> None:
        """It is no reason to refuse settings, and others tell it."""
        self.assertEqual(self.asked(Away()), ())
        self.assertEqual(self.asked(Ranges(0)), ())
