"""An absolute-form request: sent to the origin, its response brought back, both counted.

Nothing is copied from one side's head to the other's but end-to-end fields: the request line, `Host` and the framing
are written anew from what was understood (RFC 9112, section 11.2).
"""

from __future__ import annotations

from typing import Protocol

from meshd.http1.errors import BadMessage
from meshd.http1.framing import (
    LAST_CHUNK,
    Chunked,
    ChunkReader,
    Length,
    LengthReader,
    NoBody,
    UntilClose,
    chunk,
    response_framing,
)
from meshd.http1.head import ResponseHead, read_response
from meshd.http1.keep import end_to_end, keeps_alive
from meshd.http1.render import render_request, render_response
from meshd.http1.target import AbsoluteForm
from meshd.model import Admission, Refusal
from meshd.proxy.exits import Choice
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.proxy.task import Task
from meshd.proxy.upstream import Upstream
from meshd.proxy.wire import Wire
from meshd.usage.meter import Meter

_RESPONSE_DROP = frozenset({b"transfer-encoding", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-status"})
_OURS = (b"x-proxymesh-",)


class Stopped(Exception):
    """The exchange ends here; the client learns why where it has not got another answer yet."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class ClientGone(Exception):
    """The client has left; there is nobody to answer."""


class Client(Protocol):
    """What forwarding asks of the client's side."""

    wire: Wire
    buffer: bytes
    task: Task

    def phase(self, reason: str, seconds: float) -> None:
        """Until the next call the exchange may take so long, or ends with that reason."""

    def alive(self) -> None:
        """Something moved."""

    async def deliver(self, data: bytes) -> None:
        """Send and count bytes of the answer.  ClientGone, Stopped."""

    def begin_answer(self, status: int) -> None:
        """From now on the origin's answer is on its way."""


class Forwarding:
    """One request on its way to an origin and back."""

    __slots__ = (
        "_admission",
        "_choice",
        "_client",
        "_meter",
        "_plane",
        "_request",
        "_upload",
        "_uploaded",
        "late",
        "source",
    )

    def __init__(
        self,
        plane: DataPlane,
        client: Client,
        request: ProxyRequest,
        admission: Admission,
        meter: Meter,
        choice: Choice,
    ) -> None:
        self._plane = plane
        self._client = client
        self._request = request
        self._admission = admission
        self._meter = meter
        self._choice = choice
        self._upload: Task | None = None
        self._uploaded = True
        self.source = choice.exit.label
        """The address it left by, as soon as it is known."""
        self.late = b""
        """What the origin sent after it switched protocols, not yet delivered."""

    async def run(self) -> Upstream | None:
        """The whole exchange.

        An Upstream is returned where the origin switched protocols: its connection is a tunnel from now on.
        Stopped, ClientGone, DialError.
        """
        try:
            upstream, response, rest = await self._ask()
        except BaseException:
            self._end_upload()
            raise
        try:
            if response.status == 101:
                await self._client.deliver(self._response_head(response, NoBody()))
                self.late = rest
                return upstream
            reusable = await self._answer(upstream, response, rest)
        except BaseException:
            upstream.wire.close()
            raise
        finally:
            self._end_upload()
        if reusable and self._uploaded:
            self._plane.upstreams.keep(upstream, self._plane.topology.timeouts.keep_alive)
        else:
            upstream.wire.close()
        return None

    @property
    def body_read(self) -> bool:
        """Whether the client's whole body was taken: else its connection is of no further use."""
        return self._uploaded

    async def _ask(self) -> tuple[Upstream, ResponseHead, bytes]:
        """Send the request, over a kept connection if there is one, and read the final response's head."""
        head = self._request_head()
        counted = False
        while True:
            upstream = await self._connect()
            if not counted:
                self._count_up(self._request.size)
                counted = True
            try:
                await self._send(upstream, head)
                response, rest = await self._final_head(upstream)
            except OSError:
                upstream.wire.close()
                if not upstream.used or not self._request.safe_to_repeat:
                    raise Stopped(Refusal("connection-reset")) from None
            except BaseException:
                upstream.wire.close()
                raise
            else:
                return upstream, response, rest

    async def _connect(self) -> Upstream:
        target = self._request.target
        exit_ = self._choice.exit
        key = (self._admission.account.id, self._request.wishes.session, exit_.name, target.host, target.port)
        pool = self._plane.upstreams
        upstream = pool.take(key)
        if upstream is None:
            self._client.phase("connection-timeout", self._bound(self._plane.topology.timeouts.connect))
            dialled = await self._plane.dialler.dial(target.host, target.port, exit_)
            upstream = pool.new(key, dialled.fd, dialled.address, dialled.source)
        self.source = self._choice.exit.address or upstream.source
        return upstream

    def _bound(self, seconds: float) -> float:
        """The client's own wish may only shorten a wait."""
        wish = self._request.timeout
        return min(seconds, wish) if wish else seconds

    def _request_head(self) -> bytes:
        request = self._request
        target = request.target
        assert isinstance(target, AbsoluteForm)
        fields = request.origin_fields(self._admission.consumed)
        match request.framing:
            case Length(size):
                fields.append((b"Content-Length", b"%d" % size))
            case Chunked():
                fields.append((b"Transfer-Encoding", b"chunked"))
            case _:
                pass
        if request.websocket:
            fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        return render_request(request.method, target.path, target.authority, fields)

    async def _send(self, upstream: Upstream, head: bytes) -> None:
        """The head, and the body as far as it is here; the rest is sent by a task of its own while we listen."""
        client = self._client
        request = self._request
        client.phase("first-byte-timeout", self._bound(self._plane.topology.timeouts.first_byte))
        if not request.has_body:
            await upstream.wire.send(head)
            return
        self._uploaded = False
        reader: ChunkReader | LengthReader
        reader = LengthReader(request.framing.n) if isinstance(request.framing, Length) else ChunkReader()
        body = self._take(reader, client.buffer)
        await upstream.wire.send(head + body)
        if reader.done:
            self._all_taken(reader)
        else:
            self._upload = Task(self._send_rest(upstream, reader), self._upload_ended)
            self._upload.resume()

    async def _send_rest(self, upstream: Upstream, reader: ChunkReader | LengthReader) -> None:
        client = self._client
        while not reader.done:
            try:
                data = await client.wire.receive()
            except OSError:
                raise ClientGone from None
            if not data:
                raise ClientGone
            body = self._take(reader, data)
            client.alive()
            if body:
                await upstream.wire.send(body)
        self._all_taken(reader)

    def _take(self, reader: ChunkReader | LengthReader, data: bytes) -> bytes:
        """What of data belongs to the body, framed anew; counted as the client framed it."""
        pieces = reader.feed(data)
        self._count_up(len(data) - len(reader.unused))
        if isinstance(reader, LengthReader):
            return b"".join(pieces)
        framed = b"".join(map(chunk, pieces))
        return framed + _last_chunk(reader) if reader.done else framed

    def _all_taken(self, reader: ChunkReader | LengthReader) -> None:
        self._client.buffer = bytes(reader.unused)
        self._uploaded = True

    def _upload_ended(self, error: BaseException | None) -> None:
        """An origin that stopped listening may still answer; a client that left or erred ends the exchange."""
        self._upload = None
        if isinstance(error, OSError | Abandoned) or error is None:
            return
        task = self._client.task
        if not task.throw(error) and not task.over:
            raise error  # into the task itself, which is beginning the upload

    def _end_upload(self) -> None:
        if self._upload is not None:
            self._upload.throw(Abandoned())

    def _count_up(self, size: int) -> None:
        if size:
            self._meter.sent_up(size)

    async def _final_head(self, upstream: Upstream) -> tuple[ResponseHead, bytes]:
        """The head of the final response and the bytes after it; interim ones are passed on.

        ConnectionResetError where a connection ended without a byte, which a kept one may.
        """
        limits = self._plane.topology.limits
        buffer = b""
        interim = 0
        while True:
            data = await upstream.wire.receive()
            if not data:
                if buffer or interim:
                    raise Stopped(Refusal("response-incomplete"))
                raise ConnectionResetError
            buffer = buffer + data if buffer else data
            while (response := self._read_head(buffer, limits.response_head_bytes)) is not None:
                buffer = buffer[response.size :]
                if response.status >= 200 or response.status == 101:
                    return self._accepted(response), buffer
                interim += 1
                if interim > limits.interim_responses:
                    raise Stopped(Refusal("bad-response", "too many interim responses"))
                await self._pass_interim(response)
                if not buffer:
                    break

    def _read_head(self, buffer: bytes, limit: int) -> ResponseHead | None:
        if not buffer:
            return None
        try:
            return read_response(buffer, limit)
        except BadMessage:
            raise Stopped(Refusal("bad-response")) from None

    def _accepted(self, response: ResponseHead) -> ResponseHead:
        """Protocols are switched only for those who asked, and only as they asked."""
        if response.status == 101 and not (
            self._request.websocket and (response.fields.get(b"upgrade") or b"").lower() == b"websocket"
        ):
            raise Stopped(Refusal("bad-response", "unexpected 101"))
        return response

    async def _pass_interim(self, response: ResponseHead) -> None:
        """HTTP/1.0 knows no interim responses (RFC 9110, section 15.2)."""
        if self._request.minor == 1:
            fields = end_to_end(response.fields, _RESPONSE_DROP, _OURS)
            await self._client.deliver(render_response(response.status, response.reason, fields))

    async def _answer(self, upstream: Upstream, response: ResponseHead, rest: bytes) -> bool:
        """The response to the client; whether the origin's connection can serve another request."""
        try:
            framing = response_framing(self._request.method, response)
        except BadMessage:
            raise Stopped(Refusal("bad-response")) from None
        head = self._response_head(response, framing)
        self._client.begin_answer(response.status)
        self._client.phase("idle-timeout", self._plane.topology.timeouts.idle)
        try:
            match framing:
                case NoBody():
                    await self._client.deliver(head)
                    complete = not rest
                case Length(size):
                    complete = await self._answer_length(upstream, head, rest, size)
                case Chunked():
                    complete = await self._answer_chunked(upstream, head, rest)
                case UntilClose():
                    complete = await self._answer_until_close(upstream, head, rest)
        except OSError:
            raise Stopped(Refusal("response-incomplete")) from None
        return complete and keeps_alive(response.minor, response.fields)

    def _response_head(self, response: ResponseHead, framing: object) -> bytes:
        """The origin's end-to-end fields in their order and case, framing of ours, and the exit."""
        request = self._request
        fields = [
            field for field in end_to_end(response.fields, _RESPONSE_DROP) if field[0][:12].lower() != b"x-proxymesh-"
        ]
        if isinstance(framing, Chunked) and request.minor == 1:
            fields.append((b"Transfer-Encoding", b"chunked"))
        fields.append((b"X-ProxyMesh-IP", self._label().encode()))
        if self._choice.not_found:
            fields.append((b"X-ProxyMesh-IP-Not-Found", self._choice.not_found.encode()))
        if response.status == 101:
            fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        elif isinstance(framing, UntilClose) or (isinstance(framing, Chunked) and request.minor == 0):
            request.keep = False
        if not request.keep and response.status != 101:
            fields.append((b"Connection", b"close"))
        elif request.minor == 0:
            fields.append((b"Connection", b"keep-alive"))
        return render_response(response.status, response.reason, fields)

    def _label(self) -> str:
        """The very text that was asked for where that exit was taken."""
        wishes = self._request.wishes
        exit_ = self._choice.exit
        return wishes.ip if wishes.ip and wishes.ip in {exit_.address, exit_.name} else self.source

    async def _answer_length(self, upstream: Upstream, head: bytes, rest: bytes, size: int) -> bool:
        here = len(rest)
        if here >= size:
            await self._client.deliver(head + (rest if here == size else rest[:size]))
            return here == size
        await self._client.deliver(head + rest)
        left = size - here
        while left > 0:
            data = await self._more(upstream)
            await self._client.deliver(data if len(data) <= left else data[:left])
            left -= len(data)
        return left == 0

    async def _answer_chunked(self, upstream: Upstream, head: bytes, rest: bytes) -> bool:
        """Framed anew for HTTP/1.1, unframed for HTTP/1.0."""
        reader = ChunkReader(bad=502)
        frames = self._request.minor == 1
        data = rest
        while True:
            try:
                pieces = reader.feed(data) if data else []
            except BadMessage:
                raise Stopped(Refusal("bad-response")) from None
            body = b"".join(map(chunk, pieces)) if frames else b"".join(pieces)
            if reader.done and frames:
                body += _last_chunk(reader)
            if head or body:
                await self._client.deliver(head + body)
                head = b""
            if reader.done:
                return not reader.unused
            data = await self._more(upstream)

    async def _answer_until_close(self, upstream: Upstream, head: bytes, rest: bytes) -> bool:
        await self._client.deliver(head + rest)
        while data := await upstream.wire.receive():
            await self._client.deliver(data)
        return False

    async def _more(self, upstream: Upstream) -> bytes:
        data = await upstream.wire.receive()
        if not data:
            raise Stopped(Refusal("response-incomplete"))
        return data


class Abandoned(Exception):
    """The rest of a body is not wanted any more."""


def _last_chunk(reader: ChunkReader | LengthReader) -> bytes:
    """The end of a chunked body, with those trailers that may be passed on."""
    if not reader.trailers:
        return LAST_CHUNK
    return (
        b"0\r\n"
        + b"".join(b"%b: %b\r\n" % field for field in end_to_end(reader.trailers, frozenset(), _OURS))
        + b"\r\n"
    )
