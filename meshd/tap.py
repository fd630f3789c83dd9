"""`twistd meshd`: from the options to a Config and a running Daemon."""

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
from meshd.daemon import interpreter, signals
from meshd.daemon.assembly import Daemon
from meshd.daemon.faults import FAULTS, one_line
from meshd.daemon.inherited import Inherited
from meshd.daemon.preparation import Prepared, announcement, prepare
from meshd.daemon.runfile import Running, Verdict, write

TWISTDS_OWN = "twistd.pid"
"""The pid file that twistd would write in the working directory, unasked."""


class Options(usage.Options):
    """The flags; each wins over the environment, the settings file and the default."""

    optParameters = [
        ["config", "c", None, "settings file (TOML)"],
        ["data-dir", "d", None, "folder for everything that is kept  [default: meshd-data]"],
        ["store", "s", None, "sqlite:///path or postgresql://user@host/database"],
        ["workers", "w", None, "processes that carry the proxies' bytes, or auto  [default: 1]"],
    ]
    longdesc = "A proxy service with accounts.  Without any option it makes what it needs and says how to try it."

    def __init__(self) -> None:
        super().__init__()
        self["proxy"] = []
        self["api"] = []
        self["hosts"] = []
        self["metrics"] = []

    def postOptions(self) -> None:
        """Suppress twistd's pid file unless --pidfile asks for it: meshd has its own, locked, in the data folder.

        A pid file with our own number is of an earlier process with that number, as in a container, and is deleted.
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

    def opt_hosts(self, endpoint: str) -> None:
        """Endpoint of the API of published hosts, such as tcp:81, which switches them on; may be repeated."""
        self["hosts"].append(endpoint)

    def opt_metrics(self, endpoint: str) -> None:
        """Endpoint where Prometheus finds metrics, such as tcp:9464, on loopback unless it names an address."""
        self["metrics"].append(endpoint)

    def flags(self) -> dict[str, object]:
        """The flags that were given, as `meshd.config.load` takes them."""
        return {name.replace("-", "_"): value for name, value in self.items() if value}


def makeService(options: Options) -> Service:
    """Make the service that twistd runs; a fault that the operator has to mend exits with one line and status 1."""
    from twisted.internet import reactor  # noqa: PLC0415  (installed by twistd only now)

    interpreter.tune(reactor)
    handed_over = Inherited.take(os.environ)
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
    """Runs the Daemon's coroutines `start`, `reload` and `stop`, and handles the signals."""

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
        """running: what the run file tells the command, still with the pid from before twistd's fork."""
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
        self._tell(replace(self._running, pid=os.getpid()))  # before the log says that the daemon is there
        await self._daemon.start()

    def stopService(self) -> Deferred[None]:
        """Drain, then close everything in order."""
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
        """Let SIGTERM end with status 0, not as if killed, as Twisted would; let SIGHUP read the settings anew."""
        later = self._reactor.callFromThread
        signal.signal(signal.SIGTERM, lambda *_: later(self._stop_now))
        signal.signal(signal.SIGHUP, lambda *_: later(self._reload_now))
        signals.release()

    def _stop_now(self) -> None:
        with suppress(ReactorNotRunning):  # a second signal while the reactor stops
            self._reactor.stop()

    def _reload_now(self) -> None:
        """Reload, or once more after the reload that is running: one that waits serves all requests made meanwhile."""
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
        """Write the run file, which `meshd reload` waits for; where that fails, the log has the outcome."""
        self._running = running
        try:
            write(self._config.data_dir, running)
        except OSError as error:
            self.log.warn("the command cannot be told what runs here: {error}", error=one_line(error))

    def _failed(self, failure: Failure) -> None:
        """End the process with status 1 after a failed start; twistd offers no other way to set the status."""
        if not self.running:
            return  # the service was stopped during the start
        if failure.check(*FAULTS):
            self.log.critical("meshd cannot start: {error}", error=one_line(failure.value))  # type: ignore[arg-type]
            sys.__stderr__ and sys.__stderr__.write(f"meshd: {one_line(failure.value)}\n")  # type: ignore[arg-type]
        else:
            self.log.failure("meshd cannot start", failure)
        atexit.register(_end_with, 1)
        self._reactor.callWhenRunning(self._stop_now)


def _end_with(status: int) -> None:
    """Exit with that status; called last, when twistd has removed its own pid file."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
