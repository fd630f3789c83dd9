"""An absolute-form request: sent to the origin, its response brought back, both counted.

Nothing is copied from one side's head to the other's but end-to-end fields: the request line, `Host` and the framing
are written anew from what was understood (RFC 9112, section 11.2).
"""

from __future__ import annotations

from meshd.exits.departure import Departure
from meshd.exits.handshake import authorization
from meshd.http1.errors import BadMessage
from meshd.http1.framing import Chunked, Length, NoBody, UntilClose
from meshd.http1.head import ResponseHead
from meshd.http1.keep import end_to_end
from meshd.http1.render import render_request, render_response
from meshd.http1.target import AbsoluteForm
from meshd.model import Admission, Refusal
from meshd.proxy.client import Client
from meshd.proxy.delivery import Delivery
from meshd.proxy.kept import Key, Origin
from meshd.proxy.plane import DataPlane
from meshd.proxy.record import Record
from meshd.proxy.request import ProxyRequest
from meshd.proxy.response import OURS, WITHOUT_LENGTH, ProxyResponse, read_head
from meshd.proxy.upload import Upload
from meshd.sockets.ends import Abandoned, ClientGone, Stopped
from meshd.sockets.task import Task

NO_ECHO = Refusal("not-implemented", "another proxy would show you what it is told by us: ask through a tunnel")


