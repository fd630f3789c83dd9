"""One request on its way to an origin, and its response on the way back: what is the same at every edge.

Nothing is copied from one side's head to the other's but end-to-end fields: the request line, `Host` and the framing
are written anew from what was understood (RFC 9112, section 11.2).
"""

from __future__ import annotations

from typing import ClassVar, Generic, Protocol, TypeVar

from meshd.http1.framing import BodyFraming, Chunked, Length, NoBody, UntilClose
from meshd.http1.head import ResponseHead
from meshd.http1.keep import end_to_end
from meshd.http1.render import render_response
from meshd.model import Refusal
from meshd.passing.client import Recipient
from meshd.passing.delivery import Delivery
from meshd.passing.kept import Origin
from meshd.passing.plane import Plane
from meshd.passing.response import Response, read_head
from meshd.passing.upload import Upload
from meshd.sockets.ends import Abandoned, ClientGone, Stopped
from meshd.sockets.task import Task

R = TypeVar("R", bound=Response)


class Asked(Protocol):
    """A request, as far as passing it on has to know it."""

    method: bytes
    minor: int
    framing: BodyFraming
    has_body: bool
    keep: bool
    """Whether the client's connection serves another request; the response may make it False."""

    @property
    def idempotent(self) -> bool:
        """Whether to do it twice is to do it once (RFC 9110, 9.2.2)."""


