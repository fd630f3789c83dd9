"""Journal files: made whole, owned by a lock that ends with its process, found when that process is dead.

The lock of the directory is held while a file is made or looked for, so that nobody takes one that is not locked yet.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from twisted.logger import Logger

MAGIC = int.from_bytes(b"meshdj01", "little")
"""The first word; its last digits are the version of the layout."""
WORD = 8
HEADER = 512
"""Words; one page."""
WORDS_A_SLOT = 19

_log = Logger()


@dataclass(frozen=True, slots=True)
class JournalFile:
    path: Path
    fd: int
    words: memoryview[int]

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let another process have it.  The memory stays mapped for whoever still counts in it."""
        # The mapping has a descriptor of its own, which would keep the lock.
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        os.close(self.fd)


def create(directory: Path, slots: int, random: Callable[[int], bytes]) -> JournalFile:
    """A new file with a new identity.  Its space is reserved: a full disk is an OSError here, no SIGBUS later."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = random(8)
    path = directory / f"{int.from_bytes(name, 'little'):016x}.journal"
    with _locked(directory):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(fd, 0, (HEADER + slots * WORDS_A_SLOT) * WORD)
            file = _mapped(path, fd)
        except OSError:
            path.unlink()
            os.close(fd)
            raise
        file.words[1], file.words[2] = slots, int.from_bytes(name, "little")
        # Last: a file without it was never counted in.
        file.words[0] = MAGIC
    return file


def locked_orphans(directory: Path) -> list[JournalFile]:
    """Files whose lock no living process holds, now locked by this one.  Unreadable ones are set aside and logged."""
    if not directory.is_dir():
        return []
    with _locked(directory):
        found = [_take(path) for path in sorted(directory.glob("*.journal"))]
    return [file for file in found if file is not None]


def _take(path: Path) -> JournalFile | None:
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None  # its owner ended well
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    file = _whole(path, fd)
    if file is None:
        os.close(fd)
    return file


def _whole(path: Path, fd: int) -> JournalFile | None:
    if os.fstat(fd).st_size < HEADER * WORD:
        _set_aside(path, fd)
        return None
    file = _mapped(path, fd)
    if file.words[0] == 0:
        path.unlink(missing_ok=True)  # its process died while making it
        return None
    if file.words[0] != MAGIC or len(file.words) != HEADER + file.words[1] * WORDS_A_SLOT:
        _set_aside(path, fd)
        return None
    return file


def _set_aside(path: Path, fd: int) -> None:
    if os.fstat(fd).st_size == 0:
        path.unlink(missing_ok=True)  # its process died before it had room
        return
    _log.critical("journal {path} is damaged or of another version; kept as {path}.damaged", path=str(path))
    path.rename(path.with_suffix(".journal.damaged"))


def _mapped(path: Path, fd: int) -> JournalFile:
    return JournalFile(path, fd, memoryview(mmap.mmap(fd, 0)).cast("Q"))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
