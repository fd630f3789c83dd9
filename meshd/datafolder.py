"""Whether what meshd keeps is its own: the data folder, and the files that it writes to, before anything is touched.

What is only open to others is closed, and that is said.  What others could have put there, or could still change, is
refused with the reason: a folder or a file of another user, a link in the place of a file, a second name of one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from twisted.logger import Logger

from meshd.pidfile import PID_FILE
from meshd.store import url as urls

JOURNALS = "journal"

STORE = "meshd.sqlite3"
WRITTEN = (PID_FILE, "exchanges.log", "requests.log")
"""Names in the folder that meshd writes to, besides the store's."""
READ = ("cert.pem", "key.pem")
"""Names that it makes once and reads from then on; their modes are a matter of the settings."""
BESIDE_A_STORE = ("", "-wal", "-shm", "-journal")
DATABASE = b"SQLite format 3\0"
"""What the file of a store begins with."""

_log = Logger()


class Unsafe(OSError):
    """It is not ours alone, and not ours to mend; one line that says what to do."""


def secure(folder: Path, store_url: str) -> None:
    """Unsafe.  A folder or a file that is not there yet is no fault."""
    for above in _above(folder):
        if fault := shared(above.stat()):
            raise Unsafe(f"{above}, in which the data folder {folder} is, {fault}")
    if folder.is_symlink() and (owner := folder.lstat().st_uid) not in (0, os.geteuid()):
        raise Unsafe(f"data folder {folder} is a symbolic link of user {owner}: take another name")
    if folder.exists():
        _secure_folder(folder, kept=_kept(folder))
        _secure_journals(folder / JOURNALS)
    for name in WRITTEN:
        _secure_file(folder / name, written=True)
    for name in READ:
        _secure_file(folder / name, written=False)
    for path in {folder / STORE, _store(store_url) or folder / STORE}:
        _secure_store(path)


def _store(url: str) -> Path | None:
    """The file of an SQLite store."""
    target = urls.read(url)
    return Path(target.path) if isinstance(target, urls.SQLiteURL) else None


# Decisions


def shared(status: os.stat_result) -> str:
    """What is wrong with a folder above ours: others could put another in our folder's place."""
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        return "can be written to by everybody: take another place, or chmod o-w"
    return ""


def foreign_folder(status: os.stat_result, me: int, kept: Sequence[str]) -> str:
    """What is wrong with the folder itself that is not ours to mend.  kept: what is in it beside meshd's own."""
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
    """What is wrong with a file that is not ours to mend."""
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


def _above(folder: Path) -> Iterator[Path]:
    """Every folder above it that is there, by the names given and by those that links lead to."""
    for path in {*folder.absolute().parents, *folder.resolve().parents}:
        if path.exists():
            yield path


def _kept(folder: Path) -> list[str]:
    """Some of what is in the folder, where nothing says that it is meshd's."""
    found = {path.name for path in folder.iterdir()}
    marks = {PID_FILE, JOURNALS, STORE}
    return [] if found & marks else sorted(found)[:3]


def _secure_folder(folder: Path, kept: Sequence[str]) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        status = os.fstat(descriptor)
        if fault := foreign_folder(status, os.geteuid(), kept):
            raise Unsafe(f"data folder {folder} {fault}")
        _close_to_others(descriptor, folder, status, 0o700)
    finally:
        os.close(descriptor)


def _secure_journals(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Unsafe(f"{folder} is no folder: remove it")
    if not folder.exists():
        return
    _secure_folder(folder, kept=())
    for path in folder.iterdir():
        status = path.lstat()
        # What is none of ours is set aside when journals are looked for.
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            _close_file(path)


def _secure_store(path: Path) -> None:
    """With what SQLite puts beside it.  A file that is no database is left alone: it is refused later."""
    for each in (Path(f"{path}{end}") for end in BESIDE_A_STORE):
        _check_file(each, written=True)
    if _is_database(path):
        for each in (Path(f"{path}{end}") for end in BESIDE_A_STORE):
            if each.exists():
                _close_file(each)


def _is_database(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(DATABASE)) == DATABASE


def _secure_file(path: Path, *, written: bool) -> None:
    _check_file(path, written=written)
    if written and path.exists():
        _close_file(path)


def _check_file(path: Path, *, written: bool) -> None:
    if not os.path.lexists(path):
        return
    if fault := foreign_file(path.lstat(), os.geteuid(), written=written):
        raise Unsafe(f"{path} {fault}")


def _close_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        _close_to_others(descriptor, path, os.fstat(descriptor), 0o600)
    finally:
        os.close(descriptor)


def _close_to_others(descriptor: int, path: Path, status: os.stat_result, mode: int) -> None:
    was = stat.S_IMODE(status.st_mode)
    if was & 0o077:
        os.fchmod(descriptor, mode)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise Unsafe(f"{path} is open to others (mode {was:04o}), and this file system keeps it so")
        modes = {"was": f"{was:04o}", "now": f"{mode:04o}"}
        _log.warn("{path} was open to others (mode {was}) and is {now} now", path=str(path), **modes)
