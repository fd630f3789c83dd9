"""What only Twisted can make sense of (PROXY protocol, TLS) brought to the data plane by a pair of Unix sockets.

Two Twisted transports are joined, each reading as fast as the other writes: the peer's, and one end of the pair.  The
other end is the data plane's.  When the data plane closes or resets its end, the poller tells the peer's side.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from meshd.sockets.poll import Poller
from meshd.sockets.wheel import Wheel

LINGER_SECONDS = 2.0
"""Seconds for the peer to end its side once it was sent everything: it may never do so, and holds two descriptors."""


@implementer(IHalfCloseableProtocol)
class Half(Protocol):
    """One of two joined transports: what comes in goes to the other half, as fast as the other half takes it."""

    transport: Any
    other: Half | None = None
    half_closes = True
    """Whether the transport can end one direction alone."""

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def readConnectionLost(self) -> None:
        if self.other is not None:
            self.other.end()

    def writeConnectionLost(self) -> None:
        """Do nothing: a peer that reads no more is noticed on the reading side too."""

    def end(self) -> None:
        """Deliver what came from the other half, which sends no more, and then end this side."""
        if self.half_closes:
            self.transport.loseWriteConnection()
        else:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.unregisterProducer()
            other.transport.resumeProducing()  # a paused transport would not notice its own end
            other.transport.loseConnection()


class Outside(Half):
    """The half whose transport goes to a client or to an upstream proxy."""

    deadline = 0.0
    slot = 0
    lost = False
    _ended = False
    """Whether the data plane has ended its side, and all of its bytes were given to the transport."""
    _until = 0.0
    """When to drop the connection, on the wheel's clock; only used once the data plane has closed its end."""

    def __init__(self, poller: Poller, wheel: Wheel, patience: Callable[[], float], *, half_closes: bool) -> None:
        """patience: seconds to deliver what was left when the data plane closed its end."""
        self._poller = poller
        self._wheel = wheel
        self._patience = patience
        self.half_closes = half_closes

    def join(self, reactor: Any) -> int:
        """Make a socket pair, join one end with this side, and give the data plane's end.  Raises: OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            for end in (ours, theirs):
                end.setblocking(False)
            inside = Half()
            reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, Single(inside))
            inside.other, self.other = self, inside
            inside.transport.registerProducer(self.transport, True)
            self.transport.registerProducer(inside.transport, True)
            self._poller.stand_behind(theirs.fileno(), self)
            return theirs.detach()

    def end(self) -> None:
        self._ended = True
        super().end()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = True
        self._wheel.disarm(self)
        self._poller.lingers_no_more(self)
        super().connectionLost(reason)

    # Called by the poller and the wheel

    def closed(self) -> None:
        """Begin to deliver what is left, since the data plane has closed its end of the pair."""
        if not self.lost:
            self._poller.lingers(self)
            self._until = self._wheel.monotonic + self._patience()
            self._linger()

    def abort(self) -> None:
        """Close so that the peer sees no proper end: by a reset, or over TLS without close_notify, all delivered."""
        if self.lost:
            return
        if self.half_closes:
            self.drop()
        else:
            self._hang_up()

    def drop(self) -> None:
        """Abort the connection at once."""
        if not self.lost:
            self.transport.abortConnection()

    def expired(self) -> None:
        """Close where the peer only lingers; drop where `_until` has passed; else give a slow peer more time."""
        if self._wheel.monotonic >= self._until:
            self.drop()
            return
        if self._ended:
            self._hang_up()
        self._linger()

    def _linger(self) -> None:
        self._wheel.arm(self, max(0.0, min(LINGER_SECONDS, self._until - self._wheel.monotonic)))

    def _hang_up(self) -> None:
        """Close as soon as the kernel has taken everything, whether the peer ends its side or not."""
        below = self.transport if self.half_closes else self.transport.transport  # TLS would wait for the peer's alert
        below.loseConnection()


class Single(Factory):
    """A factory of one protocol that exists already."""

    noisy = False

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._protocol