class Forwarding(Generic[R]):
    """Carries one request and its response; where the request goes, and which fields change, is the subclass's."""

    __slots__ = ("_body", "_client", "_plane", "_request", "_sending", "_touched", "late", "uploaded")

    without: ClassVar[frozenset[bytes]]
    """Names in lower case of fields of interim responses that are not passed on."""
    ours: ClassVar[tuple[bytes, ...]]
    """Beginnings of names of such fields."""

    _plane: Plane
    _client: Recipient
    _request: Asked

    def __init__(self, plane: Plane, client: Recipient, request: Asked) -> None:
        self._plane = plane
        self._client = client
        self._request = request
        self._sending: Task | None = None
        self._body = b""
        """The whole body as the origin is sent it, where it was here with the request: it can be sent again."""
        self._touched = False
        """Whether bytes of the body were read from the client."""
        self.uploaded = True
        """Whether the whole body was read from the client, whose connection else serves no further request."""
        self.late = b""
        """Bytes that the origin sent with the response's head, or after it switched protocols; not yet delivered."""

    def _bound(self, seconds: float) -> float:
        """The seconds to wait for the response's first byte, of those that the settings allow."""
        return seconds

    def _head_of(self, response: R) -> bytes:
        """The head that the client gets."""
        raise NotImplementedError

    def _understood(self, origin: Origin[R], head: ResponseHead, raw: bytes) -> R:
        """Check a final response's head, and remember it (`Origin.learn`).  Raises: Stopped."""
        raise NotImplementedError

    async def _connect(self) -> Origin[R]:
        """Take a kept connection, or make a new one.  Raises: DialError, Stopped."""
        raise NotImplementedError

    def _request_head(self) -> bytes:
        """The head that the origin gets."""
        raise NotImplementedError

    # To the origin

    async def _ask(self, origin: Origin[R] | None = None, came: bytes | None = None) -> tuple[Origin[R], R]:
        """Send the request, over a kept connection if there is one, and read the final response's head.

        origin, came: a connection on which it was sent already, and the first bytes that came back; b"" where it has
        ended since.  Raises: DialError, Stopped, ClientGone.
        """
        while True:
            if origin is None:
                origin, came = await self._connect(), None
            try:
                if came is None:
                    await self._send(origin, self._request_head())
                response, self.late = await self._final_head(origin, came)
            except OSError:
                origin.close()
                if not origin.used or not self._repeatable:
                    raise Stopped(Refusal("connection-reset")) from None
            except BaseException:
                origin.close()
                raise
            else:
                if response.status != 408 or not origin.used or not self._repeatable:
                    return origin, response
                origin.close()  # no answer, but the word with which an origin ends an idle connection
            origin = None

    async def _send(self, origin: Origin[R], head: bytes) -> None:
        """Send the head and the part of the body that is here; a task of its own sends the rest while we read."""
        client = self._client
        client.phase("first-byte-timeout", self._bound(self._plane.live.timeouts.first_byte))
        if not self._request.has_body:
            sent = origin.wire.try_send(head)
            if sent < len(head):
                await origin.wire.send(head[sent:])
            return
        if self._body:
            await origin.wire.send(head + self._body)
            return
        self.uploaded = False
        upload = Upload(self._request.framing)
        room = self._client.room
        begun, client.buffer = client.buffer[:room], client.buffer[room:]
        body = await self._taken(upload, begun) if begun else b""
        if upload.done:
            self._all_taken(upload)
            self._body = body
        await origin.wire.send(head + body)
        if not upload.done:
            self._sending = Task(self._send_rest(origin, upload), self._sending_ended)
            self._sending.resume()

    async def _send_rest(self, origin: Origin[R], upload: Upload) -> None:
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
        self._touched = True
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

    @property
    def _sendable_again(self) -> bool:
        """Whether all of the request is still here."""
        return not self._request.has_body or bool(self._body) or not self._touched

    @property
    def _repeatable(self) -> bool:
        """Whether the request may and can be sent again after an origin may have got it."""
        return self._request.idempotent and (not self._request.has_body or bool(self._body))

    # From the origin

    async def _final_head(self, origin: Origin[R], data: bytes | None = None) -> tuple[R, bytes]:
        """Read the final response's head and the bytes after it; interim responses are passed on to the client.
        Raises: Stopped, ClientGone, and ConnectionResetError where not a byte came, as on a stale kept connection.
        """
        limits = self._plane.live.limits
        buffer = b""
        interim = 0
        while True:
            if data is None:
                data = await origin.wire.receive()
            if not data:
                if buffer or interim:
                    raise Stopped(Refusal("response-incomplete"))
                raise ConnectionResetError
            told = origin.known(data, self._request.method) if not buffer else None
            if told is not None:
                return told, data[len(told.raw) :]
            seen = len(buffer)
            buffer = buffer + data if buffer else data
            while buffer and (head := read_head(buffer, limits.response_head_bytes, seen)) is not None:
                seen = 0
                raw, buffer = buffer[: head.size], buffer[head.size :]
                if head.status >= 200 or head.status == 101:
                    return self._understood(origin, head, raw), buffer
                if head.mended:
                    origin.generation = -1  # not to be kept, as for a final head
                interim += 1
                if interim > limits.interim_responses:
                    raise Stopped(Refusal("bad-response", "too many interim responses"))
                await self._pass_interim(head)
            data = None

    async def _pass_interim(self, head: ResponseHead) -> None:
        """Pass an interim response on, except to HTTP/1.0, which has none (RFC 9110, section 15.2)."""
        if self._request.minor == 1:
            fields = end_to_end(head.fields, self.without, self.ours, 502)
            self._client.begin_answer(head.status)
            await self._client.deliver(render_response(head.status, head.reason, fields))
            self._client.end_interim()

    async def _answer(self, origin: Origin[R], response: R) -> bool:
        """Deliver the final response; whether it was complete and no byte came after it."""
        request = self._request
        if response.must_close(request.minor) or not self.uploaded or self._plane.draining:
            request.keep = False
        head = self._head_of(response)
        framing = response.framing
        begun, self.late, self._body = self.late, b"", b""
        delivery: Delivery | None = None
        if type(framing) is Chunked:
            delivery = Delivery(self._client, origin.wire, request.minor, begun)
            await delivery.look(self._plane.wheel)
        bare = type(framing) is UntilClose or (type(framing) is Chunked and request.minor == 0)
        self._client.begin_answer(response.status, framed=not bare)
        came = len(begun)
        if type(framing) is NoBody:
            return await self._deliver(head, complete=not came)
        if type(framing) is Length and came >= framing.n:
            return await self._deliver(head + begun[: framing.n], complete=came == framing.n)
        self._client.phase("idle-timeout", self._plane.live.timeouts.idle)
        delivery = delivery or Delivery(self._client, origin.wire, request.minor, begun)
        return await delivery.run(framing, head)

    async def _deliver(self, answer: bytes, *, complete: bool) -> bool:
        """Deliver a response that is here to its end.  Gives complete back: whether no byte came after it."""
        if complete and self.uploaded and not self._request.keep:
            self._client.wire.last(len(answer))
        await self._client.deliver(answer)
        return complete
