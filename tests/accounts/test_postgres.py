"""The rules on PostgreSQL, and those that only hold because they lock: there, units really run at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

from twisted.trial.unittest import TestCase

from meshd.accounts import allowlists, proxies, restraint, subaccounts, tokens
from meshd.accounts import toplevel as holders
from meshd.accounts.attempt import perform_blocking
from meshd.accounts.errors import AccountError
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.repeats import Made, Repeat, once
from meshd.accounts.terms import annotate
from meshd.accounts.toplevel import Terms
from meshd.store.open import BlockingStore
from meshd.store.statements import accounts
from meshd.store.statements import tokens as stored
from meshd.store.unit import Statement, Unit
from meshd.topology import PLANS, Plan
from meshd.values.bounds import parsed
from tests.accounts.support import KNOWN, NOON, OPERATOR
from tests.support.stores import migrated_postgres_url

AT_ONCE = 4
ONE = {**PLANS, "20": Plan("20", bearer_tokens=1, ips=1, hostnames=1, proxies=1, sub_accounts=1, world=False)}


class PostgresTests(TestCase):
    def setUp(self) -> None:
        self.url = migrated_postgres_url(self)
        self.store = self.open()
        self.store.migrate()
        self.alice = self.store.run(
            holders.create,
            OPERATOR,
            NewAccount(username="alice"),
            terms=Terms("20"),
            plans=PLANS,
            proxies=list(KNOWN),
            now=NOON,
        )

    def open(self) -> BlockingStore:
        store = BlockingStore(self.url)
        self.addCleanup(store.close)
        return store

    def race(self, attempt: Callable[[BlockingStore, int], Any]) -> list[str]:
        """The same from several connections at once: "" for each that passed, and the names of the refusals."""
        stores = [self.open() for _ in range(AT_ONCE)]

        def run(number: int) -> str:
            try:
                attempt(stores[number], number)
            except AccountError as refused:
                return type(refused).__name__
            return ""

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return sorted(threads.map(run, range(AT_ONCE)))

    def make_token(self, store: BlockingStore, number: int) -> Any:
        digest = bytes([number]) * 32
        return store.run(tokens.create, OPERATOR, "alice", digest=digest, label="", expires_on="", plans=ONE, now=NOON)

    def test_one_request_sent_several_times_at_once(self) -> None:
        """It is carried out once, and all are told the same."""
        told: list[Made] = []
        repeat = Repeat(b"key", b"request", lambda plain: plain)

        def attempt(store: BlockingStore, number: int) -> None:
            change = partial(annotate, OPERATOR, "alice", f"number {number}", now=NOON)
            made = perform_blocking(store.run, once, repeat, change, lambda account: account.notes.encode(), now=NOON)
            told.append(made)

        self.assertEqual(self.race(attempt), [""] * AT_ONCE)
        self.assertEqual(len({each.sealed for each in told}), 1)
        self.assertEqual([each.now for each in told].count(True), 1)

    def test_at_most_so_many_tokens(self) -> None:
        """Of several creations at once against a limit of one, one passes."""
        self.assertEqual(["", *["PlanLimitReached"] * (AT_ONCE - 1)], self.race(self.make_token))
        self.assertEqual(1, self.store.run(stored.count, self.alice.id))

    def test_at_most_so_many_sub_accounts(self) -> None:
        """The same of sub-accounts."""

        def attempt(store: BlockingStore, number: int) -> Any:
            new = NewAccount(username=f"sub{number}")
            return store.run(subaccounts.create, self.alice.id, new, plans=ONE, now=NOON)

        self.assertEqual(["", *["PlanLimitReached"] * (AT_ONCE - 1)], self.race(attempt))

    def test_a_race_for_a_name(self) -> None:
        """One is made; the others are told in the words of the rule that the name is taken."""

        def attempt(store: BlockingStore, number: int) -> Any:
            made: dict[str, Any] = {"terms": Terms("20"), "plans": PLANS, "proxies": [], "now": NOON}
            return perform_blocking(store.run, holders.create, OPERATOR, NewAccount(username="Same"), **made)

        self.assertEqual(["", *["Taken"] * (AT_ONCE - 1)], self.race(attempt))

    def test_a_race_for_an_address(self) -> None:
        """An account has an address once, whoever asks at the same time."""

        def attempt(store: BlockingStore, number: int) -> Any:
            return perform_blocking(
                store.run, allowlists.add_ip, OPERATOR, "alice", "93.184.216.34", "", plans=PLANS, now=NOON
            )

        self.assertEqual(["", *["Invalid"] * (AT_ONCE - 1)], self.race(attempt))

    def test_bounds_that_are_set_at_once(self) -> None:
        """Each is kept: what one sets, another does not overwrite with what it read before."""
        names = ("tunnels", "kbit_up", "kbit_down", "client_addresses")

        def attempt(store: BlockingStore, number: int) -> Any:
            return perform_blocking(store.run, restraint.set_bounds, OPERATOR, "alice", {names[number]: 5}, now=NOON)

        self.assertEqual([""] * AT_ONCE, self.race(attempt))
        alice = self.store.run(accounts.by_id, self.alice.id)
        assert alice is not None
        self.assertEqual(parsed(alice.bounds).given(), dict.fromkeys(names, 5))

    def test_one_root(self) -> None:
        """Several nodes that start at once on an empty store make one root account."""
        made: list[object] = []

        def attempt(store: BlockingStore, number: int) -> None:
            names = list(KNOWN)
            made.append(perform_blocking(store.run, holders.bootstrap, "h", plans=PLANS, proxies=names, now=NOON))

        self.race(attempt)
        self.assertEqual(1, sum(each is not None for each in made))

    def test_a_downgrade_meets_a_new_token(self) -> None:
        """Whichever is first, no active token is left on a plan without any."""

        def attempt(store: BlockingStore, number: int) -> None:
            if number == 0:
                store.run(holders.edit, OPERATOR, "alice", Profile(), Terms("trial"), plans=PLANS, now=NOON)
            else:
                digest = bytes([number]) * 32
                store.run(
                    tokens.create, OPERATOR, "alice", digest=digest, label="", expires_on="", plans=PLANS, now=NOON
                )

        self.race(attempt)
        left = self.store.run(stored.of_account, self.alice.id)
        self.assertEqual([], [token for token in left if token.active])

    def test_a_life(self) -> None:
        """Every kind of change once, as on SQLite."""
        run = self.store.run
        run(subaccounts.create, self.alice.id, NewAccount(username="kid"), plans=PLANS, now=NOON)
        token = run(
            tokens.create, self.alice.id, "kid", digest=b"1" * 32, label="ü", expires_on="", plans=PLANS, now=NOON
        )
        self.assertFalse(run(tokens.deactivate, self.alice.id, token.id, now=NOON).token.active)
        self.assertTrue(run(tokens.activate, self.alice.id, token.id, plans=PLANS, now=NOON).active)
        run(allowlists.add_hostname, self.alice.id, "kid", "a.example.com", plans=PLANS, now=NOON)
        run(proxies.revoke, self.alice.id, None, "us", known=KNOWN, now=NOON)
        run(proxies.authorize, self.alice.id, None, "us", known=KNOWN, plans=PLANS, now=NOON)
        kid = run(subaccounts.deactivate, self.alice.id, "kid", now=NOON)
        self.assertEqual((False, ("open", "us")), (kid.account.active, kid.proxies))
        edited = run(
            holders.edit, OPERATOR, "alice", Profile(total_limit=10**18), Terms("trial"), plans=PLANS, now=NOON
        )
        self.assertEqual(((token.id,), ("us",)), (edited.deactivated, edited.revoked))
        run(tokens.delete, self.alice.id, token.id, now=NOON)
        run(subaccounts.delete, OPERATOR, "alice", now=NOON)
        self.assertEqual([], run(accounts.page, 0, 10))

    def test_a_deletion_meets_a_change_of_the_same_account(self) -> None:
        """Whatever is under way when a sub-account goes, the audit has nothing of it afterwards."""
        self.store.run(subaccounts.create, self.alice.id, NewAccount(username="kid"), plans=PLANS, now=NOON)
        other, begun, go_on = self.open(), Event(), Event()

        def slowly() -> Unit[Any]:
            unit = allowlists.add_ip(OPERATOR, "kid", "93.184.216.34", "", plans=PLANS, now=NOON)
            statement = next(unit)
            while True:
                if statement.sql.startswith("\ninsert into audit"):
                    begun.set()
                    go_on.wait(60)
                try:
                    statement = unit.send((yield statement))
                except StopIteration:
                    return

        with ThreadPoolExecutor(2) as threads:
            change = threads.submit(other.run, slowly)
            self.assertTrue(begun.wait(60))
            deletion = threads.submit(self.store.run, subaccounts.delete, self.alice.id, "kid", now=NOON)
            while not self.store_waits():
                self.assertFalse(deletion.done())
            go_on.set()
            change.result()
            deletion.result()
        left = self.store.run(statement_of, "select action, detail from audit where action <> 'account.create'")
        self.assertEqual(left, [("account.delete", "")])

    def store_waits(self) -> bool:
        """Whether anybody waits for a lock."""
        return bool(self.open().run(statement_of, "select 1 from pg_stat_activity where wait_event_type = 'Lock'"))


def statement_of(sql: str) -> Unit[list[Any]]:
    return (yield Statement(sql, {}))
