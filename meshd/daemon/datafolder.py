"""Whether the data folder, and the files that meshd writes to, are meshd's alone, checked before anything is touched.

A mode that lets others read is changed, and that is logged.  What others could have put there, or could still change,
is refused with the reason: a folder or a file of another user, a link in the place of a file, a second name of one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from twisted.logger import Logger

from meshd.daemon.pidfile import PID_FILE
from meshd.store.url import sqlite_file

JOURNALS = "journal"

STORE = "meshd.sqlite3"
WRITTEN = (PID_FILE, "exchanges.log", "requests.log", "changes.log")
"""Names of files in the folder that meshd writes to, besides the store's."""
READ = ("cert.pem", "key.pem", "secrets.key")
"""Names of files that meshd makes once and then reads; the settings are checked for their modes."""
BESIDE_A_STORE = ("", "-wal", "-shm", "-journal")
DATABASE = b"SQLite format 3\0"
"""The first bytes of a store's file."""

_log = Logger()


class Unsafe(OSError):
    """A folder or file is not meshd's alone, and meshd cannot mend that; one line that says what to do."""


def secure(folder: Path, store_url: str, told: Callable[[str, str, str], None] | None = None) -> None:
    """Take from others what they may do with the folder and its files, where these exist.

    told: called with path, old mode and new mode of what is changed; by default the log is told.
    Raises: Unsafe, and then nothing has changed; OSError.
    """
    told = told or _tell
    stores = {folder / STORE, sqlite_file(store_url) or folder / STORE}
    _check(folder, stores)
    for inside in (folder, folder / JOURNALS):
        if inside.exists():
            _close(inside, 0o700, told)
    _check(folder, stores)  # once more: until a moment ago others may have been able to change it
    for path in _files(folder, stores):
        _close(path, 0o600, told)


def _tell(path: str, was: str, now: str) -> None:
    _log.warn("{path} was open to others (mode {was}) and is {now} now", path=path, was=was, now=now)


# Decisions


def shared(status: os.stat_result) -> str:
    """What is wrong with a folder above the data folder, "" for nothing: others could exchange the data folder."""
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        return "can be written to by everybody: take another place, or chmod o-w"
    return ""


def foreign_folder(status: os.stat_result, me: int, kept: Sequence[str]) -> str:
    """What is wrong with the data folder that meshd cannot mend, "" for nothing.  kept: names in it not meshd's."""
    if status.st_uid != me:
        return f"belongs to user {status.st_uid}, and this is user {me}: run meshd as its owner, or with a new folder"
    if not stat.S_IMODE(status.st_mode) & 0o077:
        return ""
    mode = f"is open to others (mode {stat.S_IMODE(status.st_mode):04o})"
    if status.st_mode & stat.S_ISVTX:
        return f"{mode} and shared by intention: give meshd a folder of its own"
    if kept:
        return f"{mode} and holds other things ({', '.join(kept)}): chmod 700, or give meshd a folder of its own"
    return ""


def foreign_file(status: os.stat_result, me: int, *, written: bool) -> str:
    """What is wrong with a file that meshd cannot mend, "" for nothing.  written: whether meshd writes to the file."""
    if stat.S_ISLNK(status.st_mode):
        if written:
            return "is a symbolic link, and would be written to: remove it; settings may name another place"
        return "" if status.st_uid in (0, me) else f"is a symbolic link of user {status.st_uid}: remove it"
    if not stat.S_ISREG(status.st_mode):
        return "is no file: remove it"
    if status.st_uid != me and (written or status.st_uid):
        return f"belongs to user {status.st_uid}, and this is user {me}: give it to the user that meshd runs as (chown)"
    if written and status.st_nlink > 1:
        return "has a second name (a hard link), and would be written to: copy it, and put the copy in its place"
    return ""


# What is done about them


def _check(folder: Path, stores: Iterable[Path]) -> None:
    me = os.geteuid()
    for each in above(folder):
        if fault := shared(each.stat()):
            raise Unsafe(f"{each}, in which the data folder {folder} is, {fault}")
    if folder.is_symlink() and (owner := folder.lstat().st_uid) not in (0, me):
        raise Unsafe(f"data folder {folder} is a symbolic link of user {owner}: take another name")
    journals = folder / JOURNALS
    if journals.is_symlink() or (journals.exists() and not journals.is_dir()):
        raise Unsafe(f"{journals} is no folder: remove it")
    for inside, names in ((folder, kept(folder)), (journals, [])):
        if inside.exists() and (fault := foreign_folder(inside.stat(), me, names)):
            raise Unsafe(f"data folder {inside} {fault}")
    written = [folder / name for name in WRITTEN] + [each for store in stores for each in _with_beside(store)]
    for path in sorted(written) + [folder / name for name in READ]:
        if os.path.lexists(path) and (fault := foreign_file(path.lstat(), me, written=path in written)):
            raise Unsafe(f"{path} {fault}")


def above(folder: Path) -> Iterator[Path]:
    """Each existing folder above a folder, by the names given and by the names that links lead to."""
    for path in {*folder.absolute().parents, *folder.resolve().parents}:
        if path.exists():
            yield path


def kept(folder: Path) -> list[str]:
    """The first names in a folder in which nothing shows that it is meshd's; none where something does."""
    found = set(os.listdir(folder)) if folder.is_dir() else set()
    return [] if found & {JOURNALS, STORE, *WRITTEN} else sorted(found)[:3]


def _files(folder: Path, stores: Iterable[Path]) -> Iterator[Path]:
    """Files that exist and that nobody else may read."""
    yield from (folder / name for name in WRITTEN if (folder / name).exists())
    for store in stores:
        if _is_database(store):  # another file is somebody's: it is refused as a store, and left alone
            yield from (each for each in _with_beside(store) if each.exists())
    for path in (folder / JOURNALS).iterdir() if (folder / JOURNALS).exists() else ():
        status = path.lstat()
        # What is none of ours is set aside when journals are looked for.
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            yield path


def _with_beside(store: Path) -> list[Path]:
    return [Path(f"{store}{end}") for end in BESIDE_A_STORE]


def _is_database(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(DATABASE)) == DATABASE


def _close(path: Path, mode: int, told: Callable[[str, str, str], None]) -> None:
    """Give a file or folder the mode, where others may do anything with it.  Raises: Unsafe, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK if mode == 0o600 else os.O_RDONLY)
    try:
        was = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if not was & 0o077:
            return
        os.fchmod(descriptor, mode)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise Unsafe(f"{path} is open to others (mode {was:04o}), and this file system keeps it so")
        told(str(path), f"{was:04o}", f"{mode:04o}")
    finally:
        os.close(descriptor)


def made(path: Path) -> Path:
    """A folder within the data folder, which is made where it is not there.  Raises: OSError."""
    path.mkdir(mode=0o700, exist_ok=True)
    return path
