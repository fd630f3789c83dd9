"""An SQLite store copied while it is in use, and put back in its place when nobody uses it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from meshd.store.dialect import SQLITE
from meshd.store.drive import drive
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.migrate import recognise, shipped
from meshd.store.sqlite.file import BUSY_SECONDS, execute, reader

HEAD = b"SQLite format 3\0"
"""What an SQLite file begins with."""

_BESIDE = ("-wal", "-shm", "-journal")


def back_up(path: str, draft: Path) -> None:
    """Copy the store at `path`, as it is at one moment, into the file `draft`.  Raises: StoreError, SchemaError."""
    if not os.path.exists(path):
        raise StoreUnavailable(f"there is no store at {path}")
    with _opened(path) as source, _opened(str(draft)) as target:
        drive(recognise(SQLITE, shipped()), reader(source))
        with _translated(str(draft)):
            # All pages in one step: the copy is of one moment, which no writer disturbs, and no writer has to wait.
            source.backup(target)
        # Out of WAL mode, the copy is one file that is whole by itself.
        execute(target, "pragma journal_mode = delete")
        _check_whole(target, "the copy")


def restore(path: Path, file: Path, draft: Path, *, apart: int, stamp: str) -> Path | None:
    """Put the backup `file`, by way of `draft`, in the place of the store at `path`; the path that keeps that store.

    apart: by how much ids are moved on.  stamp: ends the name of what is kept.
    Raises: StoreError, SchemaError, OSError.
    """
    if path.exists() and os.path.samefile(path, file):
        raise StoreError(f"{file} is the store itself")
    for end in _BESIDE:
        if os.path.lexists(f"{file}{end}"):
            raise StoreError(f"{file} is a store in use, or was: `meshd backup` makes a file that is whole by itself")
    shutil.copyfile(file, draft)
    with _opened(str(draft)) as database:
        try:
            _check_whole(database, str(file))
            drive(recognise(SQLITE, shipped()), reader(database))
        except StoreUnavailable as error:
            raise StoreError(f"{file} is damaged: {error}") from error
        execute(database, "pragma journal_mode = delete")
        _move_on(database, apart)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    kept = _kept(path, stamp)
    os.replace(draft, path)
    return kept


def _kept(path: Path, stamp: str) -> Path | None:
    """Give the present store a second name, whole; it also stays in its place until the new store takes that."""
    if not path.exists():
        return None
    beside = [] if _is_one_file(path) else [end for end in _BESIDE if os.path.lexists(f"{path}{end}")]
    kept = _free_name(path, stamp)
    try:
        os.link(path, kept)
    except OSError:  # a file system without links
        os.rename(path, kept)
    kept.chmod(0o600)
    for end in beside:
        os.rename(f"{path}{end}", f"{kept}{end}")
    return kept


def _free_name(path: Path, stamp: str) -> Path:
    names = (path.with_name(f"{path.name}.replaced-{stamp}{more}") for more in ("", *(f"-{n}" for n in range(2, 100))))
    return next(name for name in names if not os.path.lexists(name))


def _move_on(database: sqlite3.Connection, apart: int) -> None:
    execute(database, "update sqlite_sequence set seq = seq + ?", (apart,))
    for table in ("accounts", "tokens"):
        execute(
            database,
            "insert into sqlite_sequence (name, seq) select :name, :apart"
            " where not exists (select 1 from sqlite_sequence where name = :name)",
            {"name": table, "apart": apart},
        )


def _is_one_file(path: Path) -> bool:
    """Bring WAL or journal into the file at `path`; False where damaged.  Raises: StoreError where it is in use."""
    with path.open("rb") as file:
        if file.read(len(HEAD)) != HEAD:
            return False
    try:
        with _opened(str(path)) as database:
            # Leaving WAL takes that nobody else has the file open.
            execute(database, "pragma journal_mode = delete")
    except StoreError as error:
        if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreError(f"{path} is in use by another process: stop it first") from error
        return False
    return True


def _check_whole(database: sqlite3.Connection, name: str) -> None:
    found = execute(database, "pragma integrity_check(1)")
    if found != [("ok",)]:
        raise StoreError(f"{name} is damaged: {found[0][0]}")
    if execute(database, "pragma foreign_key_check"):
        raise StoreError(f"{name} is damaged: rows point at others that are not there")


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    with _translated(path):
        database = sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    with closing(database):
        yield database


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
