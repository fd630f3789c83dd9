"""The API's port: TLS, or a client that forgot the `s` of https, told apart by the first byte.

A plain-HTTP request is answered 302 to the same address by HTTPS, and its credentials are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from meshd.http1.errors import BadMessage
from meshd.http1.grammar import method_read
from meshd.http1.head import HeadLimits, RequestHead, read_request
from meshd.tls.server import ReloadableTLS
from meshd.values.addresses import peer_host
from meshd.web.server.deadline import GRACE, LINGER, Deadline
from meshd.web.server.heads import for_method
from meshd.web.server.introduction import Introduced
from meshd.web.server.site import ApiSite

_HANDSHAKE = b"\x16"  # RFC 8446, 5.1: the content type that a TLS conversation begins with
_LETTERS = re.compile(rb"[A-Z\r]")
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,253}+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_PATH = re.compile(rb"/[\x21-\x7e]*+\Z")
_ABSOLUTE = re.compile(rb"http://[^/?#]*+", re.IGNORECASE)


class _AnyTransport(TLSMemoryBIOProtocol):
    """TLS also over a unix socket, where Twisted's own fails since it takes every transport for TCP.

    Small writes are not gathered for a later turn of the reactor, as Twisted does: an answer is one write.
    """

    @property
    def preferred(self) -> bytes:
        """The protocol that its client may choose beside HTTP/1.1; b"" for none."""
        return self.factory.preferred(self.answering)  # type: ignore[attr-defined,no-any-return]

    @property
    def answering(self) -> str:
        """The address that answers for what its client does, "" for none: a balancer does not for whom it leaves
        unnamed, as it would for all of these.
        """
        inside: Any = self.transport
        return inside.named if isinstance(inside, Introduced) else peer_host(inside.getPeer())

    def setTcpNoDelay(self, enabled: bool) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(enabled)

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        """Free the traceback of a client that hangs up without close_notify: it would keep 70 kB until a collection."""
        super()._tlsShutdownFinished(reason)
        if reason is not None:
            reason.cleanFailure()


class _Wrapping(TLSMemoryBIOFactory):
    protocol = _AnyTransport
    preferred: Callable[[str], bytes]


class TLSFront(Factory):
    """Builds a Front for each connection."""

    noisy = False

    def __init__(
        self,
        reactor: IReactorTime,
        site: ApiSite,
        tls: ReloadableTLS,
        preferred: Callable[[str], bytes] = lambda peer: b"",
    ) -> None:
        """preferred: by the address that answers for a client, the protocol that it may choose beside HTTP/1.1; b"" for
        none.
        """
        self.reactor = reactor
        self.site = site
        self.wrapping = _Wrapping(tls, False, site, clock=reactor)
        self.wrapping.preferred = preferred

    def buildProtocol(self, addr: IAddress | None) -> Front:  # type: ignore[override]
        return Front(self)


class Front(Protocol):
    """A connection until its first byte has told TLS from plain HTTP; TLS is then passed on to the site."""

    transport: Any
    factory: TLSFront

    def __init__(self, factory: TLSFront) -> None:
        self.factory = factory
        self._deadline = Deadline(factory.reactor)
        self._inner: Any = None
        self._plain = bytearray()
        self._answered = False

    def connectionMade(self) -> None:
        self._ticket = self.factory.site.gate.enter(self._host())
        self._bounds = self.factory.site.bounds()
        if self._ticket is None:
            self._abort()
        else:
            self._deadline.start(self._bounds.head, self._abort)

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
        elif self._answered or self._ticket is None:
            return
        elif not self._plain and data[:1] == _HANDSHAKE:
            self._hand_over(data)
        else:
            seen = len(self._plain)
            self._plain += data
            self._redirect(seen)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 (Twisted's signature)
        self._deadline.end()
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif self._ticket is not None:
            self._ticket.leave()

    def _hand_over(self, data: bytes) -> None:
        self._deadline.end()
        self._inner = self.factory.wrapping.buildProtocol(self.transport.getPeer())
        self._inner.wrappedProtocol.ticket = self._ticket
        self._inner.makeConnection(self.transport)
        self._inner.dataReceived(data)

    def _redirect(self, seen: int) -> None:
        if not _LETTERS.match(self._plain):
            self._abort()  # neither TLS nor HTTP
            return
        bounds = self._bounds
        limits = HeadLimits(bounds.line_bytes, bounds.head_bytes, bounds.fields)
        try:
            head = read_request(self._plain, limits, seen)
        except BadMessage as bad:
            self._answer(bad.status, "malformed request")
            return
        if head is not None:
            self._answer_head(head)

    def _answer_head(self, head: RequestHead) -> None:
        location = https_location(head)
        if location is None:
            self._answer(400, "this port speaks HTTPS; the request names no host that could be redirected to")
        else:
            self._answer(302, "use HTTPS", location, linger=len(self._plain) > head.size or _has_body(head))

    def _answer(self, status: int, detail: str, location: str = "", *, linger: bool = True) -> None:
        """Answer and close; linger: close later, since a client that is still sending would see a reset otherwise."""
        self._answered = True
        where = (("Location", location),) if location else ()
        site = self.factory.site
        self.transport.write(for_method(site.api.closing_answer(status, detail, *where), method_read(self._plain)))
        site.note_refusal(self._host(), status, detail)
        if linger:
            self._deadline.start(LINGER, self._close)
        else:
            self._close()

    def _close(self) -> None:
        self._deadline.start(GRACE, self._abort)
        self.transport.loseConnection()

    def _abort(self) -> None:
        self.transport.abortConnection()

    def _host(self) -> str:
        return peer_host(self.transport.getPeer())


def https_location(head: RequestHead) -> str | None:
    """The https URL of a request on the host and port that the client named; None for a request without a host."""
    hosts = head.fields.all(b"host")
    target = _ABSOLUTE.sub(b"", head.target, count=1) or b"/"
    if len(hosts) != 1 or not _HOST.match(hosts[0]) or not _PATH.match(target):
        return None
    return f"https://{hosts[0].decode('ascii')}{target.decode('ascii')}"


def _has_body(head: RequestHead) -> bool:
    return b"transfer-encoding" in head.fields or head.fields.get(b"content-length") not in (None, b"0")
