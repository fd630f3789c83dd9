"""Journal files: made whole, owned by a lock that ends with its process, found when that process is dead.

The lock of the directory is held while a file is made or looked for, so that nobody takes one that is not locked yet.
What is found is read first and mapped only where it is sound: a page that the disk has lost is an error to a reader,
and the end of a process that has it mapped.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import stat
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from twisted.logger import Logger

from meshd.usage.header import MISSING, MOST_SLOTS, facts, is_unused, settle_header
from meshd.usage.layout import (
    CHECKED_ACKED,
    CHECKED_COPIED,
    CHECKED_SEALED,
    CHECKED_SLOTS,
    CHECKED_TOP,
    ID_AGAIN,
    ID_AT,
    MAGIC,
    SLOTS_AT,
    WORD,
    Layout,
    checked,
)
from meshd.usage.salvage import Salvage

LARGEST = 2 * Layout(MOST_SLOTS).words * WORD
"""Bytes: more is not read into memory, whatever its name says it is."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class JournalFile:
    path: Path
    fd: int
    words: memoryview[int]
    """The file itself, in mapped memory; of a damaged one what can be read of it, in memory of its own."""
    salvage: Salvage | None = None
    """Of a damaged one, which is never written to."""

    def remove(self) -> bool:
        """It is settled.  Whether it is gone: a damaged one is kept under another name."""
        if self.salvage is None:
            self.path.unlink(missing_ok=True)
        else:
            _set_aside(self.path, _lost(self.salvage.unread))
        self.release()
        return self.salvage is None

    def release(self) -> None:
        """Let another process have it.  The memory stays mapped for whoever still counts in it."""
        # The mapping has a descriptor of its own, which would keep the lock.
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        os.close(self.fd)


def create(directory: Path, slots: int, random: Callable[[int], bytes]) -> JournalFile:
    """A new file with a new identity.  Its space is reserved: a full disk is an OSError here, no SIGBUS later."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    id_ = int.from_bytes(random(8), "little")
    path = directory / _name(id_)
    with _locked(directory):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(fd, 0, Layout(slots).words * WORD)
            words = _mapped(fd)
        except OSError:
            path.unlink()
            os.close(fd)
            raise
        words[SLOTS_AT], words[ID_AT] = slots, id_
        words[CHECKED_SLOTS], words[ID_AGAIN] = checked(slots), MISSING - id_
        for at in (CHECKED_SEALED, CHECKED_ACKED, CHECKED_TOP, CHECKED_COPIED, CHECKED_COPIED + 1):
            words[at] = checked(0)
        # Last: a file without it was never counted in.
        words[0] = MAGIC
    return JournalFile(path, fd, words)


def locked_orphans(directory: Path, now: int) -> list[JournalFile]:
    """Files whose lock no living process holds, now locked by this one.  What is no journal is set aside and logged."""
    if not directory.is_dir():
        return []
    with _locked(directory):
        found = [_take(path, now) for path in sorted(directory.glob("*.journal"))]
    return [file for file in found if file is not None]


def _take(path: Path, now: int) -> JournalFile | None:
    try:
        # A pipe would not be opened otherwise before somebody writes to it.
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None  # its owner ended well
    except OSError as error:
        _set_aside(path, f"it cannot be opened ({error.strerror})")
        return None
    file = None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file = _read(path, fd, now)
    except BlockingIOError:
        pass  # its owner lives
    except OSError as error:
        _set_aside(path, f"it cannot be read ({error.strerror})")
    finally:
        if file is None:
            os.close(fd)
    return file


def _read(path: Path, fd: int, now: int) -> JournalFile | None:
    status = os.fstat(fd)
    if fault := _foreign(status):
        _set_aside(path, fault)
        return None
    data = _content(fd, status.st_size)
    whole = len(data) // WORD * WORD
    words = array("Q", data[:whole])
    if is_unused(words) and not any(data[whole:]):
        path.unlink(missing_ok=True)
        return None
    known = facts(words, len(data), path.name)
    if known is None:
        _set_aside(path, "it is of another version, or nothing of it can be read")
        return None
    own = path.with_name(_name(known.id))
    if own != path and own.exists():
        _set_aside(path, f"it is a copy of {own.name}")
        return None
    salvage = Salvage(words, known, now)
    if not salvage.sound:
        return JournalFile(path, fd, memoryview(salvage.words), salvage)
    mapped = _mapped(fd)
    settle_header(mapped, known, now)
    return JournalFile(path, fd, mapped)


def _foreign(status: os.stat_result) -> str:
    """Why it is not read at all; "" where it is."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no file"
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    return "it is too large for a journal" if status.st_size > LARGEST else ""


def _content(fd: int, size: int) -> bytes:
    """All of it.  OSError, also where the disk has lost a part."""
    found = bytearray()
    while len(found) < size and (more := os.pread(fd, size - len(found), len(found))):
        found += more
    return bytes(found)


def _set_aside(path: Path, reason: str) -> None:
    """Keep it under another name, over no other file, and say so."""
    names = (path.with_name(f"{path.name}{number}.damaged") for number in ("", *(f".{n}" for n in range(2, 10_000))))
    kept = next(name for name in names if not os.path.lexists(name))
    try:
        path.rename(kept)
    except OSError as error:
        kept = path
        reason = f"{reason}; it cannot be renamed ({error.strerror})"
    _log.critical("journal {path} is damaged: {reason}; kept as {kept}", path=str(path), reason=reason, kept=str(kept))


def _lost(counts: int) -> str:
    if not counts:
        return "all that it counted can be read, and is billed"
    return f"at most {counts} of its counts cannot be read and are not billed, the rest is"


def _name(id_: int) -> str:
    return f"{id_:016x}.journal"


def _mapped(fd: int) -> memoryview[int]:
    return memoryview(mmap.mmap(fd, 0)).cast("Q")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
