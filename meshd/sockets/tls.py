"""TLS of the data plane with upstream proxies and servers.

Twisted has the socket and does the TLS; the data plane gets one end of a socket pair in its place (see `halves`), and
so counts, bounds and times the plain bytes.  TLS has no half-close here: the end of one direction ends both, after
everything was delivered.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
)
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from meshd.bounded import Bounded
from meshd.sockets.halves import Outside, Single
from meshd.sockets.poll import Poller
from meshd.sockets.wheel import Wheel
from meshd.tls.server import trust_of
from meshd.topology import UpstreamProxy

CONTEXTS = 64
"""Upstream proxies whose TLS context is remembered; to make a context reads all certificates the system trusts."""


class TLSUpstreams:
    """Speaks TLS with upstream proxies whose certificate is valid for their name."""

    def __init__(self, reactor: Any, poller: Poller, wheel: Wheel, patience: Callable[[], float]) -> None:
        self._reactor = reactor
        self._parts = poller, wheel, patience
        self._contexts: Bounded[tuple[str, str, int], Any] = Bounded(lambda: CONTEXTS)

    async def __call__(self, fd: int, upstream: UpstreamProxy) -> int | None:
        """Take over fd, connected to upstream, and give a descriptor with the plain bytes; None where TLS fails.

        Runs in a Task.  The caller must not close fd, whatever the outcome.
        """
        try:
            factory = self._factory(fd, upstream)
        except OSError:
            return None
        return await _wrapped(self._reactor, _Upstream(*self._parts, half_closes=False), factory, fd)

    def _factory(self, fd: int, upstream: UpstreamProxy) -> TLSMemoryBIOFactory:
        """Remember or make the factory.  Raises: OSError, after closing fd, where the CA file cannot be used."""
        try:
            changed = Path(upstream.ca).stat().st_mtime_ns if upstream.ca else 0
            key = upstream.host, upstream.ca, changed
            factory = self._contexts.pop(key, None) or _client_factory(self._reactor, upstream)
        except (OSError, ValueError, SSL.Error) as error:
            socket.socket(fileno=fd).close()
            raise OSError("no trust") from error
        self._contexts.put(key, factory)
        return factory


class TLSServers:
    """Speaks TLS with servers whose certificate nobody has vouched for: private ones have whatever they made."""

    def __init__(self, reactor: Any, poller: Poller, wheel: Wheel, patience: Callable[[], float]) -> None:
        self._reactor = reactor
        self._parts = poller, wheel, patience
        self._context = context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
        context.set_alpn_protos([b"http/1.1"])

    async def __call__(self, fd: int, name: str) -> int | None:
        """As in TLSUpstreams; name: the server's, "" where it has none but an address."""
        factory = TLSMemoryBIOFactory(_By(self._context, name), True, Factory(), clock=self._reactor)
        return await _wrapped(self._reactor, _Upstream(*self._parts, half_closes=False), factory, fd)


@implementer(IOpenSSLClientConnectionCreator)
class _By:
    """Makes connections with one context."""

    def __init__(self, context: SSL.Context, name: str = "") -> None:
        """name: the server's, which a client tells; "" for none."""
        self._context = context
        self._name = name

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._name:
            connection.set_tlsext_host_name(self._name.encode("ascii"))
        return connection


@implementer(IHandshakeListener)
class _Upstream(Outside):
    """The side of an upstream proxy, from the first byte of the handshake on."""

    def __init__(self, *parts: Any, half_closes: bool) -> None:
        super().__init__(*parts, half_closes=half_closes)
        self.agreed: Deferred[bool] = Deferred()
        """Fires with True when the handshake is complete, with False when the connection is lost before."""

    def handshakeCompleted(self) -> None:
        self.agreed.callback(True)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if not self.agreed.called:
            self.agreed.callback(False)
        super().connectionLost(reason)


def _client_factory(reactor: Any, upstream: UpstreamProxy) -> TLSMemoryBIOFactory:
    """Make a factory that trusts the upstream's CA file, or the system.  Raises: OSError, ValueError, SSL.Error."""
    trust = trust_of(Path(upstream.ca)) if upstream.ca else None
    options = optionsForClientTLS(upstream.host, trust)
    return TLSMemoryBIOFactory(options, True, Factory(), clock=reactor)


async def _wrapped(reactor: Any, outside: _Upstream, factory: TLSMemoryBIOFactory, fd: int) -> int | None:
    """The same towards a server, once the handshake is complete; None where it fails."""
    try:
        _adopt(reactor, fd, factory, outside)
    except OSError:
        return None
    try:
        return outside.join(reactor) if await outside.agreed else None
    except OSError:
        outside.drop()
        return None
    except BaseException:
        outside.drop()
        raise


def _adopt(reactor: Any, fd: int, factory: TLSMemoryBIOFactory, outside: Outside) -> None:
    """Give Twisted a connected socket, with TLS between it and outside.  Raises: OSError where the peer has left."""
    with socket.socket(fileno=fd) as adopted:
        reactor.adoptStreamConnection(fd, adopted.family, Single(TLSMemoryBIOProtocol(factory, outside)))
