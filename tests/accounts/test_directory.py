"""The operators' list of all accounts, on both databases."""

from __future__ import annotations

from typing import Any

from meshd.accounts import directory
from meshd.accounts import toplevel as holders
from meshd.accounts.directory import Filters
from meshd.accounts.errors import Forbidden, Invalid
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import Profile
from meshd.accounts.subaccounts import deactivate
from meshd.accounts.toplevel import Terms
from meshd.model import Usage, UsageEntry
from meshd.store.statements import accounts, scan, usage
from meshd.store.statements.directory import Order
from meshd.store.unit import Statement, Unit
from meshd.topology import included_bytes
from tests.accounts.support import DAY, NOON, OPERATOR, AccountsCase, OnPostgres, named

FEBRUARY = 31 * DAY + NOON
"""A month after NOON, the next billing period."""


class DirectoryCase(AccountsCase):
    def pages(self, limit: int = 100, order: Order = "name", now: int = NOON, **filters: Any) -> list[list[str]]:
        """The usernames of all pages, at most so many a page."""
        cursor, found = "", []
        while True:
            page = self.run_unit(
                directory.listing,
                OPERATOR,
                Filters(**filters),
                plans=self.plans,
                now=now,
                order=order,
                cursor=cursor,
                limit=limit,
            )
            found.append([row.account.username for row in page.rows])
            if not page.cursor:
                return found
            cursor = page.cursor

    def names(self, **how: Any) -> list[str]:
        return [name for page in self.pages(**how) for name in page]

    def bill(self, batch: int, account: Any, size: int, at: int = NOON, parent: int = 0) -> None:
        entry = UsageEntry(account.id, parent, 0, size, 0, 1)
        self.run_unit(usage.apply, "j", batch, at, [entry], included_bytes(self.plans))


