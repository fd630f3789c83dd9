"""A file that whole lines are appended to: what is torn, by a full disk or a death, never runs into the next line."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

TRIES = 1_000
"""To have the lock, of about a microsecond each: as long as many a write takes, and no longer, as everybody waits."""


class LineFile:
    """A file of lines, opened when it is needed, and anew after a failure.

    Other processes may append to it in the same way: the file is locked for each write, as long as that takes.

    With the path "" there is no file, and every line counts as written.  An outage is told once when it begins
    (`failed`), and once when it is over (`healed`).
    """

    def __init__(self, path: str, failed: Callable[[OSError], None], healed: Callable[[], None]) -> None:
        self.path = path
        self.failing = False
        self._told_failed = failed
        self._told_healed = healed
        self._fd = -1

    def open(self) -> None:
        """Open the file at a start, so that a wrong path is said then and not later.  Raises: OSError."""
        if self.path and self._fd < 0:
            self._fd = _open(self.path)

    def reopen(self) -> None:
        """Begin a new file, since this one was moved away, as log rotation does."""
        self.close()
        with suppress(OSError):
            self.open()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def append(self, lines: bytes, noted: Callable[[int, int, int], None] | None = None) -> int:
        """Append whole lines; how many of them, from the first on, are in the file now.

        noted: called with device, inode and size of the file before the lines are written.
        """
        try:
            whole = self._append(lines, noted)
        except OSError as error:
            self._failed(error)
            return 0
        if whole < len(lines):
            self._failed(OSError("only a part was written"))
        elif self.failing:
            self.failing = False
            self._told_healed()
        return lines.count(b"\n", 0, whole)

    def _append(self, lines: bytes, noted: Callable[[int, int, int], None] | None) -> int:
        """Append the lines; how many bytes of them, all whole lines, are in the file now.  Raises: OSError."""
        if not self.path:
            return len(lines)
        self.open()
        with _locked(self._fd):
            return self._append_alone(lines, noted)

    def _append_alone(self, lines: bytes, noted: Callable[[int, int, int], None] | None) -> int:
        status = os.fstat(self._fd)
        if noted is not None:
            noted(status.st_dev, status.st_ino, status.st_size)
        start = b"\n" if status.st_size and os.pread(self._fd, 1, status.st_size - 1) != b"\n" else b""
        written = max(0, os.write(self._fd, start + lines) - len(start))
        whole = lines.rfind(b"\n", 0, written) + 1
        if written > whole:
            with suppress(OSError):
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - (written - whole))
        return whole

    def _failed(self, error: OSError) -> None:
        self.close()
        if not self.failing:
            self.failing = True
            self._told_failed(error)


@contextmanager
def _locked(fd: int) -> Iterator[None]:
    """Let no other process that asks append meanwhile, for as long as a write takes; where the file system has no
    locks, or somebody holds one for longer, nobody is kept off: whole lines are written at the end all the same.
    """
    for _ in range(TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.sched_yield()
        except OSError:
            break
        else:
            break
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)


def _open(path: str) -> int:
    """Open for appending; follow a symbolic link only of root or this user, as `/dev/stdout`.  Raises: OSError."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    try:
        return os.open(path, flags | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP or os.lstat(path).st_uid not in (0, os.geteuid()):
            raise
    return os.open(path, flags, 0o600)
