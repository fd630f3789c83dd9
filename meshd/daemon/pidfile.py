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

    def write(self) -> None:
        """Write the present process id."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
