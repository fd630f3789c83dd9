"""Fresh stores for tests: migrated, empty, and gone with the test."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from meshd.store.open import BlockingStore
from meshd.store.postgres.store import PostgresStore
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.sqlite.store import SQLiteStore
from tests.support import postgres


def folder(test: TestCase) -> str:
    """A folder that goes with the test."""
    path = tempfile.mkdtemp(prefix="meshd-test-")
    test.addCleanup(shutil.rmtree, path, ignore_errors=True)
    return path


def sqlite_path(test: TestCase) -> str:
    """Where no file is yet."""
    return os.path.join(folder(test), "meshd.sqlite3")


def put_migrated(path: str) -> str:
    """Put an empty store where no file is yet, migrated as it would be there; the path.

    It is a copy of one that this process has migrated, since most tests begin with one.
    """
    if not os.path.exists(path):
        Path(path).write_bytes(_migrated())
        os.chmod(path, 0o600)
    return path


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="meshd-test-") as where:
        path = os.path.join(where, "meshd.sqlite3")
        file = SQLiteFile(path)
        file.migrate()
        file.close()
        assert os.listdir(where) == ["meshd.sqlite3"], "closed, it is whole by itself"
        return Path(path).read_bytes()


async def fresh_sqlite(test: TestCase) -> SQLiteStore:
    store = SQLiteStore(reactor, put_migrated(sqlite_path(test)))
    await store.start()
    test.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
    return store


def postgres_url(test: TestCase) -> str:
    """Of an empty database.  SkipTest where the machine has no PostgreSQL."""
    server = postgres.server()
    database = server.new_database()
    test.addCleanup(server.give_back, database)
    return server.url(database)


def migrated_postgres_url(test: TestCase) -> str:
    """Of a database with an empty store, a copy of one that was migrated.  SkipTest as above."""
    server = postgres.server()
    database = server.copy_of(_template())
    test.addCleanup(server.drop, database)
    return server.url(database)


@cache
def _template() -> str:
    server = postgres.server()
    database = server.new_database()
    store = BlockingStore(server.url(database))
    store.migrate()
    store.close()
    return database


async def fresh_postgres(test: TestCase) -> PostgresStore:
    """SkipTest where the machine has no PostgreSQL."""
    store = PostgresStore(reactor, migrated_postgres_url(test))
    await store.start()
    test.addCleanup(lambda: Deferred.fromCoroutine(store.stop()))
    return store
