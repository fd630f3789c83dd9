"""Clients of a listener that only a plugin of Twisted's can open, brought to the data plane by a socket pair.

That costs a copy each way and keeps everything behind it free of a second kind of wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from meshd.passing.connection import Connection
from meshd.passing.plane import Plane
from meshd.sockets.halves import Outside
from meshd.sockets.wire import Wire
from meshd.values.addresses import peer_host


class BridgeFactory(Factory):
    """For one listener of one named proxy, or of what is published."""

    noisy = False

    def __init__(
        self, reactor: Any, plane: Plane, proxy: str, connection: Callable[[Any, str, Wire], Connection]
    ) -> None:
        """connection: makes one of plane, proxy and a client's wire."""
        self._reactor = reactor
        self._plane = plane
        self._proxy = proxy
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """None, which closes the connection, where there are no descriptors for it."""
        if self._plane.caps.crowded(len(self._plane.poller) + 2):
            return None
        return _Bridged(self, self._plane)

    def connect(self, outside: Outside) -> None:
        """Give the data plane a client that talks like the one outside.  Raises: OSError."""
        plane = self._plane
        address = peer_host(outside.transport.getPeer())
        fd = outside.join(self._reactor)
        plane.poller.hold(fd)
        wire = Wire(plane.poller, fd, address, registered=True)
        self._connection(plane, self._proxy, wire).begin()


class _Bridged(Outside):
    def __init__(self, bridge: BridgeFactory, plane: Plane) -> None:
        super().__init__(plane.poller, plane.wheel, lambda: plane.live.timeouts.half_closed, half_closes=True)
        self._bridge = bridge

    def connectionMade(self) -> None:
        try:
            self._bridge.connect(self)
        except OSError:  # no descriptors for a pair, or epoll takes no more
            self.transport.abortConnection()
