"""A connection to an SQLite file that outlives a full disk and the file's replacement; for one thread at a time.

WAL, so that readers and the one writer do not wait for each other; `synchronous=normal`, so that the loss of power may
take the last moments but never the file's integrity.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from meshd.store.dialect import SQLITE, only_reads, sqlite_text
from meshd.store.drive import drive
from meshd.store.interface import StoreError, StoreUnavailable, taken
from meshd.store.migrate import check, shipped, upgrade
from meshd.store.statements.changes import PUBLISH
from meshd.store.unit import Row, Statement, Unit

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes."""

IN_VAIN_SECONDS = 0.25
"""How long once that was in vain, until a unit gets its turn or none has tried for BUSY_SECONDS: whoever stands behind
others waits for each of them.
"""

PRAGMAS = ("synchronous = normal", "foreign_keys = on", "temp_store = memory")

CACHE = 2_000
"""KiB: what SQLite itself takes."""

_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

_BROKEN = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
"""Errors after which to open the file anew; not SQLITE_FULL, since opening it takes room for the WAL's index, and
whoever has the file open goes on reading."""


class _Writes(Exception):
    """A unit that was run as a reader wants to write."""


def translate(error: Exception) -> StoreError:
    """The StoreError for an exception of the driver, without the driver's words."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _UNIQUE:
        return taken(str(error).rpartition(": ")[2].partition(".")[0])
    match code & 0xFF:  # the primary code of an extended one
        case passing if passing in _PASSING:
            return StoreUnavailable("the database is locked by another process")
        case sqlite3.SQLITE_FULL:
            return StoreUnavailable("the disk of the database is full")
        case broken if broken in _BROKEN:
            return StoreUnavailable("the database file cannot be used")
        case sqlite3.SQLITE_CONSTRAINT:
            return StoreError("the store refuses a row that contradicts others")
    return StoreError("the store refuses a statement or a value")


def is_broken(error: BaseException) -> bool:
    """Whether the file is to be opened anew after this error, before the next unit."""
    return _code(error) in _BROKEN


def is_locked(error: BaseException) -> bool:
    """Whether another process, which writes, was waited for in vain."""
    return _code(error) in _PASSING


def _code(error: BaseException) -> int:
    """SQLite's primary code of the driver's exception that an error is for; 0 for none."""
    return int(getattr(error.__cause__, "sqlite_errorcode", 0)) & 0xFF


class SQLiteFile:
    """One database file.  `published` is called after the commit of a unit that published a change."""

    def __init__(
        self, path: str, *, create: bool = True, published: Callable[[], None] = lambda: None, cache: int = CACHE
    ) -> None:
        """cache: KiB of pages that are kept in memory at most."""
        self.path = path
        self._cache = cache
        self._create = create
        self._published = published
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._checked = False
        self._patience = BUSY_SECONDS
        self._in_vain = 0.0
        """When a writer last waited in vain."""

    def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the files that were applied.  Raises: SchemaError."""
        with self._guarded():
            if self._create:
                self._make()
            names = self._run(self._open(), upgrade, SQLITE, shipped(), int(time.time()))
            self._checked = True
        return names

    def check(self) -> None:
        """Check the schema.  Raises: SchemaError when it is not this program's."""
        with self._guarded():
            self._present()

    def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one unit as one transaction.  Raises: StoreError; SchemaError when the schema is not this program's."""
        with self._guarded():
            return self._run(self._present(), unit, *args, **kwargs)

    def close(self) -> None:
        """Close the connection, if it is open; the next unit opens the file again."""
        connection, self._connection = self._connection, None
        self._checked = False
        if connection is not None:
            connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Close the connection after an error that broke it, so that the next unit finds the file as it is by then."""
        try:
            yield
        except StoreError as error:
            if is_broken(error):
                self.close()
            raise

    def _present(self) -> sqlite3.Connection:
        """The connection to what is at the path now, its schema checked."""
        if self._connection is not None and self._inode != _inode(self.path):
            self.close()
        connection = self._open()
        if not self._checked:
            self._run(connection, check, SQLITE, shipped())
            self._checked = True
        return connection

    def _make(self) -> None:
        # O_EXCL: to open and close a file that is there would drop this process's locks on it.
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreUnavailable(f"{self.path} cannot be made: {error.strerror}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._inode = _inode(self.path)
            if self._inode is None:
                raise StoreUnavailable(f"there is no database at {self.path}: `meshd migrate` makes one")
            self._connection = _connect(self.path, self._cache)
            self._patience = BUSY_SECONDS
        return self._connection

    def _run(
        self, connection: sqlite3.Connection, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit as a reader, which waits for nobody, until it wants to write; then from its start as a writer."""
        try:
            with _transaction(connection, "begin"):
                return drive(unit(*args, **kwargs), reader(connection))
        except _Writes:
            pass
        writer = _Writer(connection)
        if time.monotonic() - self._in_vain > BUSY_SECONDS:
            self._wait(connection, BUSY_SECONDS)
        with self._turn(connection), _transaction(connection, "begin immediate"):
            self._wait(connection, BUSY_SECONDS)
            result = drive(unit(*args, **kwargs), writer)
        if writer.published:
            self._published()
        return result

    @contextmanager
    def _turn(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Let those who come after a writer that has waited in vain not wait as long."""
        try:
            yield
        except StoreUnavailable as error:
            if is_locked(error):
                self._wait(connection, min(IN_VAIN_SECONDS, BUSY_SECONDS))
                self._in_vain = time.monotonic()
            raise

    def _wait(self, connection: sqlite3.Connection, seconds: float) -> None:
        if self._patience != seconds:
            execute(connection, f"pragma busy_timeout = {int(seconds * 1000)}")
            self._patience = seconds


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Commit at the end, roll back on an exception."""
    execute(connection, begin)
    try:
        yield
        execute(connection, "commit")
    finally:
        if connection.in_transaction:
            execute(connection, "rollback")


def execute(connection: sqlite3.Connection, sql: str, params: Any = ()) -> list[Row]:
    """Execute one statement and give all its rows.  Raises: StoreError."""
    try:
        return connection.execute(sql, params).fetchall()
    except (sqlite3.Error, OverflowError, ValueError) as error:
        raise translate(error) from error


def _execute(connection: sqlite3.Connection, statement: Statement) -> list[Row]:
    sql, names = sqlite_text(statement.sql)
    params = statement.params
    return execute(connection, sql, [params[name] for name in names])


def reader(connection: sqlite3.Connection) -> Callable[[Statement], list[Row]]:
    """A function that executes statements that only read.  Raises: StoreError, and _Writes for other statements."""

    def read(statement: Statement) -> list[Row]:
        if not only_reads(statement.sql):
            raise _Writes
        return _execute(connection, statement)

    return read


class _Writer:
    """Executes statements and notices a published change."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.published = False

    def __call__(self, statement: Statement) -> list[Row]:
        self.published = self.published or statement.sql is PUBLISH
        return _execute(self._connection, statement)


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(path: str, cache: int) -> sqlite3.Connection:
    # mode=rw: a file that vanished meanwhile is not made again, empty.
    try:
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS, cached_statements=512
        )
    except sqlite3.Error as error:
        raise translate(error) from error
    try:
        _set_up(connection, cache)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, cache: int) -> None:
    for pragma in (*PRAGMAS, f"cache_size = -{cache}"):
        execute(connection, f"pragma {pragma}")
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            execute(connection, "pragma journal_mode = wal")
        except StoreUnavailable:
            # The change to WAL does not wait for other processes that open the same new file.
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
