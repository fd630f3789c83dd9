"""How requests for published hosts are read from a client, and how refusals of them are written."""

from __future__ import annotations

from collections.abc import Mapping

from meshd.hosts import answers
from meshd.hosts.answers import Lines
from meshd.hosts.plane import HostPlane
from meshd.hosts.request import HostRequest
from meshd.http1.grammar import method_read
from meshd.http1.head import HeadLimits, read_request
from meshd.model import Refusal
from meshd.passing.connection import Connection
from meshd.topology import Limits


class HostSpeech:
    """One client's requests, one after the other."""

    __slots__ = ("_client", "_first", "_last", "_limits", "_method", "_plane", "_secure")

    def __init__(self, client: Connection, plane: HostPlane, secure: bool) -> None:
        """secure: whether the client came by TLS."""
        self._client = client
        self._plane = plane
        self._secure = secure
        self._last: HostRequest | None = None
        self._method = b""
        """Of the request that was read last; b"" while one is being read, or was refused as it was."""
        self._first = b""
        """The head of the client's first request, which was all that had come: until that request is passed on."""
        self._limits: Limits | None = None
        """The settings' limits by which it was read."""

    async def read(self) -> HostRequest | None:
        """Read the next request; None where the client has left between two.  Raises: BadMessage, Stopped."""
        client, live = self._client, self._plane.live
        limits = live.limits
        self._method = b""
        if self._last is not None:
            if not client.buffer:
                client.phase("kept", live.timeouts.keep_alive)
                if not await client.receive():
                    return None
            again = self._last.repeated(client.buffer, limits.request_line_bytes, secure=self._secure)
            if again is not None:
                client.buffer = self._first = b""  # the first head does not mean this request
                self._last, self._method = again, again.method
                return again
        else:
            if not client.buffer:
                client.expect_head()
                if not await client.receive():
                    return None
            known = self._plane.known.find(client.buffer, limits, secure=self._secure)
            if known is not None:
                client.buffer = b""
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
        first = self._last is None and not client.buffer
        self._last = request = HostRequest.from_head(head, received, secure=self._secure)
        self._first = received if first and not request.has_body and not request.heard.switches else b""
        self._limits = limits
        return request

    def passed_on(self) -> None:
        """Hear that the last request was passed on, and answered: the next client who asks so need not be read."""
        if self._first and self._last is not None:
            limits = self._plane.live.limits
            if limits is self._limits:  # others may refuse what these let pass
                self._plane.known.note(self._first, self._last, limits, secure=self._secure)
            self._first = b""

    def refusal(self, no: Refusal, pages: Mapping[int, bytes], extra: Lines, *, keep: bool) -> bytes:
        """The answer to a request that is refused, or that could not be read; keep: whether the connection goes on."""
        with_body = (self._method or method_read(self._client.buffer)) != b"HEAD"
        return answers.refusal(no.reason, pages, extra, retry_after=no.retry_after, keep=keep, with_body=with_body)
