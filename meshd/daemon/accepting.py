"""Accepting for Twisted: a connection to a socket of ours becomes a Twisted transport and a protocol of a factory.

Twisted's own ports would close the socket, or remove its file, when they stop; here both are left to the owner.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import IProtocolFactory, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meshd.passing.accepting import EXHAUSTED, PAUSE
from meshd.seldom import Seldom

AT_ONCE = 20
"""Most connections accepted at one wake-up, so that open connections get their turn in between."""


@implementer(IReadDescriptor)
class TwistedAcceptor:
    """Accepts connections of one listening socket for one factory."""

    log = Logger()

    def __init__(self, reactor: Any, listener: socket.socket, factory: IProtocolFactory) -> None:
        self._reactor = reactor
        self._listener = listener
        self._factory = factory
        self._pause: Any = None
        self._seldom = Seldom(reactor.seconds)

    def start(self) -> None:
        self._factory.doStart()
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Accept no more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._reactor.removeReader(self)
        self._factory.doStop()

    def fileno(self) -> int:
        return self._listener.fileno()

    def logPrefix(self) -> str:
        return "listener"

    def connectionLost(self, reason: Failure) -> None:
        """Do nothing when the reactor stops: the owner closes the socket."""

    def ready(self, fd: int, events: int) -> None:
        """Accept, called as the data plane's acceptor is called."""
        self.doRead()

    def doRead(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, _address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._exhausted()
                return
            with client:
                if not self._take(client):
                    return

    def _take(self, client: socket.socket) -> bool:
        """Hand a copy of the descriptor to Twisted; False where no descriptor was left, and accepting is paused."""
        client.setblocking(False)
        try:
            self._reactor.adoptStreamConnection(client.fileno(), client.family, self._factory)
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._exhausted()
                return False
            # For any other reason the client has left already.
        except Exception:
            self._seldom.failure(self.log, "a connection could not be taken")
        return True

    def _exhausted(self) -> None:
        """Pause accepting, as no descriptor is left: the listener would stay ready and wake us again and again."""
        self._reactor.removeReader(self)
        self._seldom.say(self.log.warn, "a listener is out of descriptors: accepting is paused")
        if self._pause is None:
            self._pause = self._reactor.callLater(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._reactor.addReader(self)
