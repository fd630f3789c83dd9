"""What a process was started with: its settings, its sockets, and who started it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from meshd.config import Config, load, outside
from meshd.config.endpoints import parsed
from meshd.daemon.assembly import Daemon
from meshd.daemon.handover import Handover
from meshd.daemon.heartbeat import watchdog
from meshd.daemon.inherited import Inherited
from meshd.daemon.keeping import named
from meshd.daemon.notices import Notices
from meshd.daemon.predecessor import Predecessor
from meshd.daemon.preparation import Prepared, prepare
from meshd.daemon.runfile import Running
from meshd.daemon.succession import Command


class Start:
    """Takes out of the environment what is for this process alone."""

    config: Config
    """As it was read by `prepare`."""
    predecessor: Predecessor | None = None
    """The process in whose place this one is to serve."""

    def __init__(self, environ: MutableMapping[str, str], flags: Mapping[str, object], reactor: Any) -> None:
        """environ: the process's own; flags: as `load` takes them."""
        self._environ = environ
        self._flags = flags
        self._reactor = reactor
        self._cwd = Path.cwd()
        self.command = Command.own(environ)
        self.notices = Notices.take(environ, reactor)
        self._watchdog = watchdog(environ, os.getpid())
        self._handed_over = Inherited.take(environ)

    def prepare(self, hold: Callable[[], None]) -> Prepared:
        """Read the settings, and prepare what can be before the event loop runs.  hold, and errors: as `prepare`'s."""
        self.predecessor = before = Predecessor.take(self._environ)
        if before is not None:
            self._handed_over = before.handed_over
        self.given = dict(self._environ)
        self.config = config = self._read()
        self._handed_over.keep(named(parsed(text) for _, text in config.listeners))
        return prepare(config, self._handed_over, hold, lock=before.lock if before is not None else None)

    @property
    def running(self) -> Running:
        """What the run file is to tell."""
        outsides = outside(self._flags, self.given)
        return Running(os.getpid(), str(self._cwd), str(self.config.file or ""), outsides, restarts=0)

    def daemon(self) -> Daemon:
        """Raises: StoreError, OSError."""
        parts = self._reactor, self.config, self._read, time.time, self._handed_over
        return Daemon(*parts, self.notices, self._watchdog, Handover(self.predecessor))

    def failed(self, why: str) -> None:
        """Tell the process before this one, where there is one, that it has to go on."""
        if self.predecessor is not None:
            self.predecessor.failed(why)

    def _read(self) -> Config:
        return load(self._flags, self.given, cwd=self._cwd)
