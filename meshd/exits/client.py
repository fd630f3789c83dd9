"""Twisted's HTTP client through an exit: asks a URL of the operator's own for its status, and for nothing else.

The data plane's dialler connects; the socket is then Twisted's.
"""

from __future__ import annotations

import socket
from itertools import count
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.web.client import URI, Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from meshd.exits.dialling import Dialler, Way
from meshd.sockets.poll import Poller
from meshd.sockets.race import Dialled
from meshd.sockets.task import Task


@implementer(IStreamClientEndpoint)
class ExitEndpoint:
    """A host and a port, by one exit."""

    def __init__(
        self, reactor: Any, poller: Poller, dialler: Dialler, way: Way, host: str, port: int, asker: int = 0
    ) -> None:
        """host: a name, or an address without brackets; asker: whose look-ups of names are counted together."""
        self._reactor = reactor
        self._poller = poller
        self._dialler = dialler
        self._way = way
        self._target = host, port
        self._asker = asker
        self.transport: Any = None
        """Once it is connected."""

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """DialError, OSError.  To cancel ends the attempt."""
        made: list[IProtocol] = []

        async def dialling() -> None:
            dialled = await self._dialler.dial(*self._target, self._way, self._asker)
            made.append(self._adopted(dialled, protocolFactory))

        def ended(error: BaseException | None) -> None:
            if error is None:
                connected.callback(made[0])
            else:
                connected.errback(error)

        def cancelled(_: object) -> None:
            task.throw(CancelledError())

        task = Task(dialling(), ended)
        connected: Deferred[IProtocol] = Deferred(cancelled)
        task.resume()
        return connected

    def _adopted(self, dialled: Dialled, factory: IProtocolFactory) -> IProtocol:
        """The protocol, on a transport of Twisted's that has the connection from now on."""
        self._poller.unregister(dialled.fd)
        receiver = _Receiver(factory)
        with socket.socket(fileno=dialled.fd) as ours:  # Twisted takes a copy of the descriptor
            self.transport = self._reactor.adoptStreamConnection(ours.fileno(), ours.family, receiver)
        protocol: IProtocol = receiver.protocol
        if dialled.early:
            protocol.dataReceived(dialled.early)
        return protocol


class _Receiver(Factory):
    """Remembers the protocol that another factory makes."""

    noisy = False
    protocol: Any = None

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self.protocol = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
        return self.protocol


@implementer(IAgentEndpointFactory)
class _Errand:
    """One question to one URL by one exit."""

    def __init__(self, client: ExitClient, way: Way) -> None:
        self._client = client
        self._way = way
        self._made: list[ExitEndpoint] = []

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode("ascii")
        endpoint = self._client.endpoint(self._way, host, uri.port)
        self._made.append(endpoint)
        return wrapClientTLS(self._client.tls(host), endpoint) if uri.scheme == b"https" else endpoint

    def end(self) -> None:
        """Leave nothing open, whatever came of it."""
        for endpoint in self._made:
            if endpoint.transport is not None:
                endpoint.transport.abortConnection()


class ExitClient:
    """Asks URLs through exits."""

    def __init__(self, reactor: Any, poller: Poller, dialler: Dialler) -> None:
        self._reactor = reactor
        self._poller = poller
        self._dialler = dialler
        self._tls: tuple[str, Any] = "", None
        self._numbers = count(1)

    async def status(self, url: str, way: Way) -> int:
        """What the URL answers with; no redirect is followed and no body read.  Any exception where it does not answer.

        To cancel ends it; nothing stays open.
        """
        errand = _Errand(self, way)
        client = HTTPClient(Agent.usingEndpointFactory(self._reactor, errand))
        try:
            response = await client.get(
                url,
                headers=Headers({"User-Agent": ["meshd"]}),
                allow_redirects=False,
                unbuffered=True,
                reactor=self._reactor,
            )
            return int(response.code)
        finally:
            errand.end()

    def endpoint(self, way: Way, host: str, port: int) -> ExitEndpoint:
        return ExitEndpoint(self._reactor, self._poller, self._dialler, way, host, port, next(self._numbers))

    def tls(self, host: str) -> Any:
        """To make one reads all certificates that the system trusts, and the same host is asked for each time."""
        if self._tls[0] != host:
            self._tls = host, optionsForClientTLS(host)
        return self._tls[1]
