"""Backing a store up to one file, and restoring it: a file of `pg_dump`'s for PostgreSQL, a database for SQLite.

Nothing is ever written over: a backup takes its name when it is whole, and what a restore replaces is kept.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshd.store import url as urls
from meshd.store.interface import StoreError
from meshd.store.postgres import backup as postgres_backup
from meshd.store.sqlite import backup as sqlite_backup

IDS_APART = 1_000_000
"""By how much a restore moves ids on: an id that was given after the backup, which a journal may yet bill, is not
given again."""


def back_up(store_url: str, file: Path) -> int:
    """Write the store, in use perhaps, as of one moment, to a new file that nobody else can read; its size in bytes.
    Raises: StoreError, also where the file is there already.
    """
    if os.path.lexists(file):
        raise StoreError(f"{file} is there already, and is not written over")
    try:
        with _draft(file) as draft:
            match urls.read(store_url):
                case urls.SQLiteURL(path):
                    sqlite_backup.back_up(path, draft)
                case urls.PostgresURL() as target:
                    postgres_backup.back_up(target, draft)
            size = draft.stat().st_size
            _place(draft, file)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror or error}") from error
    return size


def restore(store_url: str, file: Path, *, stamp: str) -> Path | None:
    """Put the store of a backup in the place of what is there; the path that keeps what was there, None for nothing.

    Nobody may be using the store.  stamp: ends the name of what is kept.
    Raises: StoreError, and then nothing has changed: where the file is no backup of this kind of store, is damaged, or
    comes from a newer meshd; where somebody has the SQLite store open, or the PostgreSQL database is not empty.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(16)
        match urls.read(store_url):
            case urls.SQLiteURL(path):
                _check_kind(file, head, sqlite_backup.HEAD, postgres_backup.HEAD)
                with _draft(Path(path)) as draft:
                    kept = sqlite_backup.restore(Path(path), file, draft, apart=IDS_APART, stamp=stamp)
                _sync_folder(Path(path).parent)
                return kept
            case urls.PostgresURL() as target:
                _check_kind(file, head, postgres_backup.HEAD, sqlite_backup.HEAD)
                postgres_backup.restore(target, file.absolute(), apart=IDS_APART)
                return None
    except OSError as error:
        raise StoreError(f"{error.filename or file}: {error.strerror or error}") from error


def _check_kind(file: Path, head: bytes, wanted: bytes, other: bytes) -> None:
    if head.startswith(other):
        raise StoreError(f"{file} is a backup of the other kind of store: name a store of that kind in store.url")
    if not head.startswith(wanted):
        raise StoreError(f"{file} is no backup of meshd's")


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """Make an empty file beside `file`, of mode 0600; it is gone afterwards, unless it was given another name."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield draft
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            draft.with_name(f"{draft.name}{end}").unlink(missing_ok=True)


def _place(draft: Path, file: Path) -> None:
    """Give the draft its name, unless somebody else has taken that name meanwhile.  Raises: FileExistsError."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    try:
        os.link(draft, file)  # unlike a rename, fails where the name is taken
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(draft, file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """Write the folder to the disk, so that a new name in it survives the loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # not every file system can
        os.fsync(descriptor)
    os.close(descriptor)
