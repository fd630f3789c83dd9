"""What only Twisted can make sense of (PROXY protocol, TLS) brought to the data plane by a pair of Unix sockets.

Two Twisted transports are joined, each reading as fast as the other takes it: the one outside, and one end of the pair.
The other end is the data plane's.  When that closes it, or resets it, the one outside hears of it from the poller.
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
"""For the peer to end its side too, once it was sent everything.  It may never do so, and holds two descriptors."""


@implementer(IHalfCloseableProtocol)
class Half(Protocol):
    """One side; what comes goes to the other, as fast as that takes it."""

    transport: Any
    other: Half | None = None
    half_closes = True
    """Whether its transport can end one direction alone."""

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def readConnectionLost(self) -> None:
        if self.other is not None:
            self.other.end()

    def writeConnectionLost(self) -> None:
        """The peer reads no more; the reading side says so too."""

    def end(self) -> None:
        """Nothing more comes from the other side: deliver what came, and say so."""
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
            other.transport.resumeProducing()  # or it would not notice its own end
            other.transport.loseConnection()


class Outside(Half):
    """The side of a client, or of an upstream proxy."""

    deadline = 0.0
    slot = 0
    lost = False
    _ended = False
    """Whether all that the data plane had to say has been written."""
    _until = 0.0
    """On the wheel; meaningful once the data plane has closed its end."""

    def __init__(self, poller: Poller, wheel: Wheel, patience: Callable[[], float], *, half_closes: bool) -> None:
        """patience: seconds to deliver what was left when the data plane closed its end."""
        self._poller = poller
        self._wheel = wheel
        self._patience = patience
        self.half_closes = half_closes

    def join(self, reactor: Any) -> int:
        """The data plane's end of a new pair whose other end gets what comes from outside.  OSError."""
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

    # What the poller and the wheel tell

    def closed(self) -> None:
        """The data plane has let go of its end."""
        if not self.lost:
            self._poller.lingers(self)
            self._until = self._wheel.now + self._patience()
            self._linger()

    def abort(self) -> None:
        """It is to look like no end.  By TLS a close without its own goodbye does, and delivers what there is."""
        if self.lost:
            return
        if self.half_closes:
            self.drop()
        else:
            self._hang_up()

    def drop(self) -> None:
        """Be gone at once."""
        if not self.lost:
            self.transport.abortConnection()

    def expired(self) -> None:
        """It had its moment; what is still to be delivered to a slow peer may take longer."""
        if self._wheel.now >= self._until:
            self.drop()
            return
        if self._ended:
            self._hang_up()
        self._linger()

    def _linger(self) -> None:
        self._wheel.arm(self, max(0.0, min(LINGER_SECONDS, self._until - self._wheel.now)))

    def _hang_up(self) -> None:
        """Close as soon as everything is in the kernel's hands, whether the peer ends its side or not."""
        below = self.transport if self.half_closes else self.transport.transport  # TLS would wait for the peer's alert
        below.loseConnection()


class Single(Factory):
    """Gives out the one protocol that it was made for."""

    noisy = False

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._protocol
