"""An origin's final response: where it ends, what becomes of its connection, and which of its fields are passed on."""

from __future__ import annotations

from typing import Any, ClassVar

from meshd.http1.errors import BadMessage
from meshd.http1.framing import BodyFraming, Chunked, UntilClose, response_framing
from meshd.http1.head import ResponseHead, read_response
from meshd.http1.keep import end_to_end, keeps_alive
from meshd.model import Refusal
from meshd.sockets.ends import Stopped


class Response:
    """The meaning of a response head; one object serves all responses of an origin with the very same head."""

    __slots__ = ("_fields", "_head", "_rendered", "framing", "method", "raw", "reusable", "status")

    dropped: ClassVar[frozenset[bytes]]
    """Names in lower case of fields that are not passed on."""
    bodiless: ClassVar[frozenset[bytes]]
    """The same where no body follows, with Content-Length: some client would wait for one (RFC 9110, 8.6)."""
    ours: ClassVar[tuple[bytes, ...]]
    """Beginnings of names of fields that are not passed on."""

    def __init__(self, method: bytes, head: ResponseHead, raw: bytes) -> None:
        """method: the request's; raw: the head's bytes.  Raises: BadMessage where the body's end is not certain."""
        self.method = method
        self.raw = raw
        self.status = head.status
        self.framing: BodyFraming = response_framing(method, head)
        self.reusable = (
            keeps_alive(head.minor, head.fields, 502)
            and type(self.framing) is not UntilClose
            and not any(map(_signs_in_connection, head.fields.all(b"www-authenticate")))
        )
        """Whether the origin's connection serves another request, once the body is complete."""
        self._head = head
        bodiless = head.status == 204 or head.status < 200
        self._fields = end_to_end(head.fields, self.bodiless if bodiless else self.dropped, self.ours, 502)
        self._rendered: tuple[Any, bytes] | None = None
        """What was asked of `render` last, and its answer."""

    def must_close(self, minor: int) -> bool:
        """Whether only the connection's end can tell a client of that HTTP version where the body ends."""
        return type(self.framing) is UntilClose or (minor == 0 and type(self.framing) is Chunked)


def read_head(buffer: bytes, limit: int, seen: int) -> ResponseHead | None:
    """Read the head, of limit bytes at most, at the beginning of what an origin has sent; None while it is unfinished.

    seen: how many bytes of the buffer an earlier call answered with None.
    Raises: Stopped where the bytes are no head, or the head is too long.
    """
    try:
        return read_response(buffer, limit, seen=seen)
    except BadMessage as bad:
        too_large = len(buffer) >= limit and b"\r\n\r\n" not in buffer[:limit]
        reason = "response-head-too-large" if too_large else "bad-response"
        raise Stopped(Refusal(reason, bad.rule)) from None


def _signs_in_connection(challenge: bytes) -> bool:
    """Whether the challenge is NTLM or Negotiate, which authenticate a connection for one client (RFC 4559, 6)."""
    return challenge[:9].lower() == b"negotiate" or challenge[:4].lower() == b"ntlm"
