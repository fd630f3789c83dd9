"""The data folder's owner: a file with the process id, locked for as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

PID_FILE = "meshd.pid"


class FolderInUse(Exception):
    """Another daemon works in this data folder."""


class PidFile:
    """The locked file, taken before anything in the folder is touched.  The lock survives going to the background."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.  Raises: FolderInUse, OSError."""
        self._path = folder / PID_FILE
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._fd, 32).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise FolderInUse(f"data folder {folder} is in use by process {owner}") from None

    @classmethod
    def inherited(cls, folder: Path, descriptor: int) -> PidFile:
        """The file that another process has locked and handed on; the lock is that of both.  Raises: FolderInUse."""
        self = cls.__new__(cls)
        self._path, self._fd = folder / PID_FILE, descriptor
        os.set_inheritable(descriptor, False)
        try:
            same = os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            same = False
        if not same:
            raise FolderInUse(f"data folder {folder} is not the one that was handed on: that takes a stop and a start")
        return self

    @property
    def descriptor(self) -> int:
        """Of the locked file, for the process that is to take over."""
        return self._fd

    def write(self) -> None:
        """Write the present process id; whoever reads meanwhile finds that one or this one."""
        text = f"{os.getpid()}\n".encode("ascii")
        os.pwrite(self._fd, text.ljust(os.fstat(self._fd).st_size, b"\n"), 0)
        os.ftruncate(self._fd, len(text))

    def leave(self) -> None:
        """Let go of the file, which another process has too."""
        os.close(self._fd)

    def release(self) -> None:
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
