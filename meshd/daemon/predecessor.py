"""The process in whose place this one is to serve, as this one sees it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from meshd.auth.proven import LARGEST
from meshd.daemon.inherited import Inherited
from meshd.daemon.succession import VARIABLE, WORD, NotSucceeded, other_part
from meshd.daemon.workers.channel import DESCRIPTORS, SIZE, Channel, frame, receive
from meshd.daemon.workers.patience import ORPHANED

SECONDS = 30.0
"""That it has to say what it leaves, which it does at once."""
LEFT = ORPHANED + 2.0
"""Seconds after its end until it is looked for what it and its workers have left, which are gone by then."""
MOST = 4 * 1024 * 1024
"""Most bytes of a frame of its: names of ten thousand sockets are a sixth of it."""
assert LARGEST < MOST


class Predecessor:
    """Says what it leaves, and when it lets nobody in any more."""

    def __init__(self, sock: socket.socket) -> None:
        """Read what it leaves.  Raises: OSError, ValueError."""
        self._sock = sock
        sock.settimeout(SECONDS)
        reading = _Reading(sock)
        said = json.loads(reading.frame())
        self.known = reading.frame()
        """What it knows of passwords."""
        self.pid = int(said["pid"])
        self.part = other_part(str(said["part"]))
        """Tells this process apart from it in the store."""
        self.lock, *sockets = reading.descriptors
        """The descriptor of the data folder's locked file."""
        self.handed_over = Inherited(*zip(sockets, said["names"], strict=True))
        self._channel: Channel | None = None
        self._yielded: Deferred[None] = Deferred()
        self._left: Callable[[], object] = _nothing

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Predecessor | None:
        """The one of this process; None where it was started as usual.  Raises: OSError."""
        number = environ.pop(VARIABLE, "")
        if not number:
            return None
        try:
            sock = socket.socket(fileno=int(number))
            sock.set_inheritable(False)
            return cls(sock)
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(f"{VARIABLE} is for processes that meshd starts itself: unset it ({error})") from error

    def failed(self, why: str) -> None:
        """Tell it that this process does not take over."""
        if self._channel is not None:
            self._channel.send(_said("failed", why=why))
        else:
            try:
                self._sock.sendall(frame(_said("failed", why=why)))
            except OSError:
                return  # it has ended, or given this process up

    async def yields(self, reactor: Any, left: Callable[[], None]) -> None:
        """Tell it that this process is ready, and wait until it lets nobody in any more.  Raises: NotSucceeded.

        left: called a while after it has ended then.
        """
        self._left = partial(reactor.callLater, LEFT, left)
        self._channel = Channel(reactor, self._sock, self._heard, self._lost, WORD)
        self._channel.send(_said("ready", pid=os.getpid()))
        await self._yielded

    def _heard(self, content: bytes) -> None:
        if not self._yielded.called:
            self._yielded.callback(None)

    @property
    def alive(self) -> bool:
        """Whether it is still there: its last exchanges end."""
        if self._channel is None or not self._channel.open:
            return False
        try:
            return self._sock.recv(1, socket.MSG_PEEK) != b""  # its end may be there and not have been read yet
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _lost(self) -> None:
        if not self._yielded.called:
            self._yielded.errback(NotSucceeded(f"process {self.pid} has given this one up, or has ended"))
        else:
            self._left()


class _Reading:
    """Reads frames, and keeps the descriptors that come with them."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self.descriptors: list[int] = []

    def frame(self) -> bytes:
        """The content of the next frame.  Raises: OSError, ValueError."""
        size = int.from_bytes(self._take(SIZE), "big")
        if size > MOST:
            raise ValueError("a word is too long")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data, descriptors, flags = receive(self._sock, 65536, DESCRIPTORS)
            self.descriptors += descriptors
            if not data or flags & socket.MSG_CTRUNC:
                raise ValueError("the process that started this one has ended")
            self._buffer += data
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


def _nothing() -> None:
    """Nobody is to be told."""


def _said(kind: str, **more: object) -> bytes:
    return json.dumps({"kind": kind, **more}).encode()
