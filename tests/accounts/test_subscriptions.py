"""Subscriptions, on both databases."""

from __future__ import annotations

from typing import Any

from meshd.accounts import subscriptions, toplevel
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.model import GB, UsageEntry
from meshd.store.statements import usage
from meshd.topology import included_bytes
from tests.accounts.selling import KEPT, MONTH, OnPostgresAtOnce, OnSQLiteAtOnce, SellingCase
from tests.accounts.support import DAY, NOON, OPERATOR, named

MIDNIGHT = NOON - 12 * 3600
"""Of 15 January, a Thursday."""
FEBRUARY, MARCH = MIDNIGHT + 31 * DAY, MIDNIGHT + 59 * DAY
"""15 February and 15 March."""


class SubscriptionTests(OnSQLiteAtOnce, SellingCase):
    def buy(self, offer: Any = MONTH, username: str = "bob", now: int = NOON) -> None:
        self.settled(self.ordered(offer, username, now=now).id, now=now)

    def turn(self, now: int) -> list[int]:
        """The accounts that something began or ended for."""
        due = self.run_unit(subscriptions.due, now)
        for account_id in due:
            self.run_unit(subscriptions.turn, account_id, plans=self.plans, now=now)
        return due

    def limit(self, username: str = "bob") -> int:
        return self.account(username).monthly_limit

    def use(self, batch: int, size: int, now: int) -> None:
        entry = UsageEntry(self.bob.id, 0, 0, size, 0, 1)
        self.run_unit(usage.apply, "j", batch, now, [entry], included_bytes(self.plans))

    def left(self, now: int) -> int:
        standing = self.run_unit(usage.standing, self.bob.id, now, included_bytes(self.plans))
        assert standing is not None
        return standing.monthly_left(standing.usage.period_bytes)

    def test_a_month_whose_bytes_lapse(self) -> None:
        """A monthly limit from its first day to the same of the next month."""
        self.customer("late", monthly_limit=1)
        self.run_unit(toplevel.edit, OPERATOR, "bob", Profile(), Terms(billing_day=3), plans=self.plans, now=NOON)
        self.buy()
        found = self.run_unit(subscriptions.at, self.bob.id, NOON)
        assert found is not None
        self.assertEqual((MIDNIGHT, FEBRUARY, "50 GB a month"), (found.starts_at, found.ends_at, found.title))
        self.assertEqual((50 * GB, 15), (self.limit(), self.account("bob").billing_day))
        self.assertEqual(0, self.prepaid())
        self.assertEqual(("operator:test", "account.subscription", self.bob.id), self.told())
        self.assertEqual([], self.turn(FEBRUARY - 1))
        self.assertEqual([self.bob.id], self.turn(FEBRUARY))
        self.assertEqual(1, self.limit())
        self.assertEqual(("calendar", "account.subscription", self.bob.id), self.told())
        self.assertEqual([], self.turn(FEBRUARY + DAY))
        self.assertIsNone(self.run_unit(subscriptions.at, self.bob.id, FEBRUARY))

    def test_what_was_used_before_is_not_of_it(self) -> None:
        """All of it is there on the first day, and no more on the last."""
        self.settled(self.ordered().id)
        self.use(1, 9 * GB, NOON)
        self.buy()
        self.assertEqual(50 * GB + self.prepaid(), self.left(NOON))
        self.use(2, 50 * GB, NOON + DAY)
        self.assertEqual(GB + 1, self.left(FEBRUARY - 1))

    def test_the_next_month(self) -> None:
        """Paid while one runs it begins when that ends, and both are one limit's length."""
        self.buy()
        self.buy(now=NOON + 20 * DAY)
        self.assertEqual(50 * GB, self.limit())
        self.assertEqual([self.bob.id], self.turn(FEBRUARY + 30))
        self.assertEqual((50 * GB, 15), (self.limit(), self.account("bob").billing_day))
        self.assertEqual([self.bob.id], self.turn(MARCH))
        self.assertEqual(1, self.limit())

    def test_the_calendar_is_late(self) -> None:
        """What began and ended while nobody looked is over; the account has its own again."""
        self.buy()
        self.buy(now=NOON + DAY)
        self.turn(MARCH + DAY)
        self.assertEqual(1, self.limit())
        self.assertEqual([], self.turn(MARCH + DAY))

    def test_at_a_months_end(self) -> None:
        """Of 31 January to the last day of February, then to the 31st again."""
        at = NOON + 16 * DAY
        self.buy(now=at)
        self.buy(now=at + DAY)
        ends = [
            each.ends_at
            for each in (self.run_unit(subscriptions.at, self.bob.id, day) for day in (at, at + 40 * DAY))
            if each
        ]
        self.assertEqual([MIDNIGHT + 44 * DAY, MIDNIGHT + 75 * DAY], ends)

    def test_beside_what_the_account_has(self) -> None:
        """Its own limit, or its plan's, is raised by it; afterwards it is what it was."""
        self.at_plan("50", included_gb=5)
        for name, plan, own in (("owner", "20", 7 * GB), ("planned", "50", 0)):
            with named(name):
                self.customer(name, plan, monthly_limit=own)
                self.buy(username=name)
                self.assertEqual((own or 5 * GB) + 50 * GB, self.limit(name))
                self.turn(FEBRUARY)
                self.assertEqual(own, self.limit(name))

    def test_what_the_operator_sets_meanwhile_stays(self) -> None:
        self.buy()
        self.run_unit(
            toplevel.edit, OPERATOR, "bob", Profile(monthly_limit=3 * GB), Terms(), plans=self.plans, now=NOON
        )
        self.turn(FEBRUARY)
        self.assertEqual(3 * GB, self.limit())

    def test_bytes_that_are_kept(self) -> None:
        """Are added at once and stay; the month says until when they were paid for."""
        self.buy(KEPT)
        self.assertEqual((20.0, 1), (self.bought(), self.limit()))
        found = self.run_unit(subscriptions.at, self.bob.id, NOON)
        self.assertEqual(FEBRUARY, found.ends_at if found else 0)
        self.buy(KEPT)
        self.assertEqual(40.0, self.bought())
        self.turn(FEBRUARY)
        self.turn(MARCH)
        self.assertEqual((40.0, 1), (self.bought(), self.limit()))

    def test_turned_by_several_processes(self) -> None:
        """Each does what is left to do: the limit is given back once."""
        self.buy()
        self.at_once(6, subscriptions.turn, lambda _: (self.bob.id,), plans=self.plans, now=FEBRUARY)
        self.assertEqual(1, self.limit())
        entries = [action for _, action, _ in self.history(self.bob) if action == "account.subscription"]
        self.assertEqual(2, len(entries))


class PostgresSubscriptionTests(OnPostgresAtOnce, SubscriptionTests):
    """The same on PostgreSQL."""
