"""Lists of exits fetched from their URLs, by treq, within bounds of time and size.

The data plane's dialler connects, so an address is judged as a customer's destination is, at each redirect anew.  What
goes wrong is told in words that have nothing of the URL.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from OpenSSL import SSL
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import NOT_MODIFIED, OK
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from zope.interface import implementer

from meshd.config.exits.kept import BYTES, MIB, Fetched, State
from meshd.config.exits.remote import HTTPS, RemoteList
from meshd.exits.client import Errand, ExitClient
from meshd.exits.dialling import Dialler
from meshd.sockets.poll import Poller
from meshd.sockets.race import DialError
from meshd.tls.server import trust_of
from meshd.topology import Exit

SECONDS = 60.0
"""Seconds for one list, redirects and body included."""
REDIRECTS = 5
CODING = "X-Coding"
"""Where the field for the coding is kept from treq."""
MOVED = frozenset({301, 302, 303, 307, 308})
NEVER = frozenset({"acl-private", "acl-port", "acl-host"})
"""Why an address is refused."""


class FetchError(Exception):
    """A list was not fetched; the text says why, and has nothing of the URL but perhaps its host."""


class Plain(NamedTuple):
    """The way out by this machine's own address."""

    exit: Exit = Exit("direct", "direct")
    source: str = ""


class Fetcher:
    """Fetches lists."""

    def __init__(self, reactor: Any, poller: Poller, dialler: Dialler) -> None:
        """dialler: by the rules for customers' destinations."""
        self._reactor = reactor
        self._judged = ExitClient(reactor, poller, dialler)
        self._unjudged = ExitClient(reactor, poller, dialler.unjudged())

    async def fetch(self, source: RemoteList, known: State) -> Fetched:
        """The list, or that it is the one that is known.  Raises: FetchError."""
        try:
            fetching = Deferred.fromCoroutine(self._fetched(source, _conditions(source, known)))
            return await fetching.addTimeout(SECONDS, self._reactor, _late)
        except DialError as error:
            raise FetchError(_of_dial(error)) from None
        except (ResponseFailed, ResponseNeverReceived) as error:
            raise FetchError(_of_response(error)) from None
        except OSError:
            raise FetchError("its server cannot be reached") from None
        except ValueError:
            raise FetchError("it led to a URL that cannot be asked for") from None

    async def _fetched(self, source: RemoteList, conditions: dict[str, str]) -> Fetched:
        url = source.bare
        for _ in range(REDIRECTS + 1):
            found = await self._asked(source, url, conditions)
            if isinstance(found, Fetched):
                return found
            url = _following(url, found)
        raise FetchError(f"more than {REDIRECTS} redirects")

    async def _asked(self, source: RemoteList, url: str, conditions: dict[str, str]) -> Fetched | str:
        """The list, or where it has moved to.  Raises: FetchError, and what Twisted raises."""
        client = self._unjudged if source.private else self._judged
        errand = Errand(client, Plain(), lambda host: _tls(host, source.ca))
        treq = HTTPClient(_Undecoded(Agent.usingEndpointFactory(self._reactor, errand)))
        fields = {"User-Agent": "meshd", **conditions, **_login(source, url)}
        try:
            response = await treq.get(
                url,
                headers=Headers({name: [value] for name, value in fields.items()}),
                allow_redirects=False,
                unbuffered=True,
                reactor=self._reactor,
            )
            if response.code in MOVED:
                return _first(response.headers, "Location")
            if response.code == NOT_MODIFIED and conditions:
                return Fetched(None)
            if response.code != OK:
                raise FetchError(f"the server answers {response.code}")
            coding = _first(response.headers, CODING).lower()
            if coding not in ("", "identity", "gzip"):
                raise FetchError("an answer in a coding that was not asked for")
            body = await _body(response)
            etag, modified = (_first(response.headers, name) for name in ("ETag", "Last-Modified"))
            return Fetched(body, etag, modified, coding == "gzip")
        finally:
            errand.end()


@implementer(IAgent)
class _Undecoded:
    """An agent whose answers are left as they came: treq would unpack without a bound, and take half of a gzip."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def request(self, method: bytes, uri: bytes, headers: Any = None, bodyProducer: Any = None) -> Deferred[IResponse]:
        asked: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return asked.addCallback(self._renamed)

    def _renamed(self, response: IResponse) -> IResponse:
        codings = response.headers.getRawHeaders("Content-Encoding", [])
        response.headers.removeHeader("Content-Encoding")
        response.headers.setRawHeaders(CODING, [", ".join(codings)])
        return response


class _Body(Protocol):
    """Gathers a body, up to a bound."""

    def __init__(self, whole: Deferred[bytes]) -> None:
        self._whole = whole
        self._pieces: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= BYTES:
            self._pieces.append(data)
        elif not self._whole.called:
            self._pieces.clear()
            self._whole.errback(FetchError(f"the list has more than {MIB} MiB"))

    def connectionLost(self, reason: Any = None) -> None:
        if self._whole.called:
            return
        if isinstance(reason, Failure) and reason.check(ResponseDone):
            self._whole.callback(b"".join(self._pieces))
        else:
            self._whole.errback(FetchError("the answer broke off, or does not tell where it ends"))


def _late(result: object, seconds: float) -> Failure:
    return Failure(FetchError(f"no whole answer within {seconds:g} s"))


def _body(response: Any) -> Deferred[bytes]:
    # Cancelled by the deadline; the connection is aborted by whoever asked.
    whole: Deferred[bytes] = Deferred()
    response.deliverBody(_Body(whole))
    return whole


def _conditions(source: RemoteList, known: State) -> dict[str, str]:
    """What asks for a newer list alone; nothing where the list that is known came from another URL."""
    if known.source != source.digest or not known.exits:
        return {}
    fields = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {name: value for name, value in fields.items() if value}


def _login(source: RemoteList, url: str) -> dict[str, str]:
    """Credentials, for the very server that they were given for."""
    parts = urlsplit(url)
    if source.login is None or (parts.hostname, parts.port or HTTPS) != source.server:
        return {}
    return {"Authorization": f"Basic {b64encode(':'.join(source.login).encode()).decode()}"}


def _following(url: str, location: str) -> str:
    """Where a redirect leads.  Raises: FetchError."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        whole = bool(location and parts.hostname) and target.isascii() and target.isprintable()
        parts.port  # noqa: B018 (raises a ValueError for what is no port)
    except ValueError:
        whole = False
    if not whole or parts.username is not None:
        raise FetchError("a redirect that leads nowhere")
    if parts.scheme != "https":
        raise FetchError("a redirect to what is not https")
    return parts._replace(fragment="").geturl()


def _first(headers: Headers, name: str) -> str:
    return next(iter(headers.getRawHeaders(name, [])), "")


def _tls(host: str, ca: str) -> Any:
    """Raises: FetchError."""
    try:
        return optionsForClientTLS(host, trustRoot=trust_of(Path(ca)) if ca else None)
    except (OSError, ValueError, SSL.Error):
        raise FetchError("the file of its authorities (`ca`) cannot be read") from None


def _of_dial(error: DialError) -> str:
    if error.refusal.reason in NEVER:
        return f"its server is where customers may not go ({error.cause}): say private = true if you mean it"
    return f"its server cannot be reached ({error.cause})"


def _of_response(error: ResponseFailed | ResponseNeverReceived) -> str:
    kinds = [each.type for each in error.reasons if each.type is not None]
    if any(issubclass(kind, SSL.Error) or "Verif" in kind.__name__ for kind in kinds):
        return "no TLS with its server: its certificate is not trusted, or is another's"
    return "the connection broke off"
