"""Connections that only Twisted can make sense of (PROXY protocol, TLS) brought to the data plane.

The decoded bytes go through a pair of Unix sockets, of which the data plane owns one end like any other client's.
That costs a copy each way and keeps everything behind it free of a second kind of wire.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from meshd.proxy.connection import ClientConnection
from meshd.proxy.factory import peer_address
from meshd.proxy.plane import DataPlane
from meshd.proxy.wire import Wire


class BridgeFactory(Factory):
    """For one listener of one named proxy."""

    noisy = False

    def __init__(self, reactor: Any, plane: DataPlane, proxy: str) -> None:
        self._reactor = reactor
        self._plane = plane
        self.proxy = proxy

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """None, which closes the connection, where there are no descriptors for it."""
        if self._plane.caps.crowded(len(self._plane.poller) + 2):
            return None
        outside = Half()
        outside.factory = self
        return outside

    def wait(self, outside: Half) -> Any:
        """The call that ends a connection which does not say who it is."""
        return self._reactor.callLater(self._plane.topology.timeouts.head, outside.transport.abortConnection)

    def connect(self, outside: Half) -> None:
        """Give the data plane a client that talks like the one outside."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            for end in (ours, theirs):
                end.setblocking(False)
            inside = Half()
            inside.other, outside.other = outside, inside
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, _Single(inside))
            peer = outside.transport.getPeer()
            address = peer_address((getattr(peer, "host", ""),)) if hasattr(peer, "host") else ""
            wire = Wire(self._plane.poller, os.dup(theirs.fileno()), address)
        ClientConnection(self._plane, self.proxy, wire).begin()


@implementer(IHalfCloseableProtocol)
class Half(Protocol):
    """One side; what comes goes to the other, as fast as that takes it."""

    factory: Any
    transport: Any
    other: Half | None = None
    _waiting: Any = None
    """On the outside, until the first bytes: what stands before them, such as PROXY's line, tells whose they are."""

    def connectionMade(self) -> None:
        if isinstance(self.factory, BridgeFactory):
            self._waiting = self.factory.wait(self)
            return
        assert self.other is not None
        self.transport.registerProducer(self.other.transport, True)
        self.other.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        if self._waiting is not None:
            self._go_on().connect(self)
        if self.other is not None:
            self.other.transport.write(data)

    def readConnectionLost(self) -> None:
        if self.other is not None:
            transport = self.other.transport
            getattr(transport, "loseWriteConnection", transport.loseConnection)()

    def writeConnectionLost(self) -> None:
        """The peer reads no more; the reading side says so too."""

    def _go_on(self) -> BridgeFactory:
        self._waiting.cancel()
        self._waiting = None
        factory: BridgeFactory = self.factory
        return factory

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._waiting is not None and self._waiting.active():
            self._go_on()
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.unregisterProducer()
            other.transport.loseConnection()


class _Single(Factory):
    """Gives out the one protocol that it was made for."""

    noisy = False

    def __init__(self, inside: Half) -> None:
        self._inside = inside

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self._inside.factory = self
        return self._inside
