"""`twistd meshd`: options to Config to a running Daemon."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from meshd.config import Config, load, outside
from meshd.daemon import signals
from meshd.daemon.assembly import Daemon
from meshd.daemon.faults import FAULTS, one_line
from meshd.daemon.inherited import Inherited
from meshd.daemon.preparation import Prepared, announcement, prepare
from meshd.daemon.runfile import Running, Verdict, write

TWISTDS_OWN = "twistd.pid"
"""The pid file that twistd would write in the working directory, unasked."""


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

    def postOptions(self) -> None:
        """meshd has a pid file of its own, locked, in its data folder: twistd's is written for who asks for one.

        Where that names ourselves, it is of a process that had our number before us, as in a container.
        """
        if self.parent is None:
            return
        if self.parent["pidfile"] == TWISTDS_OWN:
            self.parent["pidfile"] = ""
        elif self.parent["pidfile"]:
            _forget_namesake(Path(self.parent["pidfile"]))

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
        with signals.interruptible():
            config = read()
            prepared = prepare(config, handed_over, signals.hold)
    except FAULTS as error:
        sys.stderr.write(f"meshd: {one_line(error)}\n")
        raise SystemExit(1) from None
    except signals.StopAsked as stop:
        raise SystemExit(stop.status) from None
    sys.stdout.write(announcement(config, prepared) + "\n")
    sys.stdout.flush()
    running = Running(os.getpid(), str(cwd), str(config.file or ""), outside(options.flags(), environ))
    return MeshdService(reactor, config, prepared, read, handed_over, running)


def _forget_namesake(path: Path) -> None:
    with suppress(OSError):
        if path.read_text("ascii", "replace").strip() == str(os.getpid()):
            path.unlink()


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
        running: Running,
    ) -> None:
        """running: what the command is told, but for the number of the process that twistd leaves behind."""
        self._reactor = reactor
        self._config = config
        self._pid_file = prepared.pid_file
        self._reload = reload
        self._handed_over = handed_over
        self._daemon: Daemon | None = None
        self._running = running
        self._reloading = False
        self._reload_again = False

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._catch_signals)
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    async def _start(self) -> None:
        self._pid_file.write()
        self._daemon = Daemon(self._reactor, self._config, self._reload, time.time, self._handed_over)
        self._tell(replace(self._running, pid=os.getpid()))  # before its last line says that it is there
        await self._daemon.start()

    def stopService(self) -> Deferred[None]:
        """Drains, then closes everything in order."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        daemon, self._daemon = self._daemon, None
        try:
            if daemon is not None:
                await daemon.stop()
        except Exception:
            self.log.failure("stopping failed")
        finally:
            self._pid_file.release()

    def _catch_signals(self) -> None:
        """SIGTERM ends with status 0, where Twisted's own would end as if killed; SIGHUP reads the settings anew."""
        later = self._reactor.callFromThread
        signal.signal(signal.SIGTERM, lambda *_: later(self._stop_now))
        signal.signal(signal.SIGHUP, lambda *_: later(self._reload_now))
        signals.release()

    def _stop_now(self) -> None:
        with suppress(ReactorNotRunning):  # a second signal, while it stops
            self._reactor.stop()

    def _reload_now(self) -> None:
        """One runs and one waits at most: it does what all who ask meanwhile have asked for."""
        self._reload_again = True
        if not self._reloading:
            self._reloading = True
            reloading = Deferred.fromCoroutine(self._reload_all())
            reloading.addErrback(lambda failure: self.log.failure("reloading failed", failure))

    async def _reload_all(self) -> None:
        try:
            while self._reload_again and self._daemon is not None:
                self._reload_again = False
                self._tell(self._running.reload_begins())
                self._tell(self._running.reload_ends(await self._reloaded(self._daemon)))
        finally:
            self._reloading = False

    async def _reloaded(self, daemon: Daemon) -> Verdict:
        try:
            return await daemon.reload()
        except Exception:
            self.log.failure("reloading failed")
            return Verdict(False, ("a fault of meshd's own: its log has it",))

    def _tell(self, running: Running) -> None:
        """Whoever asks for a reload waits for it; without it he has the log."""
        self._running = running
        try:
            write(self._config.data_dir, running)
        except OSError as error:
            self.log.warn("the command cannot be told what runs here: {error}", error=one_line(error))

    def _failed(self, failure: Failure) -> None:
        """A start that failed ends the process with status 1, which twistd offers no other way to say."""
        if not self.running:
            return  # it was stopped, and nobody waits for it any more
        if failure.check(*FAULTS):
            self.log.critical("meshd cannot start: {error}", error=one_line(failure.value))  # type: ignore[arg-type]
            sys.__stderr__ and sys.__stderr__.write(f"meshd: {one_line(failure.value)}\n")  # type: ignore[arg-type]
        else:
            self.log.failure("meshd cannot start", failure)
        atexit.register(_end_with, 1)
        self._reactor.callWhenRunning(self._stop_now)


def _end_with(status: int) -> None:
    """The very last: by now twistd has removed its own file."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
