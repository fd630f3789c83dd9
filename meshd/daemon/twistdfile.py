"""twistd's own pid file, where `--pidfile` asks for one: twistd writes it at its start and removes it at its end.

A process that takes over from another writes it when it does; then the other one is not to remove it any more.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.logger import Logger

TWISTDS_OWN = "twistd.pid"
"""The pid file that twistd would write in the working directory, unasked."""
_KEY = "pidfile"

log = Logger()


class TwistdFile:
    """What twistd's options say of it, which twistd reads whenever it does something with the file."""

    def __init__(self, options: MutableMapping[str, Any], *, succeeding: bool) -> None:
        """Have the file written where it is asked for: meshd has its own, locked, in the data folder.

        A file with our own number is of an earlier process with that number, as in a container, and is deleted.
        succeeding: whether another process has the file still.
        """
        self._options = options
        path = options.get(_KEY) or ""
        self._path = "" if path == TWISTDS_OWN else path
        if succeeding or not self._path:
            options[_KEY] = ""
        else:
            _forget_namesake(Path(self._path))

    def claim(self) -> None:
        """Write this process's number, and let twistd remove the file at the end."""
        if not self._path:
            return
        try:
            Path(self._path).write_bytes(b"%d" % os.getpid())
        except OSError as error:
            log.warn("{path} holds the number of a process that ends: {error}", path=self._path, error=error.strerror)
        else:
            self._options[_KEY] = self._path

    def leave(self) -> None:
        """Let the file be another process's."""
        self._options[_KEY] = ""


def _forget_namesake(path: Path) -> None:
    with suppress(OSError):
        if path.read_text("ascii", "replace").strip() == str(os.getpid()):
            path.unlink()
