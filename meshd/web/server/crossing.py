"""A client's connection to the API, which may leave HTTP for another protocol and whoever carries that."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from meshd.passing.handed import Taker
from meshd.sockets.wire import unacknowledged
from meshd.tls.contexts import HTTP_2
from meshd.values.addresses import peer_host
from meshd.web.server.channel import ApiChannel, Phase
from meshd.web.server.deadline import GRACE
from meshd.web.server.requestlog import GONE
from meshd.web.server.upgrading import Asked, Refused, Upgrades, judge


class CrossingChannel(ApiChannel):
    """While its request is under way, and after it, a taker hears what becomes of the connection."""

    _taker: Taker | None = None
    _request: Any = None
    """The request for another protocol, until it is answered."""
    _switched = False
    _met = False
    """Whether the first bytes have come, before which TLS does not tell what the client has chosen."""

    def has_to_cross(self, request: Any) -> bool:
        """Whether a request may be answered by nobody but whoever speaks the protocol that it asks for."""
        return False  # an upgrade may be left aside (RFC 9110, 7.8)

    def upgrade(self, request: Any, upgrades: Upgrades) -> None:
        """Have a request served that asks for another protocol, or refuse it."""
        self._request = request
        if not (upgrades.tokens and request.path.startswith(upgrades.prefix)):
            self._no(Refused(404, "no other protocol is spoken here"))
            return
        fields = request.requestHeaders
        token = judge(request.method, request.clientproto, fields, upgrades.tokens)
        if isinstance(token, Refused):
            self._no(token)
            return
        pairs = [(name, value) for name, values in fields.getAllRawHeaders() for value in values]
        taker = upgrades.take(Asked(request.uri, token, pairs, peer_host(self.getPeer())), self)
        if isinstance(taker, Refused):
            self._no(taker)
        else:
            self._taker = taker

    def _no(self, no: Refused) -> None:
        self.decline(no.status, self.closing_answer(no.status, no.detail, *no.fields), no.detail)

    # What Twisted calls

    def dataReceived(self, data: bytes) -> None:
        if not self._met:
            self._met = True
            if getattr(self.transport, "negotiatedProtocol", None) == HTTP_2.encode("ascii"):
                self._begin_session()
        if self._switched:
            if self._taker is not None:
                self._taker.received(data)
        else:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 (Twisted's signature)
        taker, self._taker = self._taker, None
        if self._request is not None:
            self._answered(499, 0, GONE)
        super().connectionLost(reason)
        if taker is not None:
            taker.lost()

    def pauseProducing(self) -> None:
        """Send no more: the buffer of bytes to be sent is full.  What comes in has nothing to do with that any more."""
        if self._switched:
            if self._taker is not None:
                self._taker.pause()
        else:
            super().pauseProducing()

    def resumeProducing(self) -> None:
        if self._switched:
            if self._taker is not None:
                self._taker.resume()
        else:
            super().resumeProducing()

    def _begin_session(self) -> None:
        """Leave all that comes to whoever speaks HTTP/2."""
        upgrades = self.site.upgrades
        self._enter(Phase.WORK)
        self._switched = True
        if upgrades is not None and self._placed():
            self._taker = upgrades.session(self, self.getPeer(), self.transport.answering)
        if self._taker is None:
            self.cut()

    # Line

    def switch(self, head: bytes, account_id: int) -> bytes:
        """Send the answer that the other protocol begins behind, to a client who is that account's; what it has sent
        already.
        """
        self._answered(101, 0)
        self.signed_in(account_id)
        self._switched = True
        self._networkProducer.resumeProducing()  # Twisted has stopped reading where much came before the answer
        self.transport.write(head)
        early = [*self._dataBuffer, self.clearLineBuffer()]
        self._dataBuffer = []
        return b"".join(early)

    def decline(self, status: int, answer: bytes, detail: str = "") -> None:
        """Send that answer, whole, and close.  detail: for the request log."""
        self._answered(status, len(answer) - answer.find(b"\r\n\r\n") - 4, detail)
        self._taker = None
        self.end_with(answer)

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def read_on(self, on: bool, /) -> None:
        """Read what the client sends, or leave it where it is."""
        if on:
            self._networkProducer.resumeProducing()
        else:
            self._networkProducer.pauseProducing()

    def unsent(self) -> int:
        """Bytes that were sent and that the client has not taken, as far as the kernel knows; 0 where it is gone."""
        try:
            return unacknowledged(self.transport.fileno())
        except (OSError, ValueError):
            return 0

    def leave(self, seconds: float, *, properly: bool) -> None:
        """Close once all was sent, or once the client takes nothing for so many seconds.

        properly: with the end that TLS has, without which the client knows that something is missing.
        """
        if self not in self.site.open_channels:
            return
        self._phase = Phase.CLOSING
        self._taker = None
        self._await(seconds)
        self._part(properly)

    def _await(self, seconds: float) -> None:
        """Abort the connection once so many seconds have passed in which the client took nothing; where it has taken
        all, and only does not close its side, as soon as any other connection that is closed here.
        """
        left = self.unsent()

        def late() -> None:
            if seconds and self.unsent() != left:
                self._await(seconds)
            else:
                self.transport.abortConnection()

        self._deadline.start(seconds if left else min(seconds, GRACE), late)

    def _part(self, properly: bool) -> None:
        """Have the connection closed once all was sent."""
        if properly:
            self.loseConnection()
        else:
            self.transport.unregisterProducer()
            getattr(self.transport, "transport", self.transport).loseConnection()

    def _answered(self, status: int, sent: int, detail: str = "") -> None:
        request, self._request = self._request, None
        request.code, request.sentLength = status, sent
        self.site.log(request, detail)
