"""The contract on SQLite, and what only a file can do."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from threading import Event
from types import SimpleNamespace
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

import meshd
from meshd.store.interface import SchemaError, StoreError, StoreUnavailable
from meshd.store.migrate import shipped
from meshd.store.open import BlockingStore, open_store
from meshd.store.sqlite import file as sqlite_file
from meshd.store.sqlite import store as sqlite
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.statements import accounts, audit
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
from tests.support import stores


class OnSQLite:
    """Stores of one file."""

    path = ""

    async def open(self, **options: Any) -> SQLiteStore:
        self.path = self.path or stores.sqlite_path(self)
        store = SQLiteStore(reactor, self.path)
        self.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
        await store.start(**options)
        return store

    def url(self) -> str:
        return f"sqlite:///{self.path}"


class AccountTests(OnSQLite, contract_accounts.AccountContract):
    __test__ = True


class UsageTests(OnSQLite, contract_usage.UsageContract):
    __test__ = True


class ActivityTests(OnSQLite, contract_activity.ActivityContract):
    __test__ = True


class OrderTests(OnSQLite, contract_orders.OrderContract):
    __test__ = True


class PublishedTests(OnSQLite, contract_published.PublishedContract):
    __test__ = True


class SessionTests(OnSQLite, contract_sessions.SessionContract):
    __test__ = True


class BanTests(OnSQLite, contract_bans.BanContract):
    __test__ = True


class OpenedTests(OnSQLite, contract_opened.OpenedContract):
    __test__ = True


class TopsTests(OnSQLite, contract_tops.TopsContract):
    __test__ = True


class ExitTests(OnSQLite, contract_exits.ExitContract):
    __test__ = True


class NoticeTests(OnSQLite, contract_notices.NoticeContract):
    __test__ = True


class ClaimTests(OnSQLite, contract_claims.ClaimContract):
    __test__ = True


class ChangeTests(OnSQLite, contract_changes.ChangeContract):
    __test__ = True


class UnitTests(OnSQLite, contract_units.UnitContract):
    __test__ = True


class SchemaTests(OnSQLite, contract_units.SchemaContract):
    __test__ = True


MIGRATE = """
import sys
from meshd.store.open import BlockingStore
store = BlockingStore(sys.argv[1])
sys.stdin.readline()
print(store.migrate())
"""


def race(url: str, processes: int = 3) -> list[str]:
    """Migrate in so many processes at the same moment; what each says it applied."""
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(meshd.__file__)))}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(processes)
    ]
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    return sorted(process.communicate()[0].strip() for process in running)


def replace(path: str, content: bytes) -> None:
    """Put another file in its place, as a restored backup is put."""
    with open(path + ".new", "wb") as new:
        new.write(content)
    os.replace(path + ".new", path)
    drop_log(path)


def drop_log(path: str) -> None:
    """What SQLite would else apply to the new file."""
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)


class FileTests(OnSQLite, TestCase):
    """A file may be replaced, locked, filled up and raced for."""

    async def setUp(self) -> None:
        self.store = await self.open()

    async def record(self, detail: str = "x") -> None:
        await self.store.run(audit.record, 1, "a", "b", 1, detail)

    async def recorded(self) -> list[str]:
        return [entry.detail for entry in await self.store.run(audit.of_account, 1, 9)]

    async def test_modes(self) -> None:
        """Nobody else can read the file, nor what SQLite keeps beside it."""
        await self.record()
        for suffix in ("", "-wal", "-shm"):
            mode = stat.S_IMODE(os.stat(self.path + suffix).st_mode)
            self.assertEqual(mode, 0o600, suffix)

    async def test_pragmas(self) -> None:
        """The connection is set as the module promises."""

        def pragma(name: str) -> Unit[Any]:
            return (yield Statement(f"pragma {name}", {}))[0][0]

        wanted = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}
        for name, value in wanted.items():
            self.assertEqual(await self.store.run(pragma, name), value, name)

    async def test_replaced(self) -> None:
        """A file that was put in its place, a backup for instance, is the store from then on."""
        await self.record("kept")
        await self.store.stop()
        shutil.copy(self.path, self.path + ".backup")
        await self.store.start()
        await self.record("lost")
        os.replace(self.path + ".backup", self.path)
        drop_log(self.path)
        self.assertEqual(await self.recorded(), ["kept"])

    async def test_gone(self) -> None:
        """Without its file the store is unavailable, and no empty one takes its place."""
        os.rename(self.path, self.path + ".away")
        with self.assertRaises(StoreUnavailable):
            await self.record()
        self.assertFalse(os.access(self.path, os.F_OK))
        os.rename(self.path + ".away", self.path)
        await self.record()
        self.assertEqual(await self.recorded(), ["x"])

    async def test_replaced_by_an_older_schema(self) -> None:
        """What was put in its place must have the right schema."""
        replace(self.path, b"")
        with self.assertRaises(SchemaError):
            await self.record()

    async def test_disk_full(self) -> None:
        """A full disk is unavailability, and heals."""

        def filling() -> Unit[None]:
            yield Statement("pragma max_page_count = 1", {})
            yield from audit.record(1, "a", "b", 1, "x" * 1_000_000)

        def freeing() -> Unit[None]:
            yield Statement("pragma max_page_count = 1000000", {})

        with self.assertRaises(StoreUnavailable) as caught:
            await self.store.run(filling)
        self.assertIn("full", str(caught.exception))
        self.assertEqual(await self.recorded(), [], "it is still read")
        await self.store.run(freeing)
        large = "y" * 1_000_000
        await self.record(large)
        self.assertEqual(await self.recorded(), [large])

    async def test_reading_first(self) -> None:
        """A unit that reads and then writes is run as a writer from its start: nothing changes in between."""
        other = await self.open()

        def follow() -> Unit[None]:
            found = yield from audit.of_account(1, 1)
            yield from audit.record(1, "a", "b", 1, str(int(found[0].detail) + 1 if found else 0))

        await gatherResults([Deferred.fromCoroutine(store.run(follow)) for store in (self.store, other) * 50])
        self.assertEqual((await self.recorded())[0], "99")

    async def test_gone_while_it_runs(self) -> None:
        """The result of a unit whose caller went away meanwhile goes nowhere, and the unit is kept."""
        begun, go_on = Event(), Event()

        def held() -> Unit[None]:
            yield from audit.record(1, "a", "b", 1, "kept")
            begun.set()
            go_on.wait(60)

        gone = Deferred.fromCoroutine(self.store.run(held))
        await deferToThread(begun.wait, 30)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        go_on.set()
        self.assertEqual(await self.recorded(), ["kept"])
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_damaged(self) -> None:
        """A file that is no database is unavailability, and heals when it is put right."""
        await self.store.stop()
        shutil.copy(self.path, self.path + ".good")
        await self.store.start()
        replace(self.path, b"no database" * 1000)
        with self.assertRaises(StoreUnavailable):
            await self.record()
        os.replace(self.path + ".good", self.path)
        await self.record()
        self.assertEqual(await self.recorded(), ["x"])

    async def test_locked(self) -> None:
        """A writer that another process keeps waiting for too long is unavailable; a reader does not wait."""
        self.patch(sqlite_file, "BUSY_SECONDS", 0.05)
        self.store = await self.open()
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("begin immediate")
        with self.assertRaises(StoreUnavailable) as caught:
            await self.record()
        self.assertIn("locked", str(caught.exception))
        self.assertEqual(await self.recorded(), [])
        other.execute("rollback")
        await self.record()

    async def test_locked_for_long(self) -> None:
        """Only the first writer waits for as long as a change takes; who waits behind it is answered soon after."""
        other, waited = await self.locked()
        for _ in range(3):
            with self.assertRaises(StoreUnavailable):
                await self.record()
        other.execute("rollback")
        await self.record()
        await self.record()
        self.assertEqual(waited, [200, 30, 30, 30, 200])

    async def test_locked_again_later(self) -> None:
        """Who comes when nobody has waited in vain for a while has nobody before it, and waits as long as the first."""
        other, waited = await self.locked()
        for after in (0.0, 0.1, 0.3):
            self.monotonic += after
            with self.assertRaises(StoreUnavailable):
                await self.record()
        other.execute("rollback")
        self.assertEqual(waited, [200, 30, 200])

    async def locked(self) -> tuple[sqlite3.Connection, list[int]]:
        """Another connection that keeps the file locked, and milliseconds for which each writer waits at most, by a
        clock that stands.
        """
        self.monotonic = 1000.0
        clock = SimpleNamespace(monotonic=lambda: self.monotonic, sleep=time.sleep, time=time.time)
        waited: list[int] = []
        plain = sqlite_file.execute

        def noted(connection: sqlite3.Connection, sql: str, params: Any = ()) -> Any:
            if sql == "begin immediate":
                waited.append(plain(connection, "pragma busy_timeout")[0][0])
            return plain(connection, sql, params)

        for name, value in (("time", clock), ("execute", noted), ("BUSY_SECONDS", 0.2), ("IN_VAIN_SECONDS", 0.03)):
            self.patch(sqlite_file, name, value)
        self.store = await self.open()
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("begin immediate")
        waited.clear()
        return other, waited

    async def test_queue_bound(self) -> None:
        """When too much waits, more is refused at once."""
        self.patch(sqlite, "QUEUE", 10)
        asked = [Deferred.fromCoroutine(self.record()) for _ in range(500)]
        refused = [deferred for deferred in asked if deferred.called]
        self.assertTrue(refused)
        for deferred in refused:
            self.failureResultOf(deferred, StoreUnavailable)
        await gatherResults([deferred for deferred in asked if deferred not in refused])
        await self.record()

    async def test_not_created(self) -> None:
        """Where no file may be made, there is none, and the error says what makes one."""
        path = self.path + ".none"
        with self.assertRaises(StoreError) as caught:
            await SQLiteStore(reactor, path, create=False).start()
        self.assertIn("meshd migrate", str(caught.exception))
        self.assertFalse(os.access(path, os.F_OK))

    async def test_no_folder(self) -> None:
        """A folder that is not there is named."""
        with self.assertRaises(StoreUnavailable) as caught:
            await SQLiteStore(reactor, "/nowhere/at/all.db").start()
        self.assertIn("/nowhere/at/all.db", str(caught.exception))

    async def test_workers_do_not_migrate(self) -> None:
        """Who may not migrate refuses an empty file and says what to do."""
        path = self.path + ".empty"
        replace(path, b"")
        store = SQLiteStore(reactor, path)
        with self.assertRaises(SchemaError) as caught:
            await store.start(migrate=False)
        self.assertIn("meshd migrate", str(caught.exception))
        await store.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
        self.assertIsNone(await store.run(accounts.root))

    def test_race(self) -> None:
        """Of processes that migrate at the same moment, one does it."""
        self.assertEqual(race(self.url() + ".raced"), [str([each.name for each in shipped()]), "[]", "[]"])

    def test_blocking_without_a_file(self) -> None:
        """The command line makes no store by itself, and says what does."""
        with self.assertRaises(StoreError) as caught:
            BlockingStore(self.url() + ".none").run(accounts.root)
        self.assertIn("meshd migrate", str(caught.exception))

    def test_opened_by_url(self) -> None:
        """A file's URL gives this store."""
        self.assertIsInstance(open_store(reactor, self.url()), SQLiteStore)
        with self.assertRaises(StoreError):
            open_store(reactor, "mysql://h/d")
