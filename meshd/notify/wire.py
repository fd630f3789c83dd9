"""One connection to a receiver, to an address that was judged, with a bound on what it may say and on each phase."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from meshd.notify.deadline import CONNECT, Deadline

MOST = 16 * 1024
"""Bytes that a receiver may say: a status and some fields.  Of one that goes on, nothing more is read."""


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Wire:
    """The only endpoint of one request, whatever its URL says.  tls: Twisted's options for a client; None for none."""

    def __init__(self, reactor: Any, address: str, port: int, tls: Any, deadline: Deadline) -> None:
        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        self._endpoint: Any = kind(reactor, address, port, CONNECT)
        self.tls = tls
        self.deadline = deadline
        self.transport: Any = None
        """Once it is connected; None before."""
        self.secured = False
        """Whether the TLS handshake has come to its end."""
        self.excessive = False
        """Whether the receiver said more than MOST."""

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        endpoint = wrapClientTLS(self.tls, self._endpoint) if self.tls is not None else self._endpoint
        self.deadline.connecting()
        connecting: Deferred[Any] = endpoint.connect(_Bounding(protocolFactory, self))
        return connecting.addCallback(lambda bounded: bounded.inner)

    def connected(self, transport: Any) -> None:
        self.transport = transport
        if self.tls is not None:
            self.deadline.handshaking()
        else:
            self.deadline.asking()

    def shaken(self) -> None:
        self.secured = True
        self.deadline.asking()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()


class _Bounding(Factory):
    """Makes the client's protocols, each behind a bound."""

    noisy = False

    def __init__(self, factory: IProtocolFactory, wire: Wire) -> None:
        self._factory = factory
        self._wire = wire

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return _Bounded(self._factory.buildProtocol(addr or IPv6Address("TCP", "::", 0)), self._wire)


@implementer(IHandshakeListener)
class _Bounded(Protocol):
    """Stands before the client's protocol, and lets no more through than MOST."""

    def __init__(self, inner: Any, wire: Wire) -> None:
        self.inner = inner
        self._wire = wire
        self._heard = 0

    def connectionMade(self) -> None:
        self._wire.connected(self.transport)
        self.inner.makeConnection(self.transport)

    def handshakeCompleted(self) -> None:
        self._wire.shaken()

    def dataReceived(self, data: bytes) -> None:
        room = MOST - self._heard
        self._heard += len(data)
        if room > 0:
            self.inner.dataReceived(data[:room])
        if self._heard > MOST:
            self._wire.excessive = True
            self._wire.abort()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.inner.connectionLost(reason)
