"""The head of a message: start line and fields, read from the beginning of a buffer.

A reader is called with the buffer each time the buffer has grown, and gives the head, or None while it is unfinished,
or raises BadMessage as soon as the bytes can no longer become a good head.  Readers keep nothing between calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from meshd.http1.errors import BadMessage
from meshd.http1.fault import Rules, StartLine, refuse_faulty, request_line_fault
from meshd.http1.fields import Fields
from meshd.http1.grammar import REQUEST_LINE, STATUS_LINE, control, read_fields
from meshd.http1.mending import read_mended

_BLANK = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Bounds on a request's head, with the status that answers a larger one."""

    line: int = 16384
    """Bytes in the request line without its CRLF; else 414."""
    total: int = 32768
    """Bytes in the whole head, its blank line included; else 431."""
    fields: int = 200
    """Field lines; else 431."""


@dataclass(slots=True)
class RequestHead:
    """A request's head.  Not frozen, which would double the time to make one."""

    method: bytes
    target: bytes
    minor: int
    """1 for HTTP/1.1, 0 for HTTP/1.0."""
    fields: Fields
    size: int
    """Bytes that the head took from the buffer, an empty line before it and the blank line after it included."""


@dataclass(slots=True)
class ResponseHead:
    """A response's head; the fields mean what they mean in RequestHead."""

    status: int
    reason: bytes
    minor: int
    fields: Fields
    size: int
    mended: bool = False
    """Whether the head broke the grammar: then nothing more is asked of who sent it, on that connection."""


def read_request(buffer: bytes | bytearray, limits: HeadLimits, seen: int = 0) -> RequestHead | None:
    """The request head at the beginning of the buffer, or None while it is unfinished.

    seen: bytes of this buffer for which an earlier call gave None.  They are not gone through again, and a head that
    comes byte by byte then costs no more than its size.
    Raises: BadMessage.
    """
    end = buffer.find(_BLANK, seen - 3 if seen > 3 else 0, limits.total)
    if end < 0:
        _refuse_faulty_request(buffer, limits, seen)
        return None
    line = REQUEST_LINE.match(buffer)
    pairs = read_fields(buffer, line.end(), end + 2) if line else None
    too_long = end > limits.line and line is not None and line.end(3) - line.start(1) > limits.line
    if line is None or pairs is None or len(pairs) > limits.fields or too_long:
        _refuse_faulty_request(buffer, limits, seen)
        raise BadMessage(400, "a malformed head")
    method, target, minor = line.groups()
    return RequestHead(method, target, 1 if minor == b"1" else 0, Fields(pairs), end + 4)


def read_response(
    buffer: bytes | bytearray, max_bytes: int, max_fields: int = 1000, seen: int = 0
) -> ResponseHead | None:
    """The response head at the beginning of the buffer; None while it is unfinished.

    A head that breaks the grammar is read where that can be done in one way only, and is then `mended`.
    Raises: BadMessage(502).
    """
    end = buffer.find(_BLANK, seen - 3 if seen > 3 else 0, max_bytes)
    if end >= 0:
        line = STATUS_LINE.match(buffer)
        pairs = read_fields(buffer, line.end(), end + 2) if line else None
        if line is not None and pairs is not None and len(pairs) <= max_fields:
            minor, status, reason = line.groups()
            return ResponseHead(int(status), reason or b"", 1 if minor == b"1" else 0, Fields(pairs), end + 4)
    elif seen and _says_little(buffer[seen - 1 :]) and len(buffer) < max_bytes:
        return None  # no line has ended since: to go through all of them for each byte would cost too much
    read = read_mended(bytes(buffer[:max_bytes]), max_bytes, max_fields)
    if read is None:
        return None
    return ResponseHead(read.status, read.reason, read.minor, Fields(read.pairs), read.size, mended=True)


def _says_little(more: bytes | bytearray) -> bool:
    """Whether these further bytes, and the one before, neither end a line nor hold what would be a fault in it: a CR is
    one as soon as something else than LF has followed.
    """
    return b"\n" not in more and not control(bytes(more))


def _refuse_faulty_request(buffer: bytes | bytearray, limits: HeadLimits, seen: int) -> None:
    empty_line = 2 if buffer[:2] == b"\r\n" else 0
    rules = _request_rules(limits.line, limits.total - empty_line, limits.fields)
    refuse_faulty(bytes(buffer[empty_line : limits.total]), rules, max(0, seen - empty_line))


@lru_cache(16)
def _request_rules(line: int, total: int, fields: int) -> Rules:
    return Rules(StartLine(REQUEST_LINE, request_line_fault, line, 414), 400, 431, total, fields)
