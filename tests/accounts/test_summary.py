"""What an account has at a glance, and that no page reads a table whole."""

from __future__ import annotations

from collections.abc import Callable

from meshd.accounts import summary
from meshd.accounts.errors import NotYours
from meshd.model import UsageEntry
from meshd.store.statements import accounts, families, secondfactors, sessions, usage
from meshd.store.unit import Statement, Unit
from tests.accounts.support import NOON, AccountsCase, OnPostgres, named

READ: dict[str, Callable[[], Unit[object]]] = {
    "sub-accounts by name": lambda: families.children(1, 15, after="m", limit=25, at=NOON),
    "an e-mail address": lambda: accounts.by_email("a@b.example", 2),
    "a session's digest": lambda: sessions.by_digest(b"1" * 32, NOON),
    "an account's sessions": lambda: sessions.of_account(1, NOON, 20),
    "too many sessions": lambda: sessions.keep(1, 20),
    "sessions that are over": lambda: sessions.sweep(NOON, 1000),
    "a second factor": lambda: secondfactors.of_account(1),
}


class SummaryTests(AccountsCase):
    def test_holdings(self) -> None:
        """Of the account itself, not of its sub-accounts; a stranger's are nobody's."""
        self.token(self.alice.id, number=1)
        self.token(self.alice.id, "kid", number=2)
        self.assertEqual(self.run_unit(summary.holdings, self.alice.id), summary.Holdings(1, 0, 0, 1))
        self.assertEqual(self.run_unit(summary.holdings, self.alice.id, "kid"), summary.Holdings(1, 0, 0, 0))
        self.refused(NotYours, summary.holdings, self.customer("eve").id, "kid")

    def test_below(self) -> None:
        """By name, page by page, with what each used in its parent's period; a sub-account has none."""
        for name in ("Bob", "abe", "zoe"):
            self.below("alice", name)
        entry = UsageEntry(self.kid.id, self.alice.id, 0, 1, 2, 1)
        self.run_unit(usage.apply, "j", 1, NOON, [entry])
        seen, after = [], ""
        while True:
            page = self.run_unit(summary.below, self.alice.id, after=after, limit=3, at=NOON)
            seen += [(account.username, used.period_bytes) for account, used in page.rows]
            if not page.more:
                break
            after = page.rows[-1][0].username
        self.assertEqual(seen, [("abe", 0), ("Bob", 0), ("kid", 3), ("zoe", 0)])
        self.refused(NotYours, summary.below, self.kid.id, limit=3, at=NOON)

    def test_a_million_would_do(self) -> None:
        """What every page and every sign-in asks is found by an index."""
        for sentence, unit in READ.items():
            with named(sentence):
                plan = self.run_unit(self.plan_of, unit)
                self.assertEqual([], [line for line in plan if self.is_slow(line)], plan)

    def plan_of(self, unit: Callable[[], Unit[object]]) -> Unit[list[str]]:
        yield from self.prepared()
        statement = next(unit())
        rows = yield Statement(f"{self.explain} {statement.sql}", statement.params)
        return [str(row[-1]) for row in rows]

    explain = "explain query plan"

    def prepared(self) -> Unit[None]:
        yield from ()

    def is_slow(self, line: str) -> bool:
        return "SCAN" in line and "INDEX" not in line


class PostgresSummaryTests(OnPostgres, SummaryTests):
    """The same on PostgreSQL."""

    explain = "explain"

    def prepared(self) -> Unit[None]:
        """As if the tables were large."""
        yield Statement("set local enable_seqscan = off", {})

    def is_slow(self, line: str) -> bool:
        return "Seq Scan" in line
