"""Listeners whose connections only Twisted can make sense of (`haproxy:`, for one) brought to the data plane.

That costs a copy each way and keeps everything behind it free of a second kind of wire.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from meshd.proxy.accepting import peer_address
from meshd.proxy.connection import ClientConnection
from meshd.proxy.plane import DataPlane
from meshd.sockets.halves import Outside
from meshd.sockets.wire import Wire


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
        return Stranger(self, self._plane)

    def wait(self, outside: Stranger) -> Any:
        """The call that ends a connection which does not say who it is."""
        return self._reactor.callLater(self._plane.live.timeouts.head, outside.transport.abortConnection)

    def connect(self, outside: Stranger) -> None:
        """Give the data plane a client that talks like the one outside."""
        end = outside.join(self._reactor)
        peer = outside.transport.getPeer()
        address = peer_address((getattr(peer, "host", ""),)) if hasattr(peer, "host") else ""
        ClientConnection(self._plane, self.proxy, Wire(self._plane.poller, end, address)).begin()


class Stranger(Outside):
    """A client until its first bytes: what stands before them, such as PROXY's line, tells whose they are."""

    _waiting: Any = None

    def __init__(self, bridge: BridgeFactory, plane: DataPlane) -> None:
        super().__init__(plane.poller, plane.wheel, lambda: plane.live.timeouts.half_closed, half_closes=True)
        self._bridge = bridge

    def connectionMade(self) -> None:
        self._waiting = self._bridge.wait(self)

    def dataReceived(self, data: bytes) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._bridge.connect(self)
        super().dataReceived(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
        super().connectionLost(reason)
