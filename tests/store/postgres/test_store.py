"""The contract on PostgreSQL, and what only a server can do to its clients."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg2
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import TestCase

from meshd.store.interface import SchemaError, StoreError, StoreUnavailable
from meshd.store.migrate import shipped
from meshd.store.open import BlockingStore, open_store
from meshd.store.postgres import link as postgres_link
from meshd.store.postgres import pool as postgres_pool
from meshd.store.postgres.link import Link
from meshd.store.postgres.store import PostgresStore
from meshd.store.statements import accounts, audit, changes
from meshd.store.unit import Statement, Unit
from tests.store import (
    contract_accounts,
    contract_activity,
    contract_bans,
    contract_changes,
    contract_claims,
    contract_exits,
    contract_notices,
    contract_opened,
    contract_orders,
    contract_published,
    contract_sessions,
    contract_tops,
    contract_units,
    contract_usage,
)
from tests.store.contract import query, start
from tests.store.sqlite.test_store import race
from tests.support import postgres, stores
from tests.support.daemon import until


class OnPostgres:
    """Stores of one database."""

    _url = ""

    async def open(self, **options: Any) -> PostgresStore:
        size = options.pop("size", 4)
        store = PostgresStore(reactor, self.url(), size=size)
        self.addCleanup(lambda: start(store.stop()))
        heard: Deferred[None] = Deferred()
        store.on_change(lambda: None if heard.called else heard.callback(None))
        self.heard = heard
        await store.start(**options)
        return store

    async def hearing(self) -> None:
        await self.heard

    def url(self) -> str:
        self._url = self._url or stores.migrated_postgres_url(self)
        return self._url


class AccountTests(OnPostgres, contract_accounts.AccountContract):
    __test__ = True


class UsageTests(OnPostgres, contract_usage.UsageContract):
    __test__ = True


class ActivityTests(OnPostgres, contract_activity.ActivityContract):
    __test__ = True


class OrderTests(OnPostgres, contract_orders.OrderContract):
    __test__ = True


class PublishedTests(OnPostgres, contract_published.PublishedContract):
    __test__ = True


class SessionTests(OnPostgres, contract_sessions.SessionContract):
    __test__ = True


class BanTests(OnPostgres, contract_bans.BanContract):
    __test__ = True


class OpenedTests(OnPostgres, contract_opened.OpenedContract):
    __test__ = True


class TopsTests(OnPostgres, contract_tops.TopsContract):
    __test__ = True


class ExitTests(OnPostgres, contract_exits.ExitContract):
    __test__ = True


class NoticeTests(OnPostgres, contract_notices.NoticeContract):
    __test__ = True


class ClaimTests(OnPostgres, contract_claims.ClaimContract):
    __test__ = True


class ChangeTests(OnPostgres, contract_changes.ChangeContract):
    __test__ = True

    async def test_another_process_wakes(self) -> None:
        """NOTIFY makes a feed of another process sooner, the command line's included."""
        other = await self.open()
        blocking = BlockingStore(self.url())
        self.addCleanup(blocking.close)
        for publish in (lambda: other.run(changes.publish, 4), lambda: blocking.run(changes.publish, 5)):
            woken: Deferred[None] = Deferred()
            self.store.on_change(lambda woken=woken: woken.called or woken.callback(None))
            outcome = publish()
            if not isinstance(outcome, int):
                await outcome
            await woken


class UnitTests(OnPostgres, contract_units.UnitContract):
    __test__ = True


class SchemaTests(OnPostgres, contract_units.SchemaContract):
    __test__ = True

    async def test_workers_do_not_migrate(self) -> None:
        """Who may not migrate refuses an empty database and says what to do."""
        store = PostgresStore(reactor, stores.postgres_url(self))
        with self.assertRaises(SchemaError) as caught:
            await store.start(migrate=False)
        self.assertIn("meshd migrate", str(caught.exception))

    def test_race(self) -> None:
        """Of processes that migrate at the same moment, one does it."""
        self.assertEqual(race(stores.postgres_url(self)), [str([each.name for each in shipped()]), "[]", "[]"])


