"""An origin's final response: where it ends, what becomes of its connection, and which of its fields are passed on."""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import (
    NO_BODY,
    BodyFraming,
    Chunked,
    Length,
    NoBody,
    UntilClose,
    framing_field,
    response_framing,
)
from meshd.http1.head import ResponseHead, read_response
from meshd.http1.keep import end_to_end, keeps_alive
from meshd.http1.mending import TOO_LARGE
from meshd.model import Refusal
from meshd.sockets.ends import Stopped

_CODING = b"transfer-encoding"
_LENGTH = b"content-length"

_OTHERS = (101, 408)
"""Statuses that are not only passed on."""

MOST_PARAMETERS = 8
"""Parameters of Keep-Alive that are read."""


class Response:
    """The meaning of a response head; one object serves all responses of an origin with the very same head."""

    __slots__ = (
        "_fields",
        "_head",
        "_patience",
        "_rendered",
        "common",
        "framing",
        "method",
        "raw",
        "reusable",
        "status",
        "whole",
    )

    dropped: ClassVar[frozenset[bytes]]
    """Names in lower case of fields that are not passed on; the coding of a body in chunks is, in its place."""
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
            and not head.mended
            and not any(map(_signs_in_connection, head.fields.all(b"www-authenticate")))
        )
        """Whether the origin's connection serves another request, once the body is complete."""
        self._head = head
        bodiless = head.status == 204 or head.status < 200
        fields = _with_one_length(head.fields)
        if fields is not head.fields:
            self.reusable = False
        anew = framing_field(self.framing if type(self.framing) is Chunked else NO_BODY)
        self._fields = end_to_end(fields, self.bodiless if bodiless else self.dropped, self.ours, 502, anew=anew)
        self.common = self.reusable and head.status not in _OTHERS
        """Whether a response with this head may be known by its bytes on another connection."""
        self.whole = self._whole() if self.common else -1
        """Bytes of a response with this head, where it says so and its connection is kept; else -1."""
        self._patience = _patience(head.fields)
        self._rendered: tuple[Any, bytes] | None = None
        """What was asked of `render` last, and its answer."""

    def _whole(self) -> int:
        if type(self.framing) is Length:
            return len(self.raw) + self.framing.n
        return len(self.raw) if type(self.framing) is NoBody else -1

    def fields_for(self, minor: int) -> list[tuple[bytes, bytes]]:
        """The fields that a client of that HTTP version gets: HTTP/1.0 knows no coding (RFC 9112, 6.1)."""
        if minor == 0 and type(self.framing) is Chunked:
            return [pair for pair in self._fields if pair[0].lower() != _CODING]
        return [*self._fields]

    def kept_for(self, seconds: float) -> float:
        """For how long the connection is kept of so many seconds: a second less than the origin says to keep it, so
        that no request meets its end; less than none where the origin will not take another request.
        """
        return seconds if seconds < self._patience else self._patience

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
        reason = "response-head-too-large" if bad.rule == TOO_LARGE else "bad-response"
        raise Stopped(Refusal(reason, bad.rule)) from None


def _patience(fields: Fields) -> float:
    """The seconds that Keep-Alive leaves for a next request: endless without that field, -1 for no request at all."""
    if b"keep-alive" not in fields:
        return inf
    said: dict[bytes, int] = {}
    for member in fields.tokens(b"keep-alive")[:MOST_PARAMETERS]:
        name, _, value = member.partition(b"=")
        number = value.strip(b' \t"')
        if number.isdigit() and len(number) <= 9:
            said.setdefault(name.rstrip(b" \t"), int(number))
    if said.get(b"max") == 0 or said.get(b"timeout") == 0:
        return -1.0
    return said[b"timeout"] - 1.0 if b"timeout" in said else inf


def _with_one_length(fields: Fields) -> Fields:
    """The fields with one Content-Length where it was said several times alike, as `response_framing` has found."""
    lengths = fields.all(_LENGTH)
    if not lengths or (len(lengths) == 1 and b"," not in lengths[0]):
        return fields
    first = fields.names.index(_LENGTH)
    value = lengths[0].partition(b",")[0].rstrip(b" \t")
    others = [pair for place, pair in enumerate(fields) if place == first or fields.names[place] != _LENGTH]
    others[first] = others[first][0], value
    return Fields(others)


def _signs_in_connection(challenge: bytes) -> bool:
    """Whether the challenge is NTLM or Negotiate, which authenticate a connection for one client (RFC 4559, 6)."""
    return challenge[:9].lower() == b"negotiate" or challenge[:4].lower() == b"ntlm"
