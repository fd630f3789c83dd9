"""TLS on either side of the data plane: clients that come by it, and upstream proxies that are reached by it.

Twisted has the socket and does the TLS; the data plane gets one end of a socket pair in its place (see `halves`), and
so counts, bounds and times what is inside.  TLS has no half-close here: the end of one direction ends both, after
everything was delivered.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from meshd.sockets.halves import Outside, Single
from meshd.sockets.poll import Poller
from meshd.sockets.wheel import Wheel
from meshd.tls.server import trust_of
from meshd.topology import UpstreamProxy

CONTEXTS = 64
"""Names of upstream proxies that a context is remembered for; to make one reads all that the system trusts."""


class TLSClients:
    """Takes the TLS off what clients send."""

    def __init__(
        self,
        reactor: Any,
        poller: Poller,
        wheel: Wheel,
        tls: IOpenSSLServerConnectionCreator,
        patience: Callable[[], float],
    ) -> None:
        """patience: seconds to deliver what was left when the data plane closed its end."""
        self._reactor = reactor
        self._parts = poller, wheel, patience
        self._factory = TLSMemoryBIOFactory(tls, False, Factory(), clock=reactor)

    def __call__(self, fd: int, received: bytes, agreed: Callable[[], None]) -> int:
        """A descriptor in the place of fd, of a client whose handshake begins with these bytes.  OSError.

        agreed: called when the handshake has come to its end.
        """
        outside = _Client(*self._parts, half_closes=False)
        outside.agreed = agreed
        _adopt(self._reactor, fd, self._factory, outside)
        try:
            end = outside.join(self._reactor)
        except OSError:
            outside.drop()
            raise
        outside.transport.dataReceived(received)
        return end


class TLSUpstreams:
    """Speaks TLS to upstream proxies, and only to those that are whom they claim to be."""

    def __init__(self, reactor: Any, poller: Poller, wheel: Wheel, patience: Callable[[], float]) -> None:
        self._reactor = reactor
        self._parts = poller, wheel, patience
        self._contexts: OrderedDict[tuple[str, str, int], Any] = OrderedDict()

    async def __call__(self, fd: int, upstream: UpstreamProxy) -> int | None:
        """A descriptor in the place of fd, which is connected to upstream; None where it does not prove itself.

        Runs in a Task.  Whatever comes of it, fd is taken care of.
        """
        outside = _Upstream(*self._parts, half_closes=False)
        try:
            factory = self._factory(fd, upstream)
            _adopt(self._reactor, fd, factory, outside)
        except OSError:
            return None
        try:
            return outside.join(self._reactor) if await outside.agreed else None
        except OSError:
            outside.drop()
            return None
        except BaseException:
            outside.drop()
            raise

    def _factory(self, fd: int, upstream: UpstreamProxy) -> TLSMemoryBIOFactory:
        """OSError where the certificates to trust cannot be read; fd is closed then."""
        try:
            changed = Path(upstream.ca).stat().st_mtime_ns if upstream.ca else 0
            key = upstream.host, upstream.ca, changed
            factory = self._contexts.pop(key, None) or _client_factory(self._reactor, upstream)
        except (OSError, ValueError, SSL.Error) as error:
            socket.socket(fileno=fd).close()
            raise OSError("no trust") from error
        self._contexts[key] = factory
        if len(self._contexts) > CONTEXTS:
            self._contexts.popitem(last=False)
        return factory


@implementer(IHandshakeListener)
class _Client(Outside):
    """A client from the first byte of the handshake."""

    agreed: Callable[[], None] | None = None
    """Forgotten once it was called, or its owner would wait for a collection."""

    def handshakeCompleted(self) -> None:
        agreed, self.agreed = self.agreed, None
        if agreed is not None:
            agreed()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.agreed = None
        super().connectionLost(reason)


@implementer(IHandshakeListener)
class _Upstream(Outside):
    """An upstream proxy from the first byte of the handshake."""

    def __init__(self, *parts: Any, half_closes: bool) -> None:
        super().__init__(*parts, half_closes=half_closes)
        self.agreed: Deferred[bool] = Deferred()
        """Fires with whether the handshake has come to its end."""

    def handshakeCompleted(self) -> None:
        self.agreed.callback(True)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if not self.agreed.called:
            self.agreed.callback(False)
        super().connectionLost(reason)


def _client_factory(reactor: Any, upstream: UpstreamProxy) -> TLSMemoryBIOFactory:
    """OSError, ValueError, SSL.Error: of the file of certificates."""
    trust = trust_of(Path(upstream.ca)) if upstream.ca else None
    options = optionsForClientTLS(upstream.host, trust)
    return TLSMemoryBIOFactory(options, True, Factory(), clock=reactor)


def _adopt(reactor: Any, fd: int, factory: TLSMemoryBIOFactory, outside: Outside) -> None:
    """Let Twisted have a connected socket, with TLS between it and outside.  OSError where the peer has left."""
    with socket.socket(fileno=fd) as adopted:
        reactor.adoptStreamConnection(fd, adopted.family, Single(TLSMemoryBIOProtocol(factory, outside)))