def sleep(seconds: float) -> Unit[None]:
    yield Statement("select pg_sleep(:seconds)", {"seconds": seconds})


def shutdown(link: Link) -> None:
    """Cut the connection below libpq, as a failing network would."""
    duplicate = socket.socket(fileno=os.dup(link.fileno()))
    duplicate.shutdown(socket.SHUT_RDWR)
    duplicate.close()


WAITS = "select pg_advisory_xact_lock(1)"


@contextlib.contextmanager
def held(url: str) -> Iterator[None]:
    """Meanwhile, what executes WAITS in that database waits."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        connection.cursor().execute("select pg_advisory_lock(1)")
        yield
    finally:
        connection.close()


def pause(seconds: float = 0) -> Deferred[None]:
    """A turn of the reactor, or a step of a loop that waits for something else."""
    return deferLater(reactor, seconds)


class HangingUp(Factory):
    """Refuses TLS, as a server does that has none, and ends each connection after so many messages."""

    noisy = False

    def __init__(self, messages: int) -> None:
        self.messages = messages

    def buildProtocol(self, addr: object) -> Protocol:
        return _HangingUp(self.messages)


class _HangingUp(Protocol):
    def __init__(self, left: int) -> None:
        self._left = left

    def connectionMade(self) -> None:
        self._end()

    def dataReceived(self, data: bytes) -> None:
        self._left -= 1
        if len(data) == 8:  # a request for TLS is that long and no other message
            self.transport.write(b"N")
        self._end()

    def _end(self) -> None:
        if self._left <= 0:
            self.transport.loseConnection()


STALLED = "select pid from pg_stat_activity where state = 'idle in transaction'"


class ServerTests(OnPostgres, TestCase):
    """Outages, dead connections, silent servers, callers that go away."""

    timeout = 120

    def url(self) -> str:
        """Of an empty database: while it is migrated, all other connections of the store are opened."""
        self._url = self._url or stores.postgres_url(self)
        return self._url

    async def setUp(self) -> None:
        self.server = postgres.server()
        self.store = await self.open()
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("log_namespace", "").startswith("meshd") and event["log_level"] >= LogLevel.info:
            self.lines.append(event["log_format"])

    async def heal(self, store: PostgresStore) -> None:
        """Until it works again; the test's timeout is the bound."""
        while True:
            try:
                await store.run(accounts.root)
            except StoreUnavailable:
                await pause(0.02)
            else:
                return

    async def terminate(self, count: int = 1000) -> None:
        """Have the server end so many of this database's connections."""
        self.server.sql(
            f"""select pg_terminate_backend(pid) from (select pid from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() order by pid limit {count}) as s""",
            self.url().partition("@/")[2].partition("?")[0],
        )

    async def test_outage(self) -> None:
        """A server that stops and comes back: unavailable meanwhile, healed after, one line for each, no traceback."""
        await self.store.run(audit.record, 1, "a", "b", 1)
        running = [start(self.store.run(sleep, 30)) for _ in range(6)]
        await pause()
        self.server.stop()
        for passed, failure in await DeferredList(running, consumeErrors=True):
            self.assertFalse(passed)
            failure.trap(StoreUnavailable)
        for _ in range(3):
            with self.assertRaises(StoreUnavailable):
                await self.store.run(accounts.root)
            await pause()
        self.server.start()
        await self.heal(self.store)
        self.assertEqual(len(await self.store.run(audit.of_account, 1, 9)), 1)
        self.assertEqual(self.lines, ["PostgreSQL is away: {reason}", "PostgreSQL is back after {seconds:.1f} s"])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_crash(self) -> None:
        """A server that dies in the middle of everything is away, and healed from, in the same way."""
        self.server.sql("checkpoint")  # or it would take long to recover
        self.server.stop(crash=True)
        with self.assertRaises(StoreUnavailable):
            await self.store.run(accounts.root)
        self.server.start()
        await self.heal(self.store)
        self.assertEqual(self.lines, ["PostgreSQL is away: {reason}", "PostgreSQL is back after {seconds:.1f} s"])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_start_while_away(self) -> None:
        """Starting without a server says what is the matter, and can be tried again."""
        await self.store.stop()
        self.server.stop()
        self.addCleanup(lambda: self.server.running or self.server.start())
        with self.assertRaises(StoreUnavailable) as caught:
            await self.store.start()
        self.assertIn("PostgreSQL cannot be reached", str(caught.exception))
        blocking = BlockingStore(self.url())
        self.assertRaises(StoreUnavailable, blocking.run, accounts.root)
        self.server.start()
        await self.store.start()
        self.assertIsNone(await self.store.run(accounts.root))
        self.assertIsNone(blocking.run(accounts.root))
        blocking.close()

    async def test_listener_heals(self) -> None:
        """A feed is woken again after its connection was lost, and once when it is back, for what it missed."""
        woken: Deferred[None] = Deferred()
        self.store.on_change(lambda: woken.called or woken.callback(None))
        await self.terminate()
        await woken
        await self.heal(self.store)
        other = await self.open()
        again: Deferred[None] = Deferred()
        self.store.on_change(lambda: again.called or again.callback(None))
        await other.run(changes.publish, 4)
        await again

    async def test_killed_connections(self) -> None:
        """Idle connections that the server ended are not handed out, the others work on, and no error is logged."""
        live = self.store._pool._live
        before = len(live)
        await self.terminate(2)
        while len(live) == before:
            await pause()
        for _ in range(8):
            await self.store.run(accounts.root)
        await self.terminate()
        await self.heal(self.store)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_killed_in_a_transaction(self) -> None:
        """A connection lost inside a unit takes that unit's work with it, and is replaced."""
        store = await self.open(size=1)

        def suicidal() -> Unit[None]:
            yield from audit.record(1, "a", "b", 1)
            yield Statement("select pg_terminate_backend(pg_backend_pid())", {})

        with self.assertRaises(StoreUnavailable):
            await store.run(suicidal)
        await self.heal(store)
        self.assertEqual(await store.run(audit.of_account, 1, 9), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_late_cancel(self) -> None:
        """A caller that goes away never ends the next unit on its connection."""
        store = await self.open(size=1)
        for _ in range(20):
            with held(self.url()):
                gone = start(store.run(query, WAITS))
                await pause()
                gone.cancel()
                self.failureResultOf(gone, CancelledError)
            await store.run(sleep, 0.001)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_cancelled_means_whole_or_nothing(self) -> None:
        """Whenever callers go away, each unit that was begun is committed and no other is."""
        began: set[int] = set()

        def noted(n: int) -> Unit[None]:
            began.add(n)
            yield from audit.record(1, "a", "b", 1, str(n))
            yield from sleep(0.001)

        asked = []
        for n in range(200):
            asked.append(start(self.store.run(noted, n)))
            if n % 3 == 0:
                await pause()
            if n % 2:
                asked[n // 2].cancel()
        results = await DeferredList(asked, consumeErrors=True)
        await self.store.stop()
        store = await self.open()
        stored = {int(entry.detail) for entry in await store.run(audit.of_account, 1, 999)}
        self.assertEqual(stored, began)
        self.assertTrue({n for n, (passed, _) in enumerate(results) if passed} <= stored)
        self.assertLess(len(stored), 200)

    async def test_deadlock(self) -> None:
        """Units that lock each other out are run again, and both succeed."""
        made = [
            await self.store.run(
                accounts.create, name, parent_id=None, role="customer", plan="", password_hash="", billing_day=1, now=1
            )
            for name in ("a", "b")
        ]
        attempts: list[int] = []
        locked: set[int] = set()

        def crosswise(first: int, second: int) -> Unit[None]:
            attempts.append(first)
            yield from accounts.lock(first)
            locked.add(first)
            while len(locked) < 2:
                yield from sleep(0.005)
            yield from accounts.lock(second)
            yield from audit.record(1, "a", "b", first)

        await gatherResults(
            [start(self.store.run(crosswise, made[i].id, made[1 - i].id)) for i in (0, 1)], consumeErrors=True
        )
        self.assertGreater(len(attempts), 2)
        self.assertEqual(len(await self.store.run(query, "select * from audit")), 2)

    async def test_attempts(self) -> None:
        """A unit that the server cannot serialize is run again, but not for ever."""
        attempts: list[int] = []

        def unlucky(times: int) -> Unit[str]:
            attempts.append(times)
            yield from audit.record(1, "a", "b", 1)
            if len(attempts) <= times:
                yield Statement("do 'begin raise exception using errcode = ''40001''; end'", {})
            return "done"

        self.assertEqual(await self.store.run(unlucky, 2), "done")
        self.assertEqual(len(await self.store.run(audit.of_account, 1, 9)), 1)
        attempts.clear()
        with self.assertRaises(StoreUnavailable):
            await self.store.run(unlucky, 99)
        self.assertEqual(len(attempts), 5)

    async def test_dead_connections_cost_nothing(self) -> None:
        """A unit on a connection that turns out dead is carried out on another one."""
        for link in list(self.store._pool._idle)[1:]:
            shutdown(link)
        self.assertIsNone(await self.store.run(accounts.root))
        self.assertIsNone(await self.store.run(accounts.root))

    async def test_who_stands_still_loses_its_locks_before_others_give_up(self) -> None:
        """Else a process that is frozen in a transaction would make the store seem away to all that wait for it."""
        found = {}
        for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"):
            ((setting,),) = await self.store.run(query, "select setting from pg_settings where name = :name", name=name)
            found[name] = int(setting)
        idle, lock, whole = found.values()
        self.assertTrue(0 < idle < lock < whole, found)

    async def test_a_transaction_that_was_cut_off_is_done_anew(self) -> None:
        """By its process, when it goes on: what it had done by then the server has undone."""
        tries = count(1)

        def stalled() -> Unit[int]:
            yield Statement("set local idle_in_transaction_session_timeout = '20ms'", {})
            yield from audit.record(1, "stalled", "b", 1)
            number = next(tries)
            if number == 1:
                until(lambda: not self.server.sql(STALLED), "the server has undone it")
            yield from audit.record(2, "stalled", "b", 1)
            return number

        self.assertEqual(await self.store.run(stalled), 2)
        rows = await self.store.run(query, "select at from audit where actor = 'stalled' order by id")
        self.assertEqual([row[0] for row in rows], [1, 2])

    async def test_server_bound(self) -> None:
        """A statement that the server cuts off is unavailability, and the connection goes on."""
        store = await self.open(size=1)

        def slow() -> Unit[None]:
            yield Statement("set local statement_timeout = '20ms'", {})
            yield from sleep(5)

        with self.assertRaises(StoreUnavailable):
            await store.run(slow)
        await store.run(sleep, 0.05)

    async def test_waiting_bounds(self) -> None:
        """Who waits too long for a connection, or behind too many, is told so."""
        self.patch(postgres_pool, "WAIT_SECONDS", 0.05)
        self.patch(postgres_pool, "WAITING", 3)
        store = await self.open(size=1)
        with held(self.url()):
            busy = start(store.run(query, WAITS))
            waiting = [start(store.run(accounts.root)) for _ in range(4)]
            self.failureResultOf(waiting.pop(), StoreUnavailable)
            for passed, failure in await DeferredList(waiting, consumeErrors=True):
                self.assertFalse(passed)
                failure.trap(StoreUnavailable)
            self.assertFalse(busy.called)
        await busy
        await store.run(accounts.root)

    async def test_silent_server(self) -> None:
        """A server that accepts and says nothing does not hold up the start."""
        self.patch(postgres_link, "CONNECT_SECONDS", 0.1)
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        store = PostgresStore(reactor, f"postgresql://meshd@127.0.0.1:{silent.getsockname()[1]}/d")
        with self.assertRaises(StoreUnavailable) as caught:
            await store.start()
        self.assertIn("no answer in time", str(caught.exception))
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_server_that_hangs_up(self) -> None:
        """A server that ends connections which are still being opened is away, after however many messages: no error is
        logged, and no descriptor that is gone is left with the reactor, where others would get its number.
        """
        for messages in (0, 1, 2) * 3:
            port = reactor.listenTCP(0, HangingUp(messages), interface="127.0.0.1")
            settings = {"host": "127.0.0.1", "port": str(port.getHost().port), "user": "meshd"}
            watched = {each for each in reactor.getReaders() + reactor.getWriters() if isinstance(each, Link)}
            with self.assertRaises(StoreUnavailable) as caught:
                await postgres_link.open_link(reactor, settings)
            self.assertIn("server closed the connection", str(caught.exception))
            after = {each for each in reactor.getReaders() + reactor.getWriters() if isinstance(each, Link)}
            self.assertEqual(after, watched)
            await port.stopListening()
            self.assertEqual(self.flushLoggedErrors(), [], messages)

    async def test_stop_while_connecting(self) -> None:
        """Stopping does not wait for a server that is silent."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        store = PostgresStore(reactor, f"postgresql://meshd@127.0.0.1:{silent.getsockname()[1]}/d")
        starting = start(store.start())
        await pause()
        await store.stop()
        self.failureResultOf(starting, StoreUnavailable)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_host_name(self) -> None:
        """A host's name is resolved by the reactor, and each of its addresses is tried."""
        database = self.url().partition("@/")[2].partition("?")[0]
        store = PostgresStore(reactor, self.server.url(database, tcp=True).replace("127.0.0.1", "localhost"))
        await store.start()
        self.addCleanup(lambda: start(store.stop()))
        ((address,),) = await store.run(query, "select host(inet_server_addr())")
        self.assertEqual(address, "127.0.0.1")

    async def test_unknown_host(self) -> None:
        """A name that has no address is said to have none."""
        store = PostgresStore(reactor, "postgresql://meshd@nowhere.invalid/d")
        with self.assertRaises(StoreUnavailable) as caught:
            await store.start()
        self.assertIn("no address", str(caught.exception))

    async def test_no_password_in_errors(self) -> None:
        """What goes wrong shows no password."""
        store = PostgresStore(reactor, "postgresql://meshd:hunter2@127.0.0.1:1/d")
        with self.assertRaises(StoreUnavailable) as caught:
            await store.start()
        self.assertNotIn("hunter2", str(caught.exception))
        self.assertNotIn("hunter2", repr(store))

    async def test_reading_costs_its_statements(self) -> None:
        """A unit that only reads opens no transaction, so nothing waits for its end."""

        def reading() -> Unit[tuple[bool, bool]]:
            yield Statement("select 1", {})
            return (yield Statement("select now() = statement_timestamp()", {}))[0]

        def writing() -> Unit[tuple[bool, bool]]:
            yield from audit.record(1, "a", "b", 1)
            return (yield Statement("select now() = statement_timestamp()", {}))[0]

        self.assertEqual(await self.store.run(reading), (True,))
        self.assertEqual(await self.store.run(writing), (False,))

    async def test_nothing_is_left(self) -> None:
        """After stopping, the reactor has nothing of the store's."""
        before = set(reactor.getReaders())
        store = await self.open()
        await store.run(accounts.root)
        await store.stop()
        self.assertEqual({reader for reader in reactor.getReaders() if reader not in before}, set())

    def test_opened_by_url(self) -> None:
        """A server's URL gives this store; another database's does not."""
        self.assertIsInstance(open_store(reactor, "postgresql://h/d"), PostgresStore)
        with self.assertRaises(StoreError):
            PostgresStore(reactor, "sqlite:///a")

    def test_without_the_extra(self) -> None:
        """Where the packages are missing, the error says what to install."""
        for name in ("store", "blocking", "driver"):
            self.take_away(f"meshd.store.postgres.{name}", replaced=False)
        self.take_away("psycopg2", replaced=True)
        for opening in (lambda: open_store(reactor, "postgresql://h/d"), lambda: BlockingStore("postgresql://h/d")):
            with self.assertRaises(StoreError) as caught:
                opening()
            self.assertIn("meshd[postgres]", str(caught.exception))

    def take_away(self, name: str, replaced: bool) -> None:
        """Have a module imported anew, or refused."""
        self.addCleanup(sys.modules.__setitem__, name, sys.modules.pop(name))
        if replaced:
            sys.modules[name] = None