class DirectoryTests(DirectoryCase):
    def test_names_in_the_order_of_their_bytes(self) -> None:
        """Whatever the database's own order is; as they are written, and the same however small the pages."""
        for name in ("Bob", "b-ob", "b.ob", "bo_b", "bob2", "b@x"):
            self.customer(name)
        ordered = ["alice", "b-ob", "b.ob", "b@x", "bo_b", "Bob", "bob2", "kid"]
        self.assertEqual(ordered, self.names())
        for limit in (1, 2, 3, 8):
            self.assertEqual(ordered, self.names(limit=limit))
        self.assertEqual(["b@x", "bob2", "bo_b", "b.ob", "b-ob", "Bob", "kid", "alice"], self.names(order="newest"))

    def test_beginnings(self) -> None:
        """Whatever the case; every character means itself; together with the other filters."""
        for name in ("bob", "BOBBY", "bo_b", "bo-b", "b+b", "boc"):
            self.customer(name, "10")
        for prefix, wanted in (
            ("BOB", ["bob", "BOBBY"]),
            ("bo_", ["bo_b"]),
            ("bob", ["bob", "BOBBY"]),
            ("z", []),
            ("\0", []),
            ("b" * 100, []),
        ):
            with named(prefix):
                self.assertEqual(wanted, self.names(prefix=prefix))
                self.assertEqual(wanted, self.names(prefix=prefix, plan="10", limit=1))
        self.assertEqual([], self.names(prefix="bob", plan="20"))

    def test_filters(self) -> None:
        """Each alone, and with another that all of the accounts meet."""
        self.customer("gone")
        self.run_unit(deactivate, OPERATOR, "gone", now=NOON)
        self.below("alice", "held")
        self.run_unit(deactivate, OPERATOR, "held", now=NOON)
        late = self.customer("late", "10", email="late@x.example")
        self.run_unit(accounts.edit, late.id, expires_on="2026-01-14")
        today = self.customer("today", role="viewer")
        self.run_unit(accounts.edit, today.id, expires_on="2026-01-15")
        for filters, wanted in (
            ({"state": "inactive"}, ["gone"]),
            ({"state": "suspended"}, ["held"]),
            ({"state": "expired"}, ["late"]),
            ({"state": "active"}, ["alice", "kid", "today"]),
            ({"plan": "10"}, ["late"]),
            ({"plan": "nix"}, []),
            ({"role": "viewer"}, ["today"]),
            ({"role": "customer", "state": "active"}, ["alice", "kid"]),
            ({"parent": "ALICE"}, ["held", "kid"]),
            ({"email": "late@x.example"}, ["late"]),
            ({"email": "late@x.example", "state": "active"}, []),
            ({"email": "x\0"}, []),
            ({"parent": "alice", "state": "suspended", "plan": "20", "prefix": "h"}, ["held"]),
        ):
            with named(filters):
                self.assertEqual(wanted, self.names(**filters))
                self.assertEqual(wanted[::-1], sorted(self.names(order="newest", **filters), reverse=True))
                self.assertEqual(wanted, self.names(limit=1, seen_before=NOON, **filters))

    def test_what_a_row_says(self) -> None:
        """The account, its parent, its usage and limits, its period's end, and when it was seen itself."""
        self.bill(1, self.kid, 5, parent=self.alice.id)
        page = self.run_unit(directory.listing, OPERATOR, Filters(), plans=self.plans, now=NOON)
        alice, kid = page.rows
        self.assertEqual(
            ("", 0, Usage(self.alice.id, 5, 5, NOON - DAY // 2)), (alice.parent, alice.seen_at, alice.usage)
        )
        self.assertEqual(("alice", NOON, 5), (kid.parent, kid.seen_at, kid.usage.total_bytes))
        self.assertEqual((NOON + 31 * DAY - DAY // 2, "active"), (kid.period_end, kid.state))
        self.assertEqual((0, 0, self.kid), (kid.monthly_limit, kid.total_limit, kid.account))

    def test_who_was_seen(self) -> None:
        """The last first; never is before any time; a parent is not seen by what its sub-account uses."""
        self.bill(1, self.kid, 5, parent=self.alice.id)
        bob = self.customer("bob")
        self.bill(2, bob, 5, NOON + 90)
        self.assertEqual([["bob"], ["kid"]], self.pages(1, seen_after=NOON))
        self.assertEqual(["bob"], self.names(seen_after=NOON + 1))
        self.assertEqual(["kid"], self.names(seen_after=0, seen_before=NOON + 1))
        self.assertEqual(["alice", "kid"], self.names(seen_before=NOON + 1))
        self.bill(3, bob, 5, NOON + 149)  # not yet a minute later
        self.assertEqual([], self.names(seen_after=NOON + 91))
        self.bill(4, bob, 5, NOON + 150)
        self.assertEqual(["bob"], self.names(seen_after=NOON + 150))

    def test_near_a_limit(self) -> None:
        """By the nearer limit, the fullest first; what is over or was changed since is not told."""
        self.at_plan("50", included_gb=0.0000001)
        month = self.customer("month", monthly_limit=100)
        total = self.customer("total", total_limit=1000, monthly_limit=10**6)
        planned = self.customer("planned", "50")
        for batch, (account, size) in enumerate(((month, 80), (total, 950), (planned, 100), (self.alice, 10**9)), 1):
            self.bill(batch, account, size)
        self.assertEqual(["planned", "total", "month"], self.names(near_limit=80))
        self.assertEqual([["planned"], ["total"]], self.pages(1, near_limit=81)[:2])
        self.assertEqual(["month"], self.names(near_limit=80, prefix="mon"))
        self.assertEqual(["total"], self.names(near_limit=80, now=FEBRUARY))
        self.run_unit(holders.edit, OPERATOR, "month", Profile(monthly_limit=1000), Terms(), plans=self.plans, now=NOON)
        self.assertEqual(["planned", "total"], self.names(near_limit=8)[:2])
        self.assertEqual(["planned", "total", "month"], self.names(near_limit=8))
        self.assertEqual(["planned", "total"], self.names(near_limit=9))

    def test_a_limit_that_is_lowered(self) -> None:
        """Is near at once, without another byte; a total one too."""
        self.bill(1, self.alice, 90)
        self.assertEqual([], self.names(near_limit=1))
        for limits in ({"monthly_limit": 100}, {"total_limit": 90}):
            self.run_unit(holders.edit, OPERATOR, "alice", Profile(**limits), Terms(), plans=self.plans, now=NOON)
            self.assertEqual(["alice"], self.names(near_limit=90))

    def test_who_may(self) -> None:
        """Those with a role, by their password."""
        root, viewer = self.root(), self.customer("viewer", role="viewer")
        for actor in (root.id, viewer.id, OPERATOR):
            page = self.run_unit(directory.listing, actor, Filters(), plans=self.plans, now=NOON)
            self.assertEqual(4, len(page.rows))
        for actor in (self.alice.id, self.kid.id, ByToken(root.id, 1)):
            self.refused(Forbidden, directory.listing, actor, Filters(), plans=self.plans, now=NOON)

    def test_what_is_refused(self) -> None:
        """Pages without a size, percents beyond, cursors of other lists, and who is nobody's parent."""
        first = self.run_unit(directory.listing, OPERATOR, Filters(), plans=self.plans, now=NOON, limit=1)
        for field, filters, how in (
            ("limit", {}, {"limit": 0}),
            ("limit", {}, {"limit": 1001}),
            ("near_limit", {"near_limit": 101}, {}),
            ("parent", {"parent": "nobody"}, {}),
            ("cursor", {}, {"cursor": "x"}),
            ("cursor", {}, {"cursor": "x" * 1000}),
            ("cursor", {}, {"cursor": "\xe9"}),
            ("cursor", {}, {"cursor": "WyJuYW1lIixb" + "W" * 20}),
            ("cursor", {}, {"cursor": first.cursor, "order": "newest"}),
            ("cursor", {"near_limit": 1}, {"cursor": first.cursor}),
        ):
            with named((field, filters, how)):
                how |= {"plans": self.plans, "now": NOON}
                error = self.refused(Invalid, directory.listing, OPERATOR, Filters(**filters), **how)
                self.assertEqual(field, error.field)

    def test_a_page_looks_at_so_many_rows(self) -> None:
        """However few of them are what is asked for; the next one goes on, until the last."""
        self.patch(scan, "SCANNED", 3)
        for number in range(7):
            self.customer(f"c{number}", "10" if number in (0, 6) else "20")
        found = self.pages(5, order="newest", prefix="", state="active", plan="10", seen_before=NOON)
        self.assertEqual(["c6", "c0"], [name for page in found for name in page])
        found = self.pages(5, state="active", seen_before=NOON)
        self.assertEqual([3, 3, 3, 0], [len(page) for page in found])

    def test_a_million_would_do(self) -> None:
        """Every filter finds its rows by an index: no statement reads a whole table."""
        for order in ("name", "newest"):
            for filters in (
                {},
                {"prefix": "a"},
                {"email": "a@b.example"},
                {"state": "inactive"},
                {"state": "suspended"},
                {"state": "expired"},
                {"plan": "20"},
                {"plan": "20", "prefix": "a"},
                {"role": "viewer"},
                {"parent": "alice"},
                {"near_limit": 80},
                {"seen_after": 5},
                {"seen_after": 5, "seen_before": 9},
            ):
                with named((order, filters)):
                    plan = self.run_unit(self.plan_of, Filters(**filters), order)
                    slow = [line for line in plan if self.is_slow(line)]
                    # The order of their ids is the order of SQLite's table itself.
                    self.assertEqual(["SCAN accounts"] if (order, filters) == self.unfiltered else [], slow, plan)

    def plan_of(self, filters: Filters, order: Order) -> Unit[list[str]]:
        """How the database would carry the list's statement out."""
        yield from self.prepared()
        unit = directory.listing(OPERATOR, filters, plans=self.plans, now=NOON, order=order)
        statement = next(unit)
        while "scanned" not in statement.params:
            statement = unit.send((yield statement))
        rows = yield Statement(f"{self.explain} {statement.sql}", statement.params)
        return [str(row[-1]) for row in rows]

    explain = "explain query plan"
    unfiltered: tuple[str, object] | None = ("newest", {})

    def prepared(self) -> Unit[None]:
        yield from ()

    def is_slow(self, line: str) -> bool:
        """Whether a table is read from its begin, or rows are sorted of which there may be a million."""
        if "SCAN" in line:
            return "INDEX" not in line and line != "SCAN s"
        return False


class PostgresDirectoryTests(OnPostgres, DirectoryTests):
    """The same on PostgreSQL."""

    explain = "explain"
    unfiltered = None

    def prepared(self) -> Unit[None]:
        """As if the tables were large: what can be answered by an index then is."""
        yield Statement("set local enable_seqscan = off", {})
        yield Statement("set local enable_sort = off", {})

    def is_slow(self, line: str) -> bool:
        return "Seq Scan" in line


del DirectoryCase
