from __future__ import annotations

from typing import Any

from meshd.accounts import periods, subaccounts
from meshd.accounts.errors import Forbidden, Invalid
from meshd.accounts.ownership import ActorId
from meshd.accounts.periods import UsedPage
from meshd.model import Account, UsageEntry
from meshd.store.statements import usage
from meshd.values.period import month
from tests.accounts.support import DAY, NOON, OPERATOR, AccountsCase, OnPostgres, named

TODAY = NOON - NOON % DAY
"""15 January 2026, the first day of everybody's period."""
BEFORE = TODAY - 31 * DAY
"""15 December 2025."""
AFTER = TODAY + 31 * DAY


class PeriodsTests(AccountsCase):
    """Alice, her sub-account and bob have all used something in this period and in the one before."""

    batches = 0

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.customer("bob", monthly_limit=1000)
        for at, size in ((BEFORE - 1, 1), (BEFORE, 2), (TODAY - 1, 4), (TODAY, 8), (NOON, 16)):
            self.bill(at, (self.alice, size), (self.kid, 100 * size), (self.bob, 10_000 * size))

    def bill(self, at: int, *used: tuple[Account, int]) -> None:
        self.batches += 1
        entries = [UsageEntry(who.id, who.parent_id or 0, 0, size, 2 * size, 1) for who, size in used]
        self.run_unit(usage.apply, "journal", self.batches, at, entries)

    def page(self, which: str = "running", actor: ActorId = OPERATOR, **how: Any) -> UsedPage:
        return self.run_unit(
            periods.of_everybody, actor, **{"which": which, "limit": 99, "plans": self.plans, "now": NOON, **how}
        )

    def sums(self, which: str = "running", **how: Any) -> dict[str, tuple[int, int, int, int]]:
        return {each.username: each[7:11] for each in self.page(which, **how).rows}

    def test_where_a_later_page_begins(self) -> None:
        """So many accounts further on; nowhere where there are no more."""
        ids = [each.account_id for each in self.page().rows]
        for after, count in ((0, 1), (0, len(ids) - 1), (ids[0], 1)):
            found = self.run_unit(periods.before_the_next, OPERATOR, after=after, count=count)
            later = [each for each in ids if each > after][count:]
            self.assertEqual(later, [each.account_id for each in self.page(after=found).rows])
        for after, count in ((0, len(ids)), (ids[-1], 1), (0, 10**9)):
            self.assertEqual(0, self.run_unit(periods.before_the_next, OPERATOR, after=after, count=count))
        self.refused(Forbidden, periods.before_the_next, self.alice.id, after=0, count=1)

    def test_periods(self) -> None:
        """A parent's holds its sub-accounts'; a span begins with its first second and ends before the next one's."""
        for sentence, which, size, exchanges in (
            ("the running period", "running", 24, 2),
            ("the one before", "last", 6, 2),
            ("a calendar month", "2025-12", 3, 2),
            ("another one", "2026-01", 28, 3),
            ("one without anything", "2026-02", 0, 0),
        ):
            with named(sentence):
                family, kid, bob = 101 * size, 100 * size, 10_000 * size
                expected = {
                    "alice": (family, 2 * family, 3 * family, 2 * exchanges),
                    "kid": (kid, 2 * kid, 3 * kid, exchanges),
                    "bob": (bob, 2 * bob, 3 * bob, exchanges),
                }
                self.assertEqual(expected, self.sums(which))

    def test_what_is_told_of_an_account(self) -> None:
        """With begin, end and limit; a sub-account has its parent's plan and days."""
        kid, bob = self.page().rows[1:]
        self.assertEqual((self.kid.id, "kid", "alice", "20", True, TODAY, AFTER), kid[:7])
        self.assertEqual((self.bob.id, "bob", "", "20", True, TODAY, AFTER), bob[:7])
        self.assertEqual((0, 1000), (kid.limit, bob.limit))
        self.assertEqual({(BEFORE, TODAY)}, {each[5:7] for each in self.page("last").rows})
        self.assertEqual({month("2025-12")}, {each[5:7] for each in self.page("2025-12").rows})

    def test_page_by_page(self) -> None:
        """Each account once; without rows for sub-accounts a parent's is what it was."""
        seen, after = [], 0
        for _ in range(3):
            page = self.page(after=after, limit=1)
            seen += [each.username for each in page.rows]
            after = page.after
        self.assertEqual((["alice", "kid", "bob"], 0), (seen, after))
        whole = self.sums()
        self.assertEqual({name: whole[name] for name in ("alice", "bob")}, self.sums(subs=False))

    def test_a_deleted_sub_accounts_usage_stays_its_parents(self) -> None:
        """In every span."""
        before = {which: self.sums(which)["alice"] for which in ("running", "last", "2025-12")}
        self.run_unit(subaccounts.delete, OPERATOR, "kid", now=NOON)
        self.assertEqual(before, {which: self.sums(which)["alice"] for which in before})

    def test_more_than_one_statement_holds(self) -> None:
        """Hundreds of accounts in a page."""
        many = [self.customer(f"many-{n}") for n in range(120)]
        self.bill(NOON, *((each, 1) for each in many))
        self.assertEqual({(1, 2, 3, 1)}, {each[7:11] for each in self.page(limit=500).rows[3:]})

    def test_who_may(self) -> None:
        """Admins and viewers see customers; root and the command line everybody."""
        viewer, admin = self.customer("vera", role="viewer"), self.customer("adam", role="admin")
        root = self.root()
        customers = {"alice", "kid", "bob"}
        for actor, names in (
            (viewer.id, customers),
            (admin.id, customers),
            (root.id, {*customers, "vera", "adam", "admin"}),
            (OPERATOR, {*customers, "vera", "adam", "admin"}),
        ):
            self.assertEqual(names, {each.username for each in self.page(actor=actor).rows})
        for actor in (self.alice.id, self.kid.id, self.by_token(self.token(admin.id))):
            self.refused(Forbidden, periods.of_everybody, actor, limit=9, plans=self.plans, now=NOON)
        error = self.refused(
            Invalid, periods.of_everybody, OPERATOR, which="2026-13", limit=9, plans=self.plans, now=NOON
        )
        self.assertEqual("month", error.field)


class PostgresPeriodsTests(OnPostgres, PeriodsTests):
    pass
