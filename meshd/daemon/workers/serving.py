"""The life of a worker's process: it does what its daemon says, and ends when that ends.

It heeds no signal but those that cannot be ignored: who stops or reloads speaks to the daemon.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.threads import deferToThread
from twisted.logger import Logger, globalLogBeginner
from twisted.python.failure import Failure

from meshd.daemon import interpreter
from meshd.daemon.faults import FAULTS, one_line
from meshd.daemon.workers.channel import Channel
from meshd.daemon.workers.crowding import give_way
from meshd.daemon.workers.handed import Handed
from meshd.daemon.workers.messages import (
    LEAVE,
    LOOK,
    NUMBER,
    ORDER,
    PING,
    PROVEN,
    REOPEN,
    SETTINGS,
    STOP,
    TOLD,
    Settings,
    said,
    unpacked,
)
from meshd.daemon.workers.patience import ORPHANED
from meshd.daemon.workers.telling import UNTOLD, Relay
from meshd.daemon.workers.worker import Worker

SOCKETS = 10_000
"""That may come with settings."""

FAULT = "a fault of meshd's own: the log has it"

log = Logger()


def serve(sock: socket.socket) -> None:
    """Be a worker until the end of the process.  sock: the channel to the daemon."""
    from twisted.internet import reactor  # noqa: PLC0415  (each worker has one of its own)

    own: Any = reactor
    interpreter.tune(own)
    service = Service(own, sock)
    own.run(installSignalHandlers=False)
    os._exit(service.status)


class Service:
    """Hears the daemon."""

    def __init__(self, reactor: Any, sock: socket.socket) -> None:
        self.status = 0
        self._reactor = reactor
        self._channel = Channel(reactor, sock, self._heard, self._orphaned, ORDER, SOCKETS)
        self._number = 0
        self._known = b""
        """What the daemon knows of passwords, until there is a worker."""
        self._handed = Handed()
        self._worker: Worker | None = None
        self._serves = False
        self._stopping = False
        self._taking: Deferred[None] | None = None
        self._waiting: list[bytes] = []
        """Settings that came while others were taken."""
        globalLogBeginner.beginLoggingTo([Relay(self._channel)], redirectStandardIO=False)

    def _heard(self, content: bytes) -> None:
        kind = content[:1]
        if kind == NUMBER:
            self._number, workers = map(int, content[1:].split(b"/"))
            give_way(workers)  # before there is any other thread
        elif kind == PROVEN and self._worker is None:
            self._known += content[1:]
        elif kind == PROVEN and self._worker is not None:
            self._worker.core.proven.learn(content[1:])
        elif kind == SETTINGS:
            self._waiting.append(content)
            if self._taking is None:
                self._taking = Deferred.fromCoroutine(self._take_all())
                self._taking.addErrback(self._failed)
        elif content in (STOP, LEAVE):
            self._stop(succeeded=content == LEAVE)
        elif content == PING:
            self._channel.send(said("alive"))
        elif self._worker is not None and kind == TOLD:
            self._worker.together.heard(content[1], content[2:])
        elif self._worker is not None and content == REOPEN:
            self._worker.core.exchanges.reopen()
        elif self._worker is not None and content == LOOK:
            self._worker.core.feed.wake()

    async def _take_all(self) -> None:
        while self._waiting:
            settings = await deferToThread(unpacked, self._waiting.pop(0))
            sockets = self._channel.take(len(settings.places))
            self._handed.receive(settings.own, zip(settings.places, sockets, strict=True))
            try:
                if self._worker is None:
                    await self._start(settings)
                else:
                    verdict = await self._worker.take(settings.config)
                    self._channel.send(said("taken" if verdict.taken else "refused", why="; ".join(verdict.said)))
            finally:
                self._handed.clear()
        self._taking = None

    def _failed(self, failure: Failure) -> None:
        self._taking = None
        log.failure("settings were not taken", failure)
        self._channel.send(said("refused", why=FAULT))

    async def _start(self, settings: Settings) -> None:
        try:
            parts = self._number, settings, self._handed, time.time, self._tell, self._known
            self._worker = Worker(self._reactor, *parts)
            self._known = b""
            await self._worker.start()
        except Exception as error:
            known = isinstance(error, FAULTS)
            if not known:
                log.failure("a worker cannot start")
            self._channel.send(said("failed", why=one_line(error) if known else FAULT))
            self._end(1)
            return
        self._serves = True
        self._channel.send(said("serving"))

    def _tell(self, content: bytes) -> None:
        """Tell the other processes something that may be lost, where the daemon is far behind."""
        if self._channel.waiting < UNTOLD:
            self._channel.send(content)

    def _stop(self, patience: float | None = None, *, succeeded: bool = False) -> None:
        """End; before anybody was let in, at once."""
        if self._stopping:
            return
        self._stopping = True
        if self._worker is None or not self._serves:
            self._end(self.status)
            return
        stopping = Deferred.fromCoroutine(self._worker.stop(patience, succeeded=succeeded))
        stopping.addErrback(lambda failure: log.failure("stopping failed", failure))
        stopping.addCallback(lambda _: self._end(self.status))

    def _orphaned(self) -> None:
        """The daemon has ended: nobody is left to serve for."""
        signal.alarm(ORPHANED)  # whose default is to end the process, whatever it waits for
        self._stop(0)

    def _end(self, status: int) -> None:
        self.status = status
        with suppress(ReactorNotRunning):
            self._reactor.stop()
