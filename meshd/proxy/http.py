"""How a client is spoken to: how its request is read, and how it is answered.  Here by HTTP, in `socksspeech` by SOCKS.

Who may ask, and which way it goes, does not depend on it.
"""

from __future__ import annotations

from typing import Protocol

from meshd.exits.choosing import Choice
from meshd.http1.head import HeadLimits, read_request
from meshd.model import Admission, Refusal
from meshd.proxy import replies
from meshd.proxy.caps import Place
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.sockets.wire import Wire


class Client(Protocol):
    """What a speech asks of the connection."""

    wire: Wire
    buffer: bytes
    """Received and not yet understood."""
    place: Place

    def phase(self, reason: str, seconds: float) -> None:
        """Until the next call the exchange may take so long, or ends with that reason."""

    def expect_head(self) -> None:
        """Once it is known, a request may take its time anew; said again, it takes no longer."""

    async def receive(self) -> bool:
        """More bytes of the client; False where it has left."""

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """Who is asking with these credentials, or with none."""


class Speech(Protocol):
    """Of one connection."""

    async def read(self) -> ProxyRequest | None:
        """The next request; None where the client has left between two.  BadMessage, Stopped, ClientGone."""

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        """The answer to a request whose tunnel stands.

        label: what the exit is called; source: the address that it leaves by.
        """

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        """The answer to a request that is refused, or to what should have become one."""


class HttpSpeech:
    __slots__ = ("_client", "_last", "_method", "_plane")

    def __init__(self, client: Client, plane: DataPlane) -> None:
        self._client = client
        self._plane = plane
        self._last: ProxyRequest | None = None
        self._method = b""

    async def read(self) -> ProxyRequest | None:
        client = self._client
        topology = self._plane.topology
        limits = topology.limits
        self._method = b""
        if client.place.known and not client.buffer:
            client.phase("kept", topology.timeouts.keep_alive)
            if not await client.receive():
                return None
            if self._last is not None:
                again = self._last.repeated(client.buffer, limits.request_line_bytes)
                if again is not None:
                    client.buffer = b""
                    self._last, self._method = again, again.method
                    return again
        elif self._last is not None and not client.buffer:
            client.phase("kept", topology.timeouts.head)  # it was told who may ask, and may yet say who it is
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
        return request

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        return replies.established(label, choice.not_found, request_id, moved=choice.moved)

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        return replies.refusal(no, request_id, keep=keep, with_body=self._method != b"HEAD")
