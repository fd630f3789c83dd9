"""Streams of HTTP/2, each served as a connection of HTTP/1.1: the site's own, but for whose it is and how it ends."""

from __future__ import annotations

import os
import socket
from typing import Any, Protocol

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from meshd.values.addresses import peer_host
from meshd.web.server.crossing import CrossingChannel


class Stream(Protocol):
    """What a stream's server tells of it."""

    def known(self, account_id: int) -> None:
        """Hear that a request on it has signed in; account_id: 0 where that is not known."""

    def cut(self) -> None:
        """Hear that its end, which follows, is no proper one."""

    def gone(self) -> None:
        """Hear that its socket is closed."""


class _Place:
    """A place that the session has: its streams take none at the gate."""

    def move(self, host: str) -> bool:
        return True

    def leave(self) -> None:
        """Do nothing: it is the session's to leave."""


@implementer(IHalfCloseableProtocol)
class StreamChannel(CrossingChannel):
    """One stream, whose client is the session's."""

    _ended = False
    """Whether the client sends no more."""

    def __init__(self, peer: IAddress, stream: Stream) -> None:
        super().__init__()
        self._client = peer
        self._stream = stream
        self.ticket: Any = _Place()

    def getPeer(self) -> IAddress:
        return self._client

    def _host(self) -> str:
        return peer_host(self._client)

    def isSecure(self) -> bool:
        return True

    def has_to_cross(self, request: Any) -> bool:
        """Whether it is an extended CONNECT: what follows is a tunnel's, and no request (RFC 8441)."""
        return bool(request.requestHeaders.hasHeader(b"upgrade"))  # a field that no request of HTTP/2 has itself

    def signed_in(self, account_id: int) -> None:
        self._stream.known(account_id)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 (Twisted's signature)
        super().connectionLost(reason)
        if not reason.check(ConnectionDone):
            self._stream.cut()
        self._stream.gone()

    def readConnectionLost(self) -> None:
        """Hear that the stream's client sends no more; it may read on where the connection is another's by now."""
        self._ended = True
        if self._taker is not None:
            self._taker.ended()
        else:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: who reads no more is noticed on the other side."""

    def _part(self, properly: bool) -> None:
        """As of any connection; a proper end leaves the client's own direction open: to close both would be a reset."""
        self.transport.unregisterProducer()
        if not properly:
            self._stream.cut()
        if properly and not self._ended:
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()


class _One(Factory):
    """Makes the channel of one stream."""

    noisy = False

    def __init__(self, site: Any, channel: StreamChannel) -> None:
        self._site = site
        self._channel = channel

    def buildProtocol(self, addr: IAddress | None) -> StreamChannel:
        channel = self._channel
        channel.factory = channel.site = self._site
        channel.requestFactory = self._site.requestFactory
        channel.timeOut = None
        return channel


def serve_stream(reactor: Any, site: Any, peer: IAddress, fd: int, stream: Stream) -> None:
    """Serve a stream by the site; fd: the end of a pair, closed here.  Raises: OSError, without descriptors."""
    try:
        os.set_blocking(fd, False)
        reactor.adoptStreamConnection(fd, socket.AF_UNIX, _One(site, StreamChannel(peer, stream)))
    finally:
        os.close(fd)
