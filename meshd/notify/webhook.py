"""Posting one notice to a webhook, by Twisted's HTTP client, and what came of it in a line.

The URL's host is looked up once, every address is judged, and those very addresses are dialled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.internet.ssl import optionsForClientTLS
from twisted.web.client import Agent, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from meshd.dns.resolver import ResolveError, Resolver
from meshd.exits.destinations import ANYWHERE, Judge
from meshd.notify import document, signing
from meshd.notify.deadline import Deadline
from meshd.notify.retrying import Outcome, answered
from meshd.notify.wire import MOST, Wire
from meshd.tls.server import trust_of
from meshd.topology import DestinationRules
from meshd.values.notices import Notice, Webhook

ADDRESSES = 3
"""Addresses of a name that are tried, one after the other."""

PUBLIC = DestinationRules(allow=(), ports=((1, 65535),), deny_ports=())


class Unreached(Exception):
    """There was no connection, so that another address may be tried; the text says why."""


class Place(NamedTuple):
    """Where a URL leads."""

    host: str
    """Lower case, without brackets and without a dot at its end."""
    port: int
    secure: bool


def place(url: str) -> Place:
    """Where a URL that the settings took leads."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return Place((parts.hostname or "").rstrip("."), parts.port or (443 if secure else 80), secure)


@implementer(IBodyProducer)
class _Whole:
    """A body in one write: it is short, and needs no event loop of its own to be sent."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """All is sent already."""

    def resumeProducing(self) -> None:
        """All is sent already."""

    def stopProducing(self) -> None:
        """All is sent already."""


class Poster:
    """Posts notices."""

    def __init__(self, reactor: Any, resolver: Resolver) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._judges = {True: Judge(ANYWHERE), False: Judge(PUBLIC)}
        self._options: tuple[tuple[str, str], Any] = ("", ""), None
        """The TLS options that were used last, by host and authority: to make them reads all trusted certificates."""

    async def post(self, webhook: Webhook, notice: Notice, now: float) -> Outcome:
        """Try once.  No failure of the receiver's raises."""
        url = place(webhook.url)
        try:
            tls = self._tls(url.host, webhook.ca) if url.secure else None
            addresses = (await self._resolver.resolve(url.host)).addresses
        except ResolveError as error:
            return Outcome("again", f"its host cannot be looked up ({error})")
        except (OSError, SSL.Error, ValueError):
            return Outcome("again", "the file of its certificate's authority cannot be used")
        if self._judges[webhook.private].addresses(addresses, url.port) is not None:
            return Outcome("again", "it leads to a private address, which private = true allows")
        outcome = Outcome("again", "it has no address")
        for address in addresses[:ADDRESSES]:
            try:
                return await self._ask(webhook, notice, now, Wire(*self._way(address, url.port, tls)))
            except Unreached as error:
                outcome = Outcome("again", str(error))
        return outcome

    def _way(self, address: str, port: int, tls: Any) -> tuple[Any, str, int, Any, Deadline]:
        return self._reactor, address, port, tls, Deadline(self._reactor)

    def _tls(self, host: str, ca: str) -> Any:
        """Raises: OSError, ValueError, SSL.Error for a file that is no authority's."""
        if self._options[0] != (host, ca):
            trust = {"trustRoot": trust_of(Path(ca))} if ca else {}
            self._options = (host, ca), optionsForClientTLS(host, **trust)
        return self._options[1]

    async def _ask(self, webhook: Webhook, notice: Notice, now: float, wire: Wire) -> Outcome:
        """Raises: Unreached; CancelledError where that is given up meanwhile."""
        body = document.body(notice)
        fields = signing.fields(webhook.secrets, notice.notice, int(now), body)
        headers = {"User-Agent": "meshd", "Content-Type": "application/json", **fields}
        agent = Agent.usingEndpointFactory(self._reactor, wire)
        asking: Deferred[Any] = agent.request(
            b"POST",
            webhook.url.encode("ascii"),
            Headers({name: [value] for name, value in headers.items()}),
            _Whole(body),
        )
        wire.deadline.follow(asking)
        try:
            response = await asking
        except CancelledError:
            if not wire.deadline.why:
                raise
            return _in_vain(wire, wire.deadline.why)
        except Exception as error:
            if not wire.deadline.why and _cancelled(error):
                raise CancelledError from error
            return _in_vain(wire, wire.deadline.why or _told(error, wire))
        finally:
            wire.deadline.end()
            wire.abort()
        after = response.headers.getRawHeaders("retry-after")
        return answered(int(response.code), after[0] if after else None, now)


def _cancelled(error: BaseException) -> bool:
    """Whether a request was given up: one that was written already says so among its reasons only."""
    return isinstance(error, ResponseFailed) and any(each.check(CancelledError) for each in error.reasons)


def _in_vain(wire: Wire, why: str) -> Outcome:
    """Raises: Unreached where there was no connection."""
    if wire.transport is None:
        raise Unreached(why)
    return Outcome("again", why)


def _told(error: BaseException, wire: Wire) -> str:
    """Why there was no answer."""
    if wire.excessive:
        return f"it says more than {MOST} bytes and no end of its answer's head"
    for cause in [each.value for each in error.reasons] if isinstance(error, ResponseFailed) else [error]:
        if isinstance(cause, VerificationError):
            return "TLS: its certificate is for another name"
        if isinstance(cause, SSL.Error):
            words = [part[-1] for part in cause.args[0]] if cause.args and isinstance(cause.args[0], list) else []
            return f"TLS: {words[0] if words and words[0] else 'the handshake failed'}"
    if wire.transport is None:
        return f"no connection ({type(error).__name__})"
    if wire.tls and not wire.secured:
        return "TLS: the connection ended during the handshake"
    return "the connection ended, or made no sense, before there was an answer"
