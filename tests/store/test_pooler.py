"""PostgreSQL behind PgBouncer: what works in which mode, and what an outage behind it looks like."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import TestCase

from meshd.store.interface import StoreUnavailable
from meshd.store.open import BlockingStore
from meshd.store.postgres import blocking as postgres_blocking
from meshd.store.postgres import link as postgres_link
from meshd.store.postgres import pool as postgres_pool
from meshd.store.postgres import watch as postgres_watch
from meshd.store.postgres.store import PostgresStore
from meshd.store.statements import accounts, audit, changes
from tests.store import contract_units, contract_usage
from tests.store.contract import start
from tests.store.postgres.test_store import OnPostgres, sleep
from tests.support import postgres, stores
from tests.support.pgbouncer import Mode, PgBouncer


class BehindPooler(OnPostgres):
    """Stores of one database, through a pooler of their own."""

    mode: Mode = "transaction"
    pooler: PgBouncer
    direct = ""

    def url(self) -> str:
        if not self._url:
            self.patch(postgres_pool, "WAIT_SECONDS", 60.0)  # hundreds at once take longer by way of a pooler
            self.direct = stores.postgres_url(self)
            self.pooler = PgBouncer(self, postgres.server(), self.mode)
            self._url = self.pooler.url(self.direct.partition("@/")[2].partition("?")[0])
        return self._url


class TransactionUsageTests(BehindPooler, contract_usage.UsageContract):
    __test__ = True


class TransactionUnitTests(BehindPooler, contract_units.UnitContract):
    __test__ = True


class SessionUsageTests(BehindPooler, contract_usage.UsageContract):
    __test__ = True
    mode = "session"


class PoolerCase(BehindPooler, TestCase):
    """Patience is short, so that no test has to wait for what it does not look for."""

    timeout = 120

    def setUp(self) -> None:
        self.server = postgres.server()
        self.addCleanup(lambda: self.server.running or self.server.start())
        self.patch(postgres_watch, "SILENT_SECONDS", 0.2)
        self.patch(postgres_link, "CONNECT_SECONDS", 20.0)
        self.patch(postgres_blocking, "CONNECT_SECONDS", 20.0)
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace", "").startswith("meshd") and event["log_level"] >= LogLevel.info:
            self.lines.append(event["log_format"].format(**event))

    async def heal(self, store: PostgresStore) -> None:
        """Until it works again; the test's timeout is the bound."""
        while True:
            try:
                await store.run(accounts.root)
            except StoreUnavailable:
                await deferLater(reactor, 0.02)
            else:
                return


class OutageTests(PoolerCase):
    """In transaction mode a pooler takes questions that no server is there to answer."""

    async def test_the_server_behind_it_is_gone(self) -> None:
        """It is unavailable within seconds, not after a minute; it heals by itself; one line for each."""
        store = await self.open(size=2)
        await store.run(audit.record, 1, "a", "b", 1)
        self.server.stop()
        for _ in range(3):
            with self.assertRaises(StoreUnavailable):
                await store.run(accounts.root)
        self.server.start()
        await self.heal(store)
        self.assertEqual(len(await store.run(audit.of_account, 1, 9)), 1)
        self.assertEqual([line.partition(" after")[0].partition(":")[0] for line in self.lines], [AWAY, BACK])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_the_pooler_itself_is_frozen(self) -> None:
        """As a machine that still has its connections, and answers on none."""
        store = await self.open(size=2)
        self.patch(postgres_link, "CONNECT_SECONDS", 1.0)
        self.patch(postgres_blocking, "CONNECT_SECONDS", 1.0)
        self.pooler.freeze()
        self.addCleanup(self.pooler.thaw)
        with self.assertRaises(StoreUnavailable):
            await store.run(accounts.root)
        blocking = BlockingStore(self.url())
        with self.assertRaises(StoreUnavailable) as caught:
            blocking.run(accounts.root)
        self.assertIn("no answer in time", str(caught.exception))
        self.pooler.thaw()
        await self.heal(store)
        self.assertIn("no answer in time", self.lines[0])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_a_slow_answer_is_no_outage(self) -> None:
        """A new connection works, so the old one is waited for."""
        store = await self.open(size=1)
        await store.run(sleep, 1.5)
        self.assertEqual(self.lines, [])

    async def test_the_pooler_starts_again(self) -> None:
        """Each connection is made anew."""
        store = await self.open(size=2)
        self.pooler.stop()
        with self.assertRaises(StoreUnavailable):
            await store.run(accounts.root)
        self.pooler.start()
        await self.heal(store)
        self.assertEqual([line.partition(" after")[0].partition(":")[0] for line in self.lines], [AWAY, BACK])

    async def test_two_processes_hear_of_changes(self) -> None:
        """By the feed's polls: NOTIFY does not come through in this mode, and is not needed."""
        store, other = await self.open(), await self.open()
        await other.run(changes.publish, 4)
        self.assertEqual([change.account_id for change in await store.run(changes.since, 0, 9)], [4])


AWAY, BACK = "PostgreSQL is away", "PostgreSQL is back"


class SessionTests(PoolerCase):
    mode = "session"

    async def test_notify_comes_through(self) -> None:
        """Whoever publishes wakes the feed of another process."""
        store, other = await self.open(), await self.open()
        woken: Deferred[None] = Deferred()
        store.on_change(lambda: woken.called or woken.callback(None))
        await other.run(changes.publish, 4)
        await woken


class StatementTests(PoolerCase):
    """There are no transactions in this mode: it is refused with the reason, and what to do about it."""

    mode = "statement"

    def check(self, said: str) -> None:
        self.assertIn("transaction blocks not allowed in statement pooling mode", said)
        self.assertIn("pool_mode = transaction", said)

    def test_at_a_start(self) -> None:
        """And in the command."""
        blocking = BlockingStore(self.url())
        self.addCleanup(blocking.close)
        for act in (blocking.migrate, lambda: blocking.run(accounts.root)):
            with self.assertRaises(StoreUnavailable) as caught:
                act()
            self.check(str(caught.exception))

    async def test_in_the_daemon(self) -> None:
        """Nothing that can only fail is handed out, and the log says why."""
        store = PostgresStore(reactor, self.url())
        with self.assertRaises(StoreUnavailable) as caught:
            await start(store.start())
        self.check(str(caught.exception))
        self.check(self.lines[0])