class Forwarding:
    """One request on its way to an origin, and its response on the way back."""

    __slots__ = (
        "_admission",
        "_client",
        "_departure",
        "_plane",
        "_record",
        "_request",
        "_sending",
        "late",
        "uploaded",
    )

    def __init__(self, plane: DataPlane, client: Client, request: ProxyRequest, admission: Admission) -> None:
        self._plane = plane
        self._client = client
        self._request = request
        self._admission = admission
        self._sending: Task | None = None
        self.uploaded = True
        """Whether the whole body was read from the client, whose connection else serves no further request."""
        self.late = b""
        """Bytes that the origin sent with the response's head, or after it switched protocols; not yet delivered."""

    async def run(self, departure: Departure, record: Record) -> Origin | None:
        """Forward the request and its response; the connection where the origin has switched protocols, else None.
        Raises: Stopped, ClientGone, DialError.
        """
        self._departure = departure
        self._record = record
        origin: Origin | None = None
        try:
            origin, response = await self._ask()
            departure.succeeded()
            if response.by_proxy and self._asks_upstream():
                record.note_outcome("exit-answered")
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
            self._plane.origins.keep(origin, self._plane.live.timeouts.keep_alive)
        else:
            origin.close()
        return None

    # To the origin

    async def _ask(self) -> tuple[Origin, ProxyResponse]:
        """Send the request, over a kept connection if there is one, and read the final response's head."""
        request = self._request
        origin = await self._connect()
        while True:
            try:
                await self._send(origin, self._request_head())
                response, self.late = await self._final_head(origin)
            except OSError:
                origin.close()
                if not origin.used or not request.safe_to_repeat:
                    raise Stopped(Refusal("connection-reset")) from None
            except BaseException:
                origin.close()
                raise
            else:
                return origin, response
            origin = await self._connect()

    async def _connect(self) -> Origin:
        """Take a kept connection, or make a new one.  Raises: DialError, Stopped."""
        request, plane, departure = self._request, self._plane, self._departure
        origin = plane.origins.take(self._key())
        if origin is not None and departure.bar is not None and not departure.may_reach(origin.wire.peer):
            origin.close()
            origin = None
        if origin is None:
            target = request.target
            dialled = await departure.dial(target.host, target.port, self._client.phase, tunnel=request.websocket)
            origin = plane.origins.new(self._key(), dialled)
            if dialled.early:
                origin.close()
                raise Stopped(Refusal("bad-response", "an answer before the request"))
        if request.echoed and self._asks_upstream():
            origin.close()
            raise Stopped(NO_ECHO)
        self._record.exit = departure.choice.label(departure.selection, origin.source)
        departure.address = origin.wire.peer
        return origin

    def _key(self) -> Key:
        departure, target = self._departure, self._request.target
        choice = departure.choice
        way = choice.exit.name, choice.source
        return (self._admission.account.id, departure.selection.session, *way, target.host, target.port)

    def _bound(self, seconds: float) -> float:
        """The seconds to wait, which the client's own wish may only shorten."""
        wish = self._departure.patience
        return min(seconds, wish) if wish else seconds

    def _asks_upstream(self) -> bool:
        """Whether an upstream HTTP proxy is asked for the resource, rather than the origin."""
        return self._departure.choice.exit.is_http_proxy and not self._request.websocket

    def _showed_credentials(self) -> bool:
        """Whether an upstream proxy was shown credentials here, and might pass the next request's on to the origin."""
        proxy = self._departure.choice.exit.upstream
        return proxy is not None and not proxy.reuse and self._asks_upstream() and bool(authorization(proxy))

    def _request_head(self) -> bytes:
        request = self._request
        target = request.target
        assert isinstance(target, AbsoluteForm)
        fields = request.origin_fields(self._admission.consumed)
        match request.framing:
            case Length(size):
                fields = [*fields, (b"Content-Length", b"%d" % size)]
            case Chunked():
                fields = [*fields, (b"Transfer-Encoding", b"chunked")]
            case _:
                pass
        if request.websocket:
            fields = [*fields, (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        if not self._asks_upstream():
            return render_request(request.method, target.path, target.authority, fields)
        proxy = self._departure.choice.exit.upstream
        assert proxy is not None
        if credential := authorization(proxy):
            fields = [*fields, (b"Proxy-Authorization", credential)]
        return render_request(request.method, b"http://" + target.authority + target.path, target.authority, fields)

    async def _send(self, origin: Origin, head: bytes) -> None:
        """Send the head and the part of the body that is here; a task of its own sends the rest while we read."""
        client = self._client
        client.phase("first-byte-timeout", self._bound(self._plane.live.timeouts.first_byte))
        if not self._request.has_body:
            sent = origin.wire.try_send(head)
            if sent < len(head):
                await origin.wire.send(head[sent:])
            return
        self.uploaded = False
        upload = Upload(self._request.framing)
        room = self._client.room
        begun, client.buffer = client.buffer[:room], client.buffer[room:]
        await origin.wire.send(head + await self._taken(upload, begun))
        if upload.done:
            self._all_taken(upload)
        else:
            self._sending = Task(self._send_rest(origin, upload), self._sending_ended)
            self._sending.resume()

    async def _send_rest(self, origin: Origin, upload: Upload) -> None:
        while not upload.done:
            data = await self._client.take()
            if not data:
                raise ClientGone
            body = await self._taken(upload, data)
            if body:
                await origin.wire.send(body)
        self._all_taken(upload)

    async def _taken(self, upload: Upload, data: bytes) -> bytes:
        """The bytes that the origin is sent for data, of the client; counts those of data that belong to the body."""
        try:
            body = upload.take(data)
        finally:  # the client sent malformed bytes too
            await self._client.took(len(data) - len(upload.unused), upload.pieces)
        return body

    def _all_taken(self, upload: Upload) -> None:
        self._client.buffer = bytes(upload.unused) + self._client.buffer
        self.uploaded = True

    def _sending_ended(self, error: BaseException | None) -> None:
        """End the exchange if the client left or erred; an origin that reads no more may still answer."""
        self._sending = None
        if error is None or isinstance(error, OSError | Abandoned):
            return
        task = self._client.task
        if not task.throw(error) and not task.over:
            raise error  # the client's task is running: it has called `resume` to begin this upload

    # From the origin

    async def _final_head(self, origin: Origin) -> tuple[ProxyResponse, bytes]:
        """Read the final response's head and the bytes after it; interim responses are passed on to the client.
        Raises: Stopped, ClientGone, and ConnectionResetError where not a byte came, as on a stale kept connection.
        """
        limits = self._plane.live.limits
        buffer = b""
        interim = 0
        while True:
            data = await origin.wire.receive()
            if not data:
                if buffer or interim:
                    raise Stopped(Refusal("response-incomplete"))
                raise ConnectionResetError
            told = origin.told
            if told is not None and not buffer and told.method == self._request.method and data.startswith(told.raw):
                return told, data[len(told.raw) :]
            seen = len(buffer)
            buffer = buffer + data if buffer else data
            while buffer and (head := read_head(buffer, limits.response_head_bytes, seen)) is not None:
                seen = 0
                raw, buffer = buffer[: head.size], buffer[head.size :]
                if head.status >= 200 or head.status == 101:
                    return self._understood(origin, head, raw), buffer
                interim += 1
                if interim > limits.interim_responses:
                    raise Stopped(Refusal("bad-response", "too many interim responses"))
                await self._pass_interim(head)

    def _understood(self, origin: Origin, head: ResponseHead, raw: bytes) -> ProxyResponse:
        """Check a final response's head, and remember it; 101 is accepted only for the protocol that was asked for."""
        if head.status == 407 and self._asks_upstream():
            raise Stopped(Refusal("exit-failed"))  # not noted on the outlet: the origin may have sent this 407
        if head.status == 101 and not (self._request.websocket and head.fields.tokens(b"upgrade") == [b"websocket"]):
            raise Stopped(Refusal("bad-response", "unexpected 101"))
        try:
            origin.told = response = ProxyResponse(self._request.method, head, raw)
        except BadMessage:
            raise Stopped(Refusal("bad-response")) from None
        return response

    async def _pass_interim(self, head: ResponseHead) -> None:
        """Pass an interim response on, except to HTTP/1.0, which has none (RFC 9110, section 15.2)."""
        if self._request.minor == 1:
            fields = end_to_end(head.fields, WITHOUT_LENGTH, OURS, 502)
            self._client.begin_answer(head.status)
            await self._client.deliver(render_response(head.status, head.reason, fields))
            self._client.end_interim()

    async def _answer(self, origin: Origin, response: ProxyResponse) -> bool:
        """Deliver the final response; whether it was complete and no byte came after it."""
        request = self._request
        if response.must_close(request.minor) or not self.uploaded or self._plane.draining:
            request.keep = False
        head = self._head_of(response)
        framing = response.framing
        bare = type(framing) is UntilClose or (type(framing) is Chunked and request.minor == 0)
        self._client.begin_answer(response.status, framed=not bare)
        came = len(self.late)
        if type(framing) is NoBody:
            await self._client.deliver(head)
            return not came
        if type(framing) is Length and came >= framing.n:
            await self._client.deliver(head + self.late[: framing.n])
            return came == framing.n
        self._client.phase("idle-timeout", self._plane.live.timeouts.idle)
        begun, self.late = self.late, b""
        return await Delivery(self._client, origin.wire, request.minor, begun).run(framing, head)

    def _head_of(self, response: ProxyResponse) -> bytes:
        request = self._request
        topology = self._plane.live.topology
        status = f'meshd; request-id="{self._record.id}"' if topology.proxy_status_on_forwarded else ""
        return response.render(request.minor, request.keep, self._record.exit, self._departure.choice.not_found, status)
