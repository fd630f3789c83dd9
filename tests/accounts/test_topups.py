"""Top-ups, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from meshd.accounts import auditing, subaccounts, topups
from meshd.accounts.attempt import perform_blocking
from meshd.accounts.errors import Forbidden, Invalid, NotYours
from meshd.accounts.ownership import ActorId, ByToken
from meshd.accounts.profile import Profile
from meshd.model import UsageEntry
from meshd.store.open import BlockingStore
from meshd.store.statements import usage
from meshd.topology import included_bytes
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named
from tests.support.stores import migrated_postgres_url

GB = 10**9
LIMITS = Profile(monthly_limit=5, total_limit=9)


class TopUpTests(AccountsCase):
    def add(
        self, username: str = "bob", size: int = 5, reference: str = "r1", actor: ActorId = OPERATOR, **how: Any
    ) -> topups.Topped:
        return self.run_unit(topups.add, actor, username, size, reference, plans=self.plans, now=NOON, **how)

    def prepaid(self, username: str = "bob") -> int:
        return self.run_unit(usage.of_account, self.account(username).id, NOON).prepaid_bytes

    def use(self, batch: int, size: int, username: str = "bob") -> None:
        entry = UsageEntry(self.account(username).id, 0, 0, size, 0, 1)
        self.run_unit(usage.apply, "j", batch, NOON, [entry], included_bytes(self.plans))

    def test_what_it_raises(self) -> None:
        """Prepaid bytes beside a monthly limit or a plan's; the total limit, where there is one; or both."""
        self.at_plan("50", included_gb=1)
        for name, plan, limits, prepaid, total in (
            ("month", "20", {"monthly_limit": 10}, 5, 0),
            ("total", "20", {"total_limit": 10}, 0, 15),
            ("both", "20", {"monthly_limit": 10, "total_limit": 100}, 5, 105),
            ("planned", "50", {}, 5, 0),
            ("planned-total", "50", {"total_limit": 1}, 5, 6),
        ):
            with named(name):
                self.customer(name, plan, **limits)
                topped = self.add(name)
                self.assertEqual((prepaid, total), (topped.usage.prepaid_bytes, topped.total_limit))
                self.assertEqual((prepaid, total), (self.prepaid(name), self.account(name).total_limit))
                self.assertEqual(("operator:test", "account.topup", self.account(name).id), self.told())

    def test_without_a_limit(self) -> None:
        """There is nothing to add to."""
        for name in ("alice", "kid"):
            self.assertEqual("username", self.refused(Invalid, self.unit, name).field)

    def unit(self, name: str, size: int = 5, reference: str = "r1", actor: ActorId = OPERATOR, **how: Any) -> Any:
        return topups.add(actor, name, size, reference, plans=self.plans, now=NOON, **how)

    def test_told_twice(self) -> None:
        """It counts once; another amount under its reference is refused; another account's references are its own."""
        for name in ("bob", "carol"):
            self.customer(name, monthly_limit=10)
        self.assertFalse(self.add().again)
        again = self.add(note="told again")
        self.assertEqual((True, 5), (again.again, again.usage.prepaid_bytes))
        self.assertEqual("reference", self.refused(Invalid, self.unit, "bob", 6).field)
        self.assertFalse(self.add("carol").again)
        self.add(reference="r2")
        self.assertEqual(10, self.prepaid())
        self.use(1, 17)
        self.assertTrue(self.add().again)
        self.assertEqual(3, self.prepaid())

    def test_what_is_refused(self) -> None:
        """Amounts that are none or too much, references that are none."""
        self.customer("bob", monthly_limit=10, total_limit=10**18 - 7)
        for field, size, reference, how in (
            ("bytes", 0, "r", {}),
            ("bytes", -1, "r", {}),
            ("bytes", 10**18 + 1, "r", {}),
            ("bytes", 8, "r", {}),
            ("reference", 1, "", {}),
            ("reference", 1, " ", {}),
            ("reference", 1, "x" * 101, {}),
            ("reference", 1, "a\x00", {}),
            ("note", 1, "r", {"note": "x" * 4001}),
        ):
            with named((field, size, reference, how)):
                self.assertEqual(field, self.refused(Invalid, self.unit, "bob", size, reference, **how).field)

    def test_who_may(self) -> None:
        """Operators; no parent for its sub-account, nobody for itself or by a token."""
        root, viewer = self.root(), self.customer("viewer", role="viewer")
        self.customer("bob", monthly_limit=1)
        self.run_unit(subaccounts.edit, OPERATOR, "kid", LIMITS, at=NOON)
        self.add(actor=root.id)
        self.refused(Forbidden, self.unit, "kid", actor=self.alice.id)
        for actor, kind in (
            (viewer.id, NotYours),
            (self.account("bob").id, NotYours),
            (ByToken(root.id, 1), Forbidden),
        ):
            self.refused(kind, self.unit, "bob", actor=actor, reference="other")

    def test_a_sub_accounts(self) -> None:
        """With the ceiling that the operator set it, which a total limit stays below."""
        self.run_unit(subaccounts.edit, OPERATOR, "kid", LIMITS, at=NOON)
        self.add("kid", 2)
        kid = self.account("kid")
        self.assertEqual((11, 11, 2), (kid.total_limit, kid.total_ceiling, self.prepaid("kid")))

    def test_the_list(self) -> None:
        """The newest first, page by page; notes for operators alone, another's for nobody."""
        bob = self.customer("bob", monthly_limit=10)
        for number in range(5):
            self.add(reference=f"r{number}", note="n")
        for actor, name, note, by in ((OPERATOR, "bob", "n", "operator:test"), (bob.id, None, "", "")):
            found, cursor = [], ""
            while True:
                page = self.run_unit(topups.listing, actor, name, cursor=cursor, limit=2)
                found += page.rows
                cursor = page.cursor
                if not cursor:
                    break
            self.assertEqual([f"r{number}" for number in (4, 3, 2, 1, 0)], [each.reference for each in found])
            self.assertEqual({(5, note, NOON, by)}, {(each.bytes, each.note, each.at, each.by) for each in found})
        self.refused(NotYours, topups.listing, self.alice.id, "bob")
        for how in ({"limit": 0}, {"limit": 1001}, {"cursor": "x"}):
            self.refused(Invalid, topups.listing, OPERATOR, "bob", **how)

    def test_the_audit(self) -> None:
        """Says what was and what is."""
        self.customer("bob", monthly_limit=10, total_limit=20)
        self.add(size=3 * GB)
        (entry,) = self.run_unit(auditing.entries, OPERATOR, auditing.Filters(), limit=1).entries
        self.assertEqual("3 GB, r1", entry.detail)
        self.assertEqual({"prepaid_bytes": [0, 3 * GB], "total_limit": [20, 3 * GB + 20]}, auditing.changed(entry))


class PostgresTopUpTests(OnPostgres, TopUpTests):
    """The same on PostgreSQL, and at the same time."""

    def made_store(self) -> Any:
        self.url = migrated_postgres_url(self)  # type: ignore[arg-type]
        return self.open()

    def open(self) -> BlockingStore:
        store = BlockingStore(self.url)
        self.addCleanup(store.close)
        return store

    def test_at_once(self) -> None:
        """Of several that tell of one payment at the same time, one adds it."""
        self.customer("bob", monthly_limit=10, total_limit=10)

        def attempt(store: BlockingStore) -> topups.Topped:
            return perform_blocking(store.run, topups.add, OPERATOR, "bob", 5, "r", plans=self.plans, now=NOON)

        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(attempt, [self.open() for _ in range(4)]))
        self.assertEqual([False, True, True, True], sorted(each.again for each in results))
        self.assertEqual((5, 15), (self.prepaid(), self.account("bob").total_limit))
