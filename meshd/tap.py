"""`twistd meshd`: from the options to a Config and a running Daemon."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from meshd.daemon import interpreter, signals
from meshd.daemon.assembly import Daemon
from meshd.daemon.beginning import Start
from meshd.daemon.faults import FAULTS, one_line
from meshd.daemon.preparation import Prepared, announcement
from meshd.daemon.runfile import Running, Verdict, write
from meshd.daemon.succession import VARIABLE, NotSucceeded
from meshd.daemon.successor import Successor
from meshd.daemon.twistdfile import TwistdFile


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
        """Take twistd's pid file in hand; it is written where `--pidfile` asks for it."""
        options: MutableMapping[str, Any] = {} if self.parent is None else self.parent
        self.twistd_file = TwistdFile(options, succeeding=VARIABLE in os.environ)

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
    start = Start(os.environ, options.flags(), reactor)
    try:
        with signals.interruptible():
            prepared = start.prepare(signals.hold)
    except FAULTS as error:
        start.failed(one_line(error))
        sys.stderr.write(f"meshd: {one_line(error)}\n")
        raise SystemExit(1) from None
    except signals.StopAsked as stop:
        raise SystemExit(stop.status) from None
    sys.stdout.write(announcement(start.config, prepared) + "\n")
    sys.stdout.flush()
    return MeshdService(reactor, start, prepared, options.twistd_file)


class MeshdService(Service):
    """Runs the Daemon's coroutines `start`, `reload`, `hand_on` and `stop`, and handles the signals."""

    log = Logger()
    name = "meshd"

    def __init__(self, reactor: Any, start: Start, prepared: Prepared, twistd_file: TwistdFile) -> None:
        self._reactor = reactor
        self._begun = start
        self._pid_file = prepared.pid_file
        self._twistd_file = twistd_file
        self._notices = start.notices
        self._daemon: Daemon | None = None
        self._running = start.running
        """What the run file tells the command, at first with the pid from before twistd's fork."""
        self._reloading = self._restarting = False
        self._reload_again = False
        self._owner = False
        """Whether this process is the daemon of the data folder, and neither the one before it nor the one after it."""

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._catch_signals)
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    async def _start(self) -> None:
        if self._begun.predecessor is None:
            self._take_over()
        self._daemon = daemon = self._begun.daemon()
        await daemon.start(self._take_over)
        if not daemon.plane.draining:
            self._notices.tell("READY=1")

    def _take_over(self) -> None:
        """Be the daemon of the data folder, for whoever looks; before the log says that the daemon is there."""
        self._owner = True
        self._pid_file.write()
        if self._begun.predecessor is not None:
            self._twistd_file.claim()
        self._tell(replace(self._running, pid=os.getpid()))

    def stopService(self) -> Deferred[None]:
        """Drain, then close everything in order."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        daemon, self._daemon = self._daemon, None
        if self._owner:
            self._notices.tell("STOPPING=1")
        try:
            if daemon is not None:
                await daemon.stop()
        except Exception:
            self.log.failure("stopping failed")
        finally:
            if self._owner:
                self._pid_file.release()
            self._notices.close()

    def _catch_signals(self) -> None:
        """Let SIGTERM end with status 0, not as if killed, as Twisted would; let SIGHUP read the settings anew, and
        SIGUSR2 have another process take over.
        """
        later = self._reactor.callFromThread
        signal.signal(signal.SIGTERM, lambda *_: later(self._stop_now))
        signal.signal(signal.SIGHUP, lambda *_: later(self._reload_now))
        signal.signal(signal.SIGUSR2, lambda *_: later(self._restart_now))
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
                self._notices.tell("RELOADING=1", f"MONOTONIC_USEC={int(time.monotonic() * 1e6)}")
                self._tell(self._running.reload_begins())
                self._tell(self._running.reload_ends(await self._reloaded(self._daemon)))
                self._notices.tell("READY=1")
        finally:
            self._reloading = False

    async def _reloaded(self, daemon: Daemon) -> Verdict:
        try:
            return await daemon.reload()
        except Exception:
            self.log.failure("reloading failed")
            return Verdict(False, ("a fault of meshd's own: its log has it",))

    def _restart_now(self) -> None:
        """Have another process take over, unless one is about to."""
        if not self._restarting and self._daemon is not None:
            self._restarting = True
            Deferred.fromCoroutine(self._restart(self._daemon)).addErrback(self._not_restarted)

    async def _restart(self, daemon: Daemon) -> None:
        successor = Successor(self._reactor, self._begun.command)
        pid = await daemon.hand_on(successor, self._pid_file.descriptor)
        self._owner = False
        self._notices.tell(f"MAINPID={pid}")
        self._twistd_file.leave()
        self._pid_file.leave()
        successor.leave()
        self.log.info("process {pid} has taken over: what is open here may end", pid=pid)
        self._stop_now()

    def _not_restarted(self, failure: Failure) -> None:
        self._restarting = False
        if failure.check(NotSucceeded):
            why = failure.getErrorMessage()
        else:
            self.log.failure("restarting failed", failure)
            why = "a fault of meshd's own: its log has it"
        self.log.error("not restarted: {error}", error=why)
        self._tell(self._running.restart_failed(why))

    def _tell(self, running: Running) -> None:
        """Write the run file, which `meshd reload` waits for; where that fails, the log has the outcome."""
        self._running = running
        if not self._owner:
            return
        try:
            write(self._begun.config.data_dir, running)
        except OSError as error:
            self.log.warn("the command cannot be told what runs here: {error}", error=one_line(error))

    def _failed(self, failure: Failure) -> None:
        """End the process with status 1 after a failed start; twistd offers no other way to set the status."""
        if not self.running:
            return  # the service was stopped during the start
        if failure.check(*FAULTS):
            why = one_line(failure.value)  # type: ignore[arg-type]
            self._begun.failed(why)
            self.log.critical("meshd cannot start: {error}", error=why)
            sys.__stderr__ and sys.__stderr__.write(f"meshd: {why}\n")
        else:
            self._begun.failed("a fault of meshd's own: its log has it")
            self.log.failure("meshd cannot start", failure)
        atexit.register(_end_with, 1)
        self._reactor.callWhenRunning(self._stop_now)


def _end_with(status: int) -> None:
    """Exit with that status; called last, when twistd has removed its own pid file."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
