"""An absolute-form request: sent to the origin, its response brought back, both counted.

Nothing is copied from one side's head to the other's but end-to-end fields: the request line, `Host` and the framing
are written anew from what was understood (RFC 9112, section 11.2).
"""

from __future__ import annotations

from meshd.exits.agreeing import EXIT_FAILED
from meshd.exits.answers import NOT_REACHED
from meshd.exits.departure import Departure
from meshd.exits.handshake import REFUSED_US, authorization
from meshd.exits.private import private_path
from meshd.http1.errors import BadMessage
from meshd.http1.head import ResponseHead
from meshd.http1.render import render_request
from meshd.http1.target import AbsoluteForm
from meshd.model import Admission, Refusal
from meshd.passing.forwarding import Forwarding
from meshd.passing.kept import Key, Origin
from meshd.passing.record import Record
from meshd.passing.upload import OURS
from meshd.proxy.barring import check_again
from meshd.proxy.client import Client
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.proxy.response import WITHOUT_LENGTH, ProxyResponse, UpstreamResponse, VisibleResponse
from meshd.sockets.ends import Abandoned, Stopped
from meshd.sockets.race import Blame, DialError

TLS_PORT = 443
"""The port that every HTTP proxy opens tunnels to; some say 403 to any other, whoever asks."""

ASKED = "asked"
"""Stands for a source address in the key of a connection on which an upstream HTTP proxy is asked itself: what it is
told, its password first, must get on no connection that leads to an origin, by whatever settings that one was made."""

Begun = tuple[Origin[ProxyResponse], bytes] | tuple[None, None]
"""A connection on which the request was sent, and the first bytes that came back: none where it has ended since."""

NOT_BEGUN: Begun = (None, None)
"""Nothing was sent yet."""

NO_ECHO = Refusal("not-implemented", "another proxy would show you what it is told by us: ask through a tunnel")


