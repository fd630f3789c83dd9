"""The process that is to take over, as its predecessor sees it: begun with all that listens, ready, or given up."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.daemon.faults import one_line
from meshd.daemon.succession import PATIENCE, VARIABLE, WORD, Command, Estate, NotSucceeded, described
from meshd.daemon.workers.channel import Channel

log = Logger()

AGAIN = 1.0
"""Seconds between two signals to a process that is given up: what comes between its fork and its program is lost."""


class Successor:
    """One attempt at a restart.  Until `leave` is called the attempt may fail, and then nothing has changed here."""

    def __init__(self, reactor: Any, command: Command) -> None:
        self._reactor = reactor
        self._command = command
        self._channel: Channel | None = None
        self._late: IDelayedCall | None = None
        self._ending: IDelayedCall | None = None
        self._pid = 0
        self._ready: Deferred[int] = Deferred()
        self._over = False
        """Whether it has failed, or serves."""

    def begin(self, estate: Estate) -> Deferred[int]:
        """Start the process.  It fires with its number when it could let clients in.  Raises: NotSucceeded."""
        try:
            self._begin(estate)
        except OSError as error:
            self.give_up(one_line(error))
        return self._ready

    def _begin(self, estate: Estate) -> None:
        ours, theirs = socket.socketpair()
        self._channel = Channel(self._reactor, ours, self._heard, self._lost, WORD)
        with theirs:
            number = theirs.fileno()
            process = self._reactor.spawnProcess(
                _Process(self),
                self._command.words[0],
                self._command.words,
                {**self._command.environ, VARIABLE: str(number)},
                self._command.folder,
                childFDs={0: 0, 1: 1, 2: 2, number: number},
            )
        self._pid = process.pid
        self._channel.send(described(estate), [estate.lock, *(descriptor for descriptor, _ in estate.sockets)])
        self._channel.send(estate.known)
        self._late = self._reactor.callLater(PATIENCE, self.give_up, f"it was not ready within {PATIENCE:g} s")

    def leave(self) -> None:
        """Tell the process that nobody is let in here any more; it may see by the channel when this one has ended."""
        self._over = True
        if self._channel is not None:
            self._channel.send(b'{"kind": "yours"}')

    def give_up(self, why: str) -> None:
        """End the process, also one that is ready, unless it serves."""
        if self._over:
            return
        self._over = True
        self._called_off()
        if self._channel is not None:
            self._channel.close()
        self._end()
        if not self._ready.called:
            self._ready.errback(NotSucceeded(why))

    def _end(self) -> None:
        """Have the process end, again and again until it has."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
            self._ending = self._reactor.callLater(AGAIN, self._end)

    def ended(self, reason: Failure) -> None:
        """The process that was started has ended; where it went to the background, another one goes on."""
        self._pid = 0
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        if getattr(reason.value, "exitCode", None) != 0:
            self.give_up(f"{reason.getErrorMessage()} Its log says more")

    def _called_off(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()

    def _heard(self, content: bytes) -> None:
        try:
            word = json.loads(content)
            kind, why, pid = word["kind"], str(word.get("why", "")), int(word.get("pid", 0))
        except (ValueError, TypeError, KeyError, RecursionError):
            self.give_up("it does not make itself understood")
            return
        if kind == "failed":
            self.give_up(why)
        elif kind == "ready" and not self._ready.called:
            self._called_off()
            self._ready.callback(pid)

    def _lost(self) -> None:
        self.give_up("it has ended before it was ready: its log says more")


class _Process(ProcessProtocol):
    def __init__(self, successor: Successor) -> None:
        self._successor = successor

    def processExited(self, reason: Failure) -> None:
        self._successor.ended(reason)
