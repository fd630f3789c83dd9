"""Twisted's HTTP client through an exit: asks a URL from the operator's settings for its status, and nothing else.

The data plane's dialler connects; the socket is then Twisted's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from itertools import count
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory
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
    """Twisted's client endpoint for a host and a port, reached by one exit."""

    def __init__(
        self, reactor: Any, poller: Poller, dialler: Dialler, way: Way, host: str, port: int, asker: int = 0
    ) -> None:
        """host: a name, or an address without brackets; asker: a number under which DNS look-ups are bounded."""
        self._reactor = reactor
        self._poller = poller
        self._dialler = dialler
        self._way = way
        self._target = host, port
        self._asker = asker
        self.transport: Any = None
        """The transport, once the endpoint is connected; None before."""

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; cancelling the Deferred ends the attempt.  Raises: DialError, OSError."""
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
        """Give the connection to a Twisted transport, with a protocol of that factory, and return the protocol."""
        self._poller.unregister(dialled.fd)
        receiver = _Receiver(factory)
        with socket.socket(fileno=dialled.fd) as ours:  # Twisted duplicates the descriptor
            self.transport = self._reactor.adoptStreamConnection(ours.fileno(), ours.family, receiver)
        protocol: IProtocol = receiver.protocol
        if dialled.early:
            protocol.dataReceived(dialled.early)
        return protocol


class _Receiver(Factory):
    """A factory that remembers the protocol that another factory makes."""

    noisy = False
    protocol: Any = None

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self.protocol = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
        return self.protocol


@implementer(IStreamClientEndpoint)
class Secured:
    """The same by TLS; unlike that of `wrapClientTLS` it works on any reactor, and not on the installed one alone."""

    def __init__(self, reactor: Any, endpoint: IStreamClientEndpoint, options: Any) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._options = options

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        factory = TLSMemoryBIOFactory(self._options, True, protocolFactory, clock=self._reactor)
        connected: Deferred[Any] = self._endpoint.connect(factory)
        return connected.addCallback(lambda protocol: protocol.wrappedProtocol)


@implementer(IAgentEndpointFactory)
class Errand:
    """The connections of one request to one URL by one exit."""

    def __init__(self, client: ExitClient, way: Way, tls: Callable[[str], Any] | None = None) -> None:
        """tls: gives the TLS options for a host; those of the client where it is None."""
        self._client = client
        self._way = way
        self._tls = tls or client.tls
        self._made: list[ExitEndpoint] = []

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode("ascii")
        endpoint = self._client.endpoint(self._way, host, uri.port)
        self._made.append(endpoint)
        return Secured(self._client.reactor, endpoint, self._tls(host)) if uri.scheme == b"https" else endpoint

    def end(self) -> None:
        """Abort every connection that was made, whatever became of the request."""
        for endpoint in self._made:
            if endpoint.transport is not None:
                endpoint.transport.abortConnection()


class ExitClient:
    """Requests URLs through exits."""

    def __init__(self, reactor: Any, poller: Poller, dialler: Dialler) -> None:
        self.reactor = reactor
        self._poller = poller
        self._dialler = dialler
        self._tls: tuple[str, Any] = "", None
        self._numbers = count(1)

    async def status(self, url: str, way: Way) -> int:
        """Request the URL and give the answer's status; no redirect is followed, no body read, and nothing stays open.
        Raises: any Exception where no answer comes.
        """
        errand = Errand(self, way)
        client = HTTPClient(Agent.usingEndpointFactory(self.reactor, errand))
        try:
            response = await client.get(
                url,
                headers=Headers({"User-Agent": ["meshd"]}),
                allow_redirects=False,
                unbuffered=True,
                reactor=self.reactor,
            )
            return int(response.code)
        finally:
            errand.end()

    def endpoint(self, way: Way, host: str, port: int) -> ExitEndpoint:
        return ExitEndpoint(self.reactor, self._poller, self._dialler, way, host, port, next(self._numbers))

    def tls(self, host: str) -> Any:
        """TLS options for that host; remembered for the latest host, as making them reads all trusted certificates."""
        if self._tls[0] != host:
            self._tls = host, optionsForClientTLS(host)
        return self._tls[1]
