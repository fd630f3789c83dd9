"""The nursery as its daemon sees it: the process that workers come from, begun when the first one is asked for."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.daemon.faults import WorkerFailed
from meshd.daemon.workers.channel import Channel
from meshd.daemon.workers.messages import FORK

WORD = 4096
"""Most bytes of what a nursery says at a time."""

LINE = 4096
"""Most bytes of a line that a process says outside its log."""

PATIENCE = 5.0
"""Seconds that a nursery has to end."""

COMMAND = (sys.executable, "-P", "-m", "meshd.daemon.workers.nursery")

_OURS = ("MESHD_", "LISTEN_", "NOTIFY_SOCKET")
"""Beginnings of variables that are for the daemon alone."""


def environment(environ: Mapping[str, str], path: list[str]) -> dict[str, str]:
    """That of a nursery: the daemon's without its settings, and modules are found where the daemon finds them."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_OURS)}
    return kept | {"PYTHONPATH": os.pathsep.join(os.path.abspath(each) for each in path)}


class Forks(ProcessProtocol):
    """Forks workers."""

    log = Logger()

    def __init__(self, reactor: Any, ended: Callable[[int, int], None]) -> None:
        """ended: called with the pid and the exit status of each worker that has ended."""
        self._reactor = reactor
        self._ended = ended
        self._channel: Channel | None = None
        self._asked: deque[Deferred[int]] = deque()
        self._exited: Deferred[None] = succeed(None)
        self._said = b""

    def fork(self, channel: socket.socket) -> Deferred[int]:
        """The pid of a new worker, which gets a copy of this socket as its channel.  Raises: WorkerFailed, OSError."""
        if self._channel is None:
            self._channel = self._begin()
        self._channel.send(FORK, [channel.fileno()])
        self._asked.append(Deferred())
        return self._asked[-1]

    async def stop(self) -> None:
        """End the nursery, which ends no worker."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        with suppress(TimeoutError):
            await self._exited.addTimeout(PATIENCE, self._reactor)

    def _begin(self) -> Channel:
        ours, theirs = socket.socketpair()
        with theirs:
            self._exited = Deferred()
            self._reactor.spawnProcess(
                self,
                COMMAND[0],
                COMMAND,
                environment(os.environ, sys.path),
                childFDs={0: theirs.fileno(), 1: 1, 2: "r"},  # a log may be /dev/stdout
            )
        return Channel(self._reactor, ours, self._heard, self._lost, WORD)

    def _heard(self, content: bytes) -> None:
        word = json.loads(content)
        if "forked" in word:
            self._asked.popleft().callback(word["forked"])
        else:
            self._ended(word["ended"], word["status"])

    def _lost(self) -> None:
        self._channel = None
        asked, self._asked = self._asked, deque()
        for each in asked:
            each.errback(WorkerFailed("the process that workers come from has ended"))

    # What Twisted calls

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Log what processes say outside their log: what Python or a library of C has to say at an end."""
        *lines, rest = (self._said + data).split(b"\n")
        self._said = rest[:LINE]
        for line in lines:
            self.log.error("a worker says: {line}", line=line[:LINE].decode("utf-8", "replace"))

    def processExited(self, reason: Failure) -> None:
        if not self._exited.called:
            self._exited.callback(None)
