"""Accepting for Twisted: what comes to a socket of ours becomes a transport of its own, and a protocol of a factory.

Twisted's own ports would close the socket, or remove its file, when they stop; here it stays its owner's.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import IProtocolFactory, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from meshd.proxy.accepting import EXHAUSTED, PAUSE
from meshd.seldom import Seldom

AT_ONCE = 20
"""Connections taken at one wake-up; whoever is connected already gets a turn in between."""


@implementer(IReadDescriptor)
class TwistedAcceptor:
    """Of one listening socket, for one factory."""

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
        """Twisted asks for it; the reactor calls it when it stops."""

    def ready(self, fd: int, events: int) -> None:
        """As the data plane's own is told."""
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
        """Twisted makes a descriptor of its own of ours; False where there was none left, and accepting rests."""
        client.setblocking(False)
        try:
            self._reactor.adoptStreamConnection(client.fileno(), client.family, self._factory)
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._exhausted()
                return False
            # Else it has left already.
        except Exception:
            self._seldom.failure(self.log, "a connection could not be taken")
        return True

    def _exhausted(self) -> None:
        """The listener would wake us for ever, so let it rest."""
        self._reactor.removeReader(self)
        self._seldom.say(self.log.warn, "a listener is out of descriptors: accepting is paused")
        if self._pause is None:
            self._pause = self._reactor.callLater(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._reactor.addReader(self)
