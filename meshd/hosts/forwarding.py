"""A request on its way to an upstream of its host, and the response on the way back.

Another upstream is tried where one has failed, as long as nothing was sent of a request that may not be repeated.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from meshd.hosts.answers import HTML, answer
from meshd.hosts.fieldrules import Known
from meshd.hosts.plane import HostPlane
from meshd.hosts.reaching import reach
from meshd.hosts.request import HostRequest
from meshd.hosts.response import WITHOUT_LENGTH, HostResponse
from meshd.hosts.senders import USER, Sender, told_fields
from meshd.hosts.sites import Place, Site, chosen
from meshd.hosts.vitals import Hold, Vital, usable
from meshd.http1.errors import BadMessage
from meshd.http1.head import ResponseHead
from meshd.model import Refusal
from meshd.passing.forwarding import Forwarding
from meshd.passing.kept import Key, Origin
from meshd.passing.record import Record
from meshd.sockets.ends import Abandoned, Stopped
from meshd.sockets.race import TIMEOUT, DialError
from meshd.values.published import Ejection, ProxyHost

NO_UPSTREAM = Refusal("no-upstream", "none is up")
FAILED = frozenset(
    {
        TIMEOUT,
        "acl-private",
        "bad-response",
        "connection-refused",
        "connection-reset",
        "dns-error",
        "dns-timeout",
        "exit-failed",
        "first-byte-timeout",
        "response-head-too-large",
        "response-incomplete",
        "tls-failed",
        "unreachable",
    }
)
"""Reasons that are an upstream's fault."""


class Sent(NamedTuple):
    """How far a request has come on its way to an upstream."""

    vital: Vital
    hold: Hold
    """How it counts on that upstream."""
    origin: Origin[HostResponse] | None = None
    """The connection on which it was sent; None where it was not."""
    came: bytes | None = None
    """The first bytes that came back: none where the connection has ended since."""
    stopped: Stopped | None = None
    """Why no answer is waited for any longer; None where it is."""


