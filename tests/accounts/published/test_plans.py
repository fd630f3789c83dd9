"""What is asked of the store about published hosts is found by an index, however many there are."""

from __future__ import annotations

from collections.abc import Callable

from meshd.accounts import hostaudit
from meshd.store.statements import accounts, acme, attempts, hostsaudit, published, refreshes, series
from meshd.store.statements.hostsaudit import Asked
from meshd.store.statements.published import Port
from meshd.store.unit import Statement, Unit
from tests.accounts.support import NOON, AccountsCase, OnPostgres, named

PAGE = {"scanned": hostaudit.SCANNED, "skip": 0, "limit": 50}

READ: dict[str, Callable[[], Unit[object]]] = {
    "a page of a kind": lambda: published.of_kind("proxy-hosts", 5, 100),
    "one of a kind": lambda: published.by_id("proxy-hosts", 5),
    "what is newer": lambda: published.newer(5, 100),
    "an owner's": lambda: published.of_owner(5, 100),
    "names": lambda: published.names_taken(["a.b"], 5),
    "a port": lambda: published.ports_at(80, 5),
    "who uses it": lambda: published.users_of(5, 10),
    "what is long gone": lambda: published.prune(NOON, 100),
    "names of a row": lambda: published.set_names(5, []),
    "ports of a row": lambda: published.set_ports(5, [Port("tcp", 1, "", "")]),
    "links of a row": lambda: published.set_links(5, []),
    "certificates that are due": lambda: acme.due(NOON, 20),
    "tries of a name": lambda: attempts.of(["a.b"]),
    "old tries": lambda: attempts.forget(NOON),
    "old challenges": lambda: acme.sweep_challenges(NOON),
    "the newest challenges": acme.challenges,
    "users": lambda: accounts.staff(5, 100),
    "a refresh": lambda: refreshes.taken(b"1"),
    "a token's family": lambda: refreshes.family_of(5),
    "a family's end": lambda: refreshes.end(5),
    "too many refreshes": lambda: refreshes.keep(5, 20),
    "refreshes that are over": lambda: refreshes.sweep(NOON, 100),
    "the audit": lambda: hostsaudit.page(Asked(), **PAGE),
    "the audit of a user": lambda: hostsaudit.page(Asked(username="a", action="b", since=1), **PAGE),
    "the audit of an action": lambda: hostsaudit.page(Asked(action="b", resource_type="c"), **PAGE),
    "the audit of a kind": lambda: hostsaudit.page(Asked(resource_type="c", until=9), **PAGE),
    "what hosts have moved": lambda: series.of_tokens(5, [1, 2, 3], NOON - NOON % 86_400, 30),
    "old entries": lambda: hostsaudit.prune(NOON, 5, 100),
}

SORTED = frozenset({"the audit of a user", "the audit of an action", "what hosts have moved"})
"""Where two conditions meet, the ids that one index has found are sorted once more; and days are added up by host."""


class PlanTests(AccountsCase):
    def test_a_million_would_do(self) -> None:
        """No table is read whole, and no more is sorted than the audit looks through at a time."""
        for sentence, unit in READ.items():
            with named(sentence):
                plan = self.run_unit(self.plan_of, unit)
                self.assertEqual([], [line for line in plan if self.is_slow(line)], plan)
                if sentence not in SORTED:
                    self.assertEqual([], [line for line in plan if self.sorts(line)], plan)

    def test_no_other_hosts_days_are_read(self) -> None:
        """Of an owner with thousands of hosts the days of those on a page are found one by one."""
        plan = " ".join(self.run_unit(self.plan_of, READ["what hosts have moved"]))
        for column in ("account_id", "day", "token_id"):
            self.assertIn(column, plan[plan.index("account_id") :], plan)

    def plan_of(self, unit: Callable[[], Unit[object]]) -> Unit[list[str]]:
        yield from self.prepared()
        statement = next(unit())
        rows = yield Statement(f"{self.explain} {statement.sql}", statement.params)
        return [str(row[-1]) for row in rows]

    explain = "explain query plan"

    def prepared(self) -> Unit[None]:
        yield from ()

    def is_slow(self, line: str) -> bool:
        return "SCAN" in line and "INDEX" not in line and "found" not in line

    def sorts(self, line: str) -> bool:
        return "TEMP B-TREE" in line


class PlanOnPostgresTests(OnPostgres, PlanTests):
    """The same on PostgreSQL."""

    explain = "explain"

    def prepared(self) -> Unit[None]:
        """As if the tables were large."""
        yield Statement("set local enable_seqscan = off", {})
        yield Statement("set local enable_bitmapscan = off", {})

    def is_slow(self, line: str) -> bool:
        return "Seq Scan" in line

    def sorts(self, line: str) -> bool:
        return False
