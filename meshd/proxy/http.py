"""HTTP with a client: how its requests are read and answered."""

from __future__ import annotations

from meshd.exits.choosing import Choice
from meshd.http1.errors import BadMessage
from meshd.http1.grammar import method_read
from meshd.http1.head import HeadLimits, read_request
from meshd.model import Refusal
from meshd.proxy import replies
from meshd.proxy.client import Client
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.topology import Limits

NO_UDP = "CONNECT-UDP is served to clients that come by TLS, where the settings say so"


class HttpSpeech:
    __slots__ = ("_client", "_head", "_last", "_limits", "_method", "_plane")

    def __init__(self, client: Client, plane: DataPlane) -> None:
        self._client = client
        self._plane = plane
        self._last: ProxyRequest | None = None
        self._method = b""
        """Of the request that was read last; b"" while one is being read, or was refused as it was."""
        self._head = b""
        """Of a tunnel whose head was read and was all that had come: that head."""
        self._limits: Limits | None = None
        """The settings' limits by which it was read."""

    async def read(self) -> ProxyRequest | None:
        client = self._client
        live = self._plane.live
        limits = live.limits
        self._method = b""
        if client.place.known:
            if not client.buffer:
                client.phase("kept", live.timeouts.keep_alive)
                if not await client.receive():
                    return None
            again = self._last.repeated(client.buffer, limits.request_line_bytes) if self._last is not None else None
            if again is not None:
                client.buffer = b""
                self._last, self._method = again, again.method
                return again
        elif self._last is not None and not client.buffer:
            client.phase("kept", live.timeouts.head)  # the client was challenged, and may yet send credentials
        if client.buffer and (known := self._plane.known.find(client.buffer, limits)) is not None:
            client.buffer = self._head = b""
            self._last, self._method = known, known.method
            return known
        bounds = HeadLimits(limits.request_line_bytes, limits.head_bytes, limits.fields)
        seen = 0
        while (head := read_request(client.buffer, bounds, seen) if client.buffer else None) is None:
            seen = len(client.buffer)
            client.expect_head()
            if not await client.receive():
                return None
        received, client.buffer = client.buffer, client.buffer[head.size :]
        self._method = head.method
        self._last = request = ProxyRequest.from_head(head, received)
        if request.upgrade is not None and not (live.topology.udp.on and client.encrypted):
            raise BadMessage(501, NO_UDP)
        self._head = received if request.is_tunnel and not client.buffer and request.upgrade is None else b""
        self._limits = limits
        return request

    def farewell(self) -> bool:
        """Say nothing: an answer to a next request may say that it was the last."""
        return False

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        upgrade = self._last.upgrade if self._last is not None else None
        if upgrade is not None:
            return replies.switched(upgrade.token, label, choice.not_found, request_id, moved=choice.moved)
        limits = self._plane.live.limits
        if self._head and self._last is not None and limits is self._limits:  # others may refuse what these let pass
            self._plane.known.note(self._head, self._last, limits)
        return replies.established(label, choice.not_found, request_id, moved=choice.moved)

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        method = self._method or method_read(self._client.buffer)
        return replies.refusal(no, request_id, keep=keep, with_body=method != b"HEAD")