class HostForwarding(Forwarding[HostResponse]):
    """One request and its response."""

    __slots__ = ("_hold", "_place", "_record", "_sender", "_site", "_user", "_vital")

    without = WITHOUT_LENGTH
    ours = ()

    _plane: HostPlane
    _request: HostRequest
    _site: Site
    _sender: Sender
    _record: Record
    _user: str
    _vital: Vital
    """The upstream that is asked."""

    def told(self, site: Site, sender: Sender, record: Record, user: str) -> None:
        """Set what the request is passed on by.  user: the name of who has signed in, to be told; "" for nobody."""
        self._site = site
        self._sender = sender
        self._record = record
        self._user = user
        self._place: Place = site.find(self._request.target.path)
        record.departure = self._hold = Hold()

    async def run(self, sent: Sent | None = None) -> Origin[HostResponse] | None:
        """Forward the request and its response, from where it has come to; the connection where the upstream has
        changed protocols, else None.
        Raises: Stopped, ClientGone, DialError.
        """
        origin: Origin[HostResponse] | None = None
        if sent is not None:
            self._record.departure = self._hold = sent.hold
        try:
            origin, response = await self._ask_any(sent)
            if response.status in self._site.pages:
                origin.close()
                await self._show_page(response.status)
                return None
            if response.status == 101:
                self._client.begin_answer(101)
                await self._client.deliver(self._head_of(response))
                return origin
            complete = await self._answer(origin, response)
        except BaseException:
            if origin is not None:
                origin.close()
            raise
        finally:
            if self._sending is not None:
                self._sending.throw(Abandoned())
        if complete and response.reusable and self.uploaded:
            self._plane.origins.keep(origin, response.kept_for(self._plane.live.timeouts.keep_alive))
        else:
            origin.close()
        return None

    # To the upstream

    async def _ask_any(self, sent: Sent | None) -> tuple[Origin[HostResponse], HostResponse]:
        """Ask one upstream, or one after the other.  Raises: DialError, Stopped, ClientGone."""
        wheel, tried = self._plane.wheel, list[Vital]()
        timed = bool(self._ejection.slowest)  # the clock is read for nothing else
        while True:
            vital = self._vital = self._chosen(tried) if sent is None else sent.vital
            began = wheel.seconds() if timed else 0.0
            try:
                if sent is None:
                    origin, response = await self._ask()
                elif sent.stopped is None:
                    origin, response = await self._ask(sent.origin, sent.came)
                else:
                    raise sent.stopped
            except (DialError, Stopped) as error:
                if not self._may_try_another(error, vital, tried):
                    raise
                sent = None
            else:
                if timed:
                    seconds = wheel.seconds()
                    vital.answered(self._ejection, seconds - began, seconds)
                return origin, response

    def _chosen(self, tried: list[Vital]) -> Vital:
        """An upstream that is up, counted.  Raises: Stopped where there is none."""
        plane, path, address = self._plane, self._request.target.path, self._sender.address
        vital = chosen(self._site, self._place, path, address, plane.wheel.monotonic, plane.chance, tried)
        if vital is None:
            raise Stopped(NO_UPSTREAM)
        self._hold.move(vital)
        return vital

    @property
    def _ejection(self) -> Ejection:
        host = self._site.host
        assert isinstance(host, ProxyHost)
        return host.ejection

    def _may_try_another(self, error: DialError | Stopped, vital: Vital, tried: list[Vital]) -> bool:
        """Note a failure of the upstream; whether the request may go to another one, of which there is one left."""
        if error.refusal.reason not in FAILED:
            return False
        vital.failed(self._ejection, self._plane.wheel.seconds())
        tried.append(vital)
        unsent = isinstance(error, DialError) or error.refusal.reason == TIMEOUT
        may = (unsent and self.uploaded) or self._request.safe_to_repeat
        return may and bool(usable(self._place.vitals, self._plane.wheel.monotonic, tried))

    async def _connect(self) -> Origin[HostResponse]:
        plane, vital = self._plane, self._vital
        upstream = vital.upstream
        key: Key = (self._site.host.id, "", vital.scheme, "", upstream.host, upstream.port)
        kept = plane.origins
        origin = kept.take(key) if self._request.safe_to_repeat else await kept.take_alive(key)
        self._record.exit = vital.label
        if origin is not None:
            return origin
        self._client.phase(TIMEOUT, plane.live.timeouts.connect)
        dialled = await reach(plane, vital.scheme, upstream)
        return plane.origins.new(key, dialled)

    def _request_head(self) -> bytes:
        request = self._request
        heard, target = request.heard, request.target
        path = self._place.sent(target.path)
        passed = heard.passed
        key = self._site, self._user, self._sender
        if passed is not None and passed[0] == key and self._site.request_rules.steady:
            host, lines = passed[1], passed[2]
        else:
            host, lines = self._written()
            heard.passed = key, host, lines
        start = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b" % (request.method, path, host, lines)
        if upgrade := request.upgrade:
            return start + b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % upgrade
        return start + b"\r\n"

    def _written(self) -> tuple[bytes, bytes]:
        """The Host and the field lines that the upstream is sent, without an upgrade."""
        request, site = self._request, self._site
        access = site.access
        drop = _AUTHORIZATION if access is not None and access.logins and not access.pass_auth else _NONE
        fields = told_fields(request.heard.fields, self._sender, request.framing, drop=drop)
        if self._user:
            fields.append((USER.title(), self._user.encode()))
        fields = [(b"Host", request.target.authority), *fields]
        if site.request_rules:
            fields = site.request_rules.apply(fields, self._known())
        hosts = [value for name, value in fields if name.lower() == b"host"]
        lines = b"".join(b"%b: %b\r\n" % pair for pair in fields if pair[0].lower() != b"host")
        return hosts[-1] if hosts and hosts[-1] else request.target.authority, lines

    # From the upstream

    def _understood(self, origin: Origin[HostResponse], head: ResponseHead, raw: bytes) -> HostResponse:
        """Check a final response's head, and remember it; 101 is accepted only for the protocol that was asked for."""
        wanted = self._request.upgrade
        if head.status == 101 and not (wanted and head.fields.tokens(b"upgrade") == [wanted]):
            raise Stopped(Refusal("bad-response", "unexpected 101"))
        try:
            response = HostResponse(self._request.method, head, raw)
        except BadMessage as bad:
            raise Stopped(Refusal("bad-response", bad.rule)) from None
        origin.learn(response)
        return response

    def _head_of(self, response: HostResponse) -> bytes:
        site, request = self._site, self._request
        hsts = site.hsts if self._sender.secure else ""
        known = self._known() if site.response_rules else None
        return response.render(request.minor, request.keep, hsts, site.response_rules, known)

    def _known(self) -> Known:
        """What placeholders in the host's rules stand for."""
        target, sender = self._request.target, self._sender
        scheme = b"https" if sender.secure else b"http"
        host, id_ = target.host.encode("ascii"), self._record.id.encode()
        return Known(sender.address.encode(), scheme, host, self._request.method, target.path, id_)

    async def _show_page(self, status: int) -> None:
        """Answer with the host's own page in the place of the upstream's.  Raises: ClientGone, Stopped."""
        site, request, client = self._site, self._request, self._client
        if not self.uploaded or self._plane.draining:
            request.keep = False
        phrase = HTTPStatus(status).phrase
        hsts = [("Strict-Transport-Security", site.hsts)] if site.hsts and self._sender.secure else []
        with_body = request.method != b"HEAD"
        shown = answer(status, phrase, site.pages[status], HTML, hsts, keep=request.keep, with_body=with_body)
        client.begin_answer(status)
        await client.deliver(shown)


_AUTHORIZATION = frozenset({b"authorization"})
_NONE: frozenset[bytes] = frozenset()
