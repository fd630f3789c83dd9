"""`twistd meshd`: options to Config to a running Daemon."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from meshd.assembly import Daemon
from meshd.config import Config, ConfigError, load
from meshd.inherited import Inherited
from meshd.pidfile import FolderInUse
from meshd.preparation import Prepared, announcement, prepare
from meshd.sockets import ListenError
from meshd.store.interface import StoreError
from meshd.tls import CertificateError

FAULTS = (ConfigError, ListenError, FolderInUse, StoreError, CertificateError, OSError)
"""What is the operator's to mend: said in one line."""


class Options(usage.Options):
    """Flags; each wins over the environment, the file and the default."""

    optParameters = [
        ["config", "c", None, "settings file (TOML)"],
        ["data-dir", "d", None, "folder for everything that is kept  [default: meshd-data]"],
        ["store", "s", None, "sqlite:///path or postgresql://user@host/database"],
    ]
    longdesc = "A proxy service with accounts.  Without any option it makes what it needs and says how to try it."

    def __init__(self) -> None:
        super().__init__()
        self["proxy"] = []
        self["api"] = []

    def opt_proxy(self, endpoint: str) -> None:
        """Endpoint of the first proxy, such as tcp:31280; may be repeated."""
        self["proxy"].append(endpoint)

    def opt_api(self, endpoint: str) -> None:
        """Endpoint of the API, such as tcp:8443; may be repeated."""
        self["api"].append(endpoint)

    def flags(self) -> dict[str, object]:
        """As `meshd.config.load` takes them."""
        return {name.replace("-", "_"): value for name, value in self.items() if value}


def makeService(options: Options) -> Service:
    """The daemon as twistd runs it; what the operator has to mend ends the process here, in one line, status 1."""
    from twisted.internet import reactor  # noqa: PLC0415  (installed by twistd only now)

    # Wall time stands still or jumps when a clock is set, and every timer with it.
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    handed_over = Inherited.found(os.environ)
    cwd = Path.cwd()
    environ = dict(os.environ)

    def read() -> Config:
        return load(options.flags(), environ, cwd=cwd)

    try:
        config = read()
        prepared = prepare(config, handed_over)
    except FAULTS as error:
        sys.stderr.write(f"meshd: {one_line(error)}\n")
        raise SystemExit(1) from None
    sys.stdout.write(announcement(config, prepared) + "\n")
    sys.stdout.flush()
    return MeshdService(reactor, config, prepared, read, handed_over)


def one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


class MeshdService(Service):
    """Owns the Daemon's two coroutines, and the signals."""

    log = Logger()
    name = "meshd"

    def __init__(
        self,
        reactor: Any,
        config: Config,
        prepared: Prepared,
        reload: Callable[[], Config],
        handed_over: Inherited,
    ) -> None:
        self._reactor = reactor
        self._config = config
        self._pid_file = prepared.pid_file
        self._reload = reload
        self._handed_over = handed_over
        self._daemon: Daemon | None = None
        self._starting: Deferred[None] | None = None
        self._reloads = DeferredLock()

    def startService(self) -> None:
        super().startService()
        self._pid_file.write()
        self._daemon = Daemon(self._reactor, self._config, self._reload, time.time, self._handed_over)
        self._reactor.callWhenRunning(self._catch_signals)
        self._starting = Deferred.fromCoroutine(self._daemon.start())
        self._starting.addErrback(self._failed)

    def stopService(self) -> Deferred[None] | None:
        """Drains, then closes everything in order."""
        super().stopService()
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return None
        stopping = Deferred.fromCoroutine(daemon.stop())
        stopping.addErrback(lambda failure: self.log.failure("stopping failed", failure))
        stopping.addBoth(lambda _: self._pid_file.release())
        return stopping

    def _catch_signals(self) -> None:
        """SIGTERM ends with status 0, where Twisted's own would end as if killed; SIGHUP reads the settings anew."""
        later = self._reactor.callFromThread
        signal.signal(signal.SIGTERM, lambda *_: later(self._stop_now))
        signal.signal(signal.SIGHUP, lambda *_: later(self._reload_now))

    def _stop_now(self) -> None:
        with suppress(ReactorNotRunning):  # a second signal, while it stops
            self._reactor.stop()

    def _reload_now(self) -> None:
        """One after the other: a listener that one reload closes may be what the next opens."""
        reloading = self._reloads.run(self._reload_once)
        reloading.addErrback(lambda failure: self.log.failure("reloading failed", failure))

    def _reload_once(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._daemon.reload()) if self._daemon is not None else succeed(None)

    def _failed(self, failure: Failure) -> None:
        """A start that failed ends the process with status 1, which twistd offers no other way to say."""
        if failure.check(*FAULTS):
            self.log.critical("meshd cannot start: {error}", error=one_line(failure.value))  # type: ignore[arg-type]
            sys.__stderr__ and sys.__stderr__.write(f"meshd: {one_line(failure.value)}\n")  # type: ignore[arg-type]
        else:
            self.log.failure("meshd cannot start", failure)
        self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self._reactor.callWhenRunning(self._reactor.stop)
