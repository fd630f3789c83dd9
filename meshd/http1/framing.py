"""Where a body ends (RFC 9112 6): decided once, from the head, or refused.

Stricter than the RFC where it lets a recipient guess: requests are smuggled with two framings, a repeated length, or a
coding beside `chunked`, so none of these is resolved in favour of one reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshd.http1.chunks import LAST_CHUNK, ChunkReader, LengthReader, chunk
from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.head import RequestHead, ResponseHead

__all__ = [
    "LAST_CHUNK",
    "BodyFraming",
    "ChunkReader",
    "Chunked",
    "Length",
    "LengthReader",
    "NoBody",
    "UntilClose",
    "chunk",
    "framing_field",
    "request_framing",
    "response_framing",
]


@dataclass(frozen=True, slots=True)
class NoBody:
    """Nothing follows the head."""


@dataclass(frozen=True, slots=True)
class Length:
    """n bytes follow the head; n may be 0."""

    n: int


@dataclass(frozen=True, slots=True)
class Chunked:
    """Chunks follow the head, then trailers."""


@dataclass(frozen=True, slots=True)
class UntilClose:
    """The body ends with the connection.  Responses only."""


BodyFraming = NoBody | Length | Chunked | UntilClose

MOST_CODINGS = 10
"""Codings in a Transfer-Encoding that are read; all but `chunked` alone are refused, and a long list at once."""

LONGEST_LENGTH = 18
"""Digits of a Content-Length: any number of 18 digits fits into 63 bits."""

MOST_LENGTHS = 10
"""Equal lengths in a Content-Length that are read."""

NO_BODY = NoBody()
_CHUNKED = Chunked()
_UNTIL_CLOSE = UntilClose()


def framing_field(framing: BodyFraming) -> tuple[bytes, bytes]:
    """Name, in lower case, and value of the field that says so; both empty where no field does."""
    match framing:
        case Length(size):
            return b"content-length", b"%d" % size
        case Chunked():
            return b"transfer-encoding", b"chunked"
    return b"", b""


def request_framing(head: RequestHead) -> NoBody | Length | Chunked:
    """How the request's body is framed.  Raises: BadMessage, 400, or 501 for an unimplemented transfer coding."""
    framing = _framing(head.fields, head.minor, 400) or NO_BODY
    if head.method == b"CONNECT" and framing != NO_BODY:
        if framing != Length(0):
            # RFC 9110 9.3.6: it has no content; what follows is the tunnel's, or a reader before us thought otherwise.
            raise BadMessage(400, "a body with CONNECT")
        return NO_BODY
    return framing


def response_framing(method: bytes, head: ResponseHead) -> BodyFraming:
    """How the body of the response to a request with that method, never CONNECT, is framed.

    Fields are judged even where no body can follow (HEAD, 1xx, 204, 304), since the next reader sees them too.  A
    length that is said twice is one (RFC 9110, 8.6), and `identity` alone is no coding, as before RFC 7230.
    Raises: BadMessage(502) where the framing is not certain.
    """
    framing = _framing(_plainly(head.fields), head.minor, 502)
    status = head.status
    if method == b"HEAD" or status in (204, 304) or 100 <= status < 200:
        return NO_BODY
    return framing or _UNTIL_CLOSE


def _plainly(fields: Fields) -> Fields:
    """The fields of an answer, those that frame said once where they were said twice alike."""
    lengths = fields.all(b"content-length")
    codings = fields.all(b"transfer-encoding")
    plain: list[tuple[bytes, bytes]] = []
    if len(lengths) == 1 and b"," not in lengths[0] and not codings:
        return fields
    alike = {value.strip(b" \t") for line in lengths for value in line.split(b",", MOST_LENGTHS)}
    plain += [(b"content-length", value) for value in (alike if len(alike) == 1 else lengths)]
    if not (codings and not lengths and {coding.lower() for coding in codings} == {b"identity"}):
        plain += [(b"transfer-encoding", coding) for coding in codings]
    return Fields(plain)


def _framing(fields: Fields, minor: int, bad: int) -> Length | Chunked | None:
    lengths = fields.all(b"content-length")
    codings = fields.all(b"transfer-encoding")
    if codings:
        return _chunked(codings, bool(lengths), minor, bad)
    if not lengths:
        return None
    if len(lengths) > 1:
        raise _bad(bad, "two Content-Length fields")
    # bytes.isdigit knows ASCII digits only: no sign, no blank, no list passes it.
    if not lengths[0].isdigit() or len(lengths[0]) > LONGEST_LENGTH:
        raise BadMessage(bad, "a malformed Content-Length")
    return Length(int(lengths[0]))


def _chunked(codings: list[bytes], with_length: bool, minor: int, bad: int) -> Chunked:
    if with_length:
        raise _bad(bad, "both Content-Length and Transfer-Encoding")
    if minor == 0:
        raise _bad(bad, "Transfer-Encoding in HTTP/1.0")
    if len(codings) > 1:
        raise BadMessage(bad, "two Transfer-Encoding fields")
    coding = codings[0].lower()
    if coding == b"chunked":
        return _CHUNKED
    if coding.count(b",") >= MOST_CODINGS:
        raise BadMessage(bad, f"more than {MOST_CODINGS} codings in Transfer-Encoding")
    members = [member.strip(b" \t") for member in coding.split(b",")]
    if members[-1] != b"chunked":
        # RFC 9112 6.3: the length of such a request cannot be known.
        raise BadMessage(bad, "a Transfer-Encoding that does not end in chunked")
    if b"chunked" in members[:-1]:
        raise BadMessage(bad, "chunked more than once in Transfer-Encoding")
    if b"" in members:
        raise BadMessage(bad, "a malformed Transfer-Encoding")
    # RFC 9112 6.1: 501 to a client that uses a coding which is not understood.
    raise BadMessage(501 if bad == 400 else bad, "a Transfer-Encoding other than chunked")


_READINGS = {
    "two Content-Length fields": " that differ: one reader takes the first, another the last",
    "both Content-Length and Transfer-Encoding": ": one reader counts bytes, another chunks",
    "Transfer-Encoding in HTTP/1.0": ": one reader takes the chunks off, another takes them for content",
}
"""What is added of an answer: whoever runs the origin may wonder, as other readers have chosen one of the readings."""


def _bad(status: int, rule: str) -> BadMessage:
    return BadMessage(status, rule + _READINGS[rule] if status == 502 else rule)