class ProxyForwarding(Forwarding[ProxyResponse]):
    """One request on its way to an origin, or to the upstream proxy that is asked in the origin's place."""

    __slots__ = ("_admission", "_departure", "_record")

    without = WITHOUT_LENGTH
    ours = OURS

    _plane: DataPlane
    _client: Client
    _request: ProxyRequest

    async def run(
        self, departure: Departure, record: Record, admission: Admission, begun: Begun = NOT_BEGUN
    ) -> Origin[ProxyResponse] | None:
        """Forward the request and its response, from where it was begun; the connection where the origin has switched
        protocols, else None.
        Raises: Stopped, ClientGone, DialError.
        """
        self._departure = departure
        self._record = record
        self._admission = admission
        origin: Origin[ProxyResponse] | None = None
        try:
            origin, response = await self._ask(*begun)
            if response.status >= 400 and self._asks_upstream():
                asked, origin = origin, None
                origin, response = await self._ask_on(asked, response)
            else:
                departure.succeeded()
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
        if complete and response.reusable and self.uploaded and not self._showed_credentials():
            self._plane.origins.keep(origin, response.kept_for(self._plane.live.timeouts.keep_alive))
        else:
            origin.close()
        return None

    # To the origin

    async def _ask_on(
        self, origin: Origin[ProxyResponse], response: ProxyResponse
    ) -> tuple[Origin[ProxyResponse], ProxyResponse]:
        """Ask by another exit where this answer says that the exit refuses to serve us, or of a failure of its own.
        Raises: DialError, Stopped, ClientGone.
        """
        departure = self._departure
        left = self._plane.live.limits.exit_retries
        while True:
            try:
                no = await self._no_of_exit(response)
            except BaseException:
                origin.close()
                raise
            if no is None or no.blame != "exit":
                departure.succeeded()
            if no is None:
                return origin, response
            origin.close()
            if self._sending is not None:
                self._sending.throw(Abandoned())
            again = self._sendable_again and (no.refusal.reason in NOT_REACHED or self._repeatable)
            if not departure.another(no.blame, left if again else 0, no.cause):
                raise no
            left -= 1
            origin, response = await self._ask()

    async def _no_of_exit(self, response: ProxyResponse) -> DialError | None:
        """The failure that an upstream proxy tells of in its answer; None where the answer is the origin's."""
        proxy = self._departure.choice.exit.upstream
        if response.status < 400 or not self._asks_upstream() or proxy is None:
            return None
        if response.status in REFUSED_US:
            target = self._request.target
            ports = (TLS_PORT, target.port)
            error = await self._departure.refuses_us(
                target.host, ports, self._client.phase, sure=response.status == 407
            )
            self._client.phase("first-byte-timeout", self._bound(self._plane.live.timeouts.first_byte))
            if error is not None:
                return DialError(EXIT_FAILED, "exit", error.cause)
        found = response.page
        if found is None:
            return None
        if proxy.visible:
            self._record.note_outcome("exit-answered")
            return None
        blame: Blame = "exit" if found.reason == "exit-failed" else "either"
        if found.reason == "connection-refused":
            blame = "destination"
        return DialError(Refusal(found.reason), blame, found.cause)

    async def _connect(self) -> Origin[ProxyResponse]:
        """As in Forwarding, by the rules that hold then."""
        request, plane, departure, meter = self._request, self._plane, self._departure, self._client.meter
        assert meter is not None
        kept, topology, terms = plane.origins, plane.live.topology, meter.tally.terms
        choice, key = departure.choice, self._key()
        origin = kept.take(key) if request.safe_to_repeat else await kept.take_alive(key)
        if origin is not None and (
            topology is not plane.live.topology
            or (departure.bar is not None and not departure.may_reach(origin.wire.peer))
        ):
            origin.close()
            origin = None
        if origin is None:
            target = request.target
            dialled = await departure.dial(target.host, target.port, self._client.phase, tunnel=request.websocket)
            if departure.choice is not choice:
                choice, key = departure.choice, self._key()
            origin = kept.new(key, dialled)
            if dialled.early:
                origin.close()
                raise Stopped(Refusal("bad-response", "an answer before the request"))
        if self._asks_upstream():
            assert isinstance(request.target, AbsoluteForm)
            no = NO_ECHO if request.echoed else private_path(request.target.path)
            if no is not None:
                origin.close()
                raise Stopped(no)
        self._record.exit = choice.label(departure.selection, origin.source)
        departure.address = origin.wire.peer
        try:
            check_again(departure, terms, meter)
        except BaseException:
            origin.close()
            raise
        return origin

    def _key(self) -> Key:
        departure, target = self._departure, self._request.target
        choice = departure.choice
        way = choice.outlet.exit.name, ASKED if self._asks_upstream() else choice.source
        return (self._admission.account.id, departure.selection.session, *way, target.host, target.port)

    def _bound(self, seconds: float) -> float:
        """The seconds to wait, which the client's own wish may only shorten."""
        wish = self._departure.patience
        return min(seconds, wish) if wish else seconds

    def _asks_upstream(self) -> bool:
        """Whether an upstream HTTP proxy is asked for the resource, rather than the origin."""
        return self._departure.choice.outlet.is_asked_itself and not self._request.websocket

    def _showed_credentials(self) -> bool:
        """Whether an upstream proxy was shown credentials here, and might pass the next request's on to the origin."""
        proxy = self._departure.choice.outlet.exit.upstream
        return proxy is not None and not proxy.reuse and self._asks_upstream() and bool(authorization(proxy))

    def _request_head(self) -> bytes:
        request = self._request
        target = request.target
        assert isinstance(target, AbsoluteForm)
        fields = request.origin_fields(self._admission.consumed)
        if request.websocket:
            fields = [*fields, (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        if not self._asks_upstream():
            return render_request(request.method, target.path, target.authority, fields)
        proxy = self._departure.choice.exit.upstream
        assert proxy is not None
        if credential := authorization(proxy):
            fields = [*fields, (b"Proxy-Authorization", credential)]
        return render_request(request.method, b"http://" + target.authority + target.path, target.authority, fields)

    # From the origin

    def _understood(self, origin: Origin[ProxyResponse], head: ResponseHead, raw: bytes) -> ProxyResponse:
        """Check a final response's head, and remember it; 101 is accepted only for the protocol that was asked for."""
        if head.status == 101 and not (self._request.websocket and head.fields.tokens(b"upgrade") == [b"websocket"]):
            raise Stopped(Refusal("bad-response", "unexpected 101"))
        try:
            kind = UpstreamResponse if self._asks_upstream() else ProxyResponse
            if kind is UpstreamResponse and (proxy := self._departure.choice.exit.upstream) and proxy.visible:
                kind = VisibleResponse
            response = kind(self._request.method, head, raw)
        except BadMessage as bad:
            raise Stopped(Refusal("bad-response", bad.rule)) from None
        origin.learn(response)
        return response

    def _head_of(self, response: ProxyResponse) -> bytes:
        request = self._request
        topology = self._plane.live.topology
        status = f'meshd; request-id="{self._record.id}"' if topology.proxy_status_on_forwarded else ""
        return response.render(request.minor, request.keep, self._record.exit, self._departure.choice.not_found, status)
