"""Bodies, read as they come: those with a Content-Length and chunked ones (RFC 9112 6 and 7).

A reader is fed what arrives and gives back what of it is body, as pieces to be written on.  It holds back at most one
unfinished chunk line or trailer section.  A body that the connection cut short is one whose reader is not done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from meshd.http1.errors import BadMessage
from meshd.http1.fault import Rules, refuse_faulty
from meshd.http1.fields import Fields
from meshd.http1.grammar import TCHAR, TEXT, read_fields

LAST_CHUNK = b"0\r\n\r\n"
"""The end of a chunked body without trailers."""

LONGEST_LINE = 256
"""Bytes in a chunk line of a client with its CRLF; extensions are dropped, so there is no use for long ones."""

LONGEST_TRAILERS = 8192
MOST_TRAILERS = 100

LONGEST_OF_ORIGINS = 16384
"""The same of an origin: some sign each chunk, in its extensions."""

# 15 hexadecimal digits stay below 2**60.  Blanks before the ';' are an error of old senders that RFC 9112 7.1.1 puts up
# with; in requests they are refused, since a size is where no two readers may differ.
_TOKEN = rb"[" + TCHAR + rb"]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_SIZE = rb"([0-9A-Fa-f]{1,15}+)(?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?+)*+\r\n"
_UNFINISHED_SIZE = rb"(?:[0-9A-Fa-f]{1,15}+(?:;[" + TEXT + rb"]*+)?+\r?)?"
# Of an origin, whose chunks are written anew: any number of zeros before a size below 2**63, blanks behind it, and
# whatever extensions, but for an open quote, end in the one place where all readers end them.
_ANY_SIZE = rb"(?=[0-9A-Fa-f])0*+([0-7][0-9A-Fa-f]{15}|[0-9A-Fa-f]{0,15}+)(?![0-9A-Fa-f])[ \t]*+"
_ANY_SIZE += rb"(?:;(?:[\t !#-~\x80-\xff]++|" + _QUOTED + rb")*+)?+\r\n"
_UNFINISHED_ANY_SIZE = rb"(?:0*+[0-9A-Fa-f]{0,16}+[ \t]*+(?:;[" + TEXT + rb"]*+)?+\r?)?"
# RFC 9110 6.5.1: what frames, routes, authenticates, asks conditions or says what the content is comes too late in a
# trailer, and dangerous where a later reader merges it into the head.
_NOT_IN_TRAILERS = frozenset(
    b"""
    accept-ranges age authorization cache-control connection content-encoding content-length content-location
    content-range content-type cookie date expect expires host if-match if-modified-since if-none-match if-range
    if-unmodified-since keep-alive location max-forwards pragma proxy-authenticate proxy-authorization
    proxy-authentication-info proxy-connection range retry-after set-cookie te trailer transfer-encoding upgrade vary
    via warning www-authenticate
    """.split()
)


def chunk(data: bytes) -> bytes:
    """One chunk with data, which must not be empty: an empty chunk would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class LengthReader:
    """Reads a body of n bytes."""

    __slots__ = ("_left", "done", "trailers", "unused")

    def __init__(self, n: int) -> None:
        self._left = n
        self.done = n == 0
        self.trailers = Fields([])
        self.unused = b""
        """Bytes that came after the body."""

    def feed(self, data: bytes | bytearray) -> list[bytes]:
        """The body bytes in data, as none or one piece."""
        data = bytes(data)
        if self.done:
            self.unused += data
            return []
        body, self.unused = data[: self._left], data[self._left :]
        self._left -= len(body)
        self.done = not self._left
        return [body] if body else []


@dataclass(frozen=True, slots=True)
class _Line:
    """The patterns of the line before a chunk's data."""

    whole: re.Pattern[bytes]
    beginning: re.Pattern[bytes]
    """Matches all bytes that could still become a whole line."""
    longest: int


def _lines(whole: bytes, beginning: bytes, longest: int) -> tuple[_Line, _Line]:
    """The first line of a body, and any further one, which is matched with the CRLF that ends the data before it."""
    return (
        _Line(re.compile(whole), re.compile(beginning), longest),
        _Line(re.compile(rb"\r\n" + whole), re.compile(rb"\r?|\r\n" + beginning), longest),
    )


_FIRST_LINE, _NEXT_LINE = _lines(_SIZE, _UNFINISHED_SIZE, LONGEST_LINE)
_FIRST_OF_ORIGINS, _NEXT_OF_ORIGINS = _lines(_ANY_SIZE, _UNFINISHED_ANY_SIZE, LONGEST_OF_ORIGINS)


class ChunkReader:
    """Reads a chunked body.  Sizes are understood, extensions dropped, trailers kept apart from the head's fields."""

    __slots__ = ("_held", "_in_trailers", "_left", "_line", "_next", "_rules", "done", "trailers", "unused")

    def __init__(self, bad: int = 400) -> None:
        """`bad` is the status of a fault: 400 in a client's request, 502 in an origin's response, which is read more
        leniently.
        """
        self._rules = _trailer_rules(bad)
        self._held = b""
        """Bytes that await more: an unfinished line, or unfinished trailers."""
        self._line = _FIRST_LINE if bad == 400 else _FIRST_OF_ORIGINS
        self._next = _NEXT_LINE if bad == 400 else _NEXT_OF_ORIGINS
        self._left = 0
        """Bytes of the present chunk that have not come yet."""
        self._in_trailers = False
        self.done = False
        self.trailers = Fields([])
        """The trailer fields, without those that may not stand in trailers; empty until done."""
        self.unused = b""
        """Bytes that came after the body."""

    def feed(self, data: bytes | bytearray) -> list[bytes]:
        """The body bytes in data, a piece for each chunk or part of one.  Raises: BadMessage for a malformed chunk."""
        if self.done:
            self.unused += data
            return []
        data, seen = self._held + data, len(self._held)
        pieces: list[bytes] = []
        if not self._in_trailers:
            data, seen = self._read_chunks(data, pieces), 0
        if self._in_trailers:
            data = self._read_trailers(data, seen)
        self._held = data
        return pieces

    def _read_chunks(self, data: bytes, pieces: list[bytes]) -> bytes:
        """Append the chunks of data to pieces; gives the rest, an unfinished line or the beginning of the trailers."""
        place = 0
        while True:
            if self._left:
                piece = data[place : place + self._left]
                if not piece:
                    return b""
                pieces.append(piece)
                place += len(piece)
                self._left -= len(piece)
                if self._left:
                    return b""
            line = self._line.whole.match(data, place, place + self._line.longest)
            if line is None:
                return self._unfinished(data[place:])
            place = line.end()
            self._line = self._next
            self._left = int(line[1] or b"0", 16)
            if not self._left:
                self._in_trailers = True
                return data[place:]

    def _unfinished(self, rest: bytes) -> bytes:
        if len(rest) < self._line.longest and self._line.beginning.fullmatch(rest):
            return rest
        raise BadMessage(self._rules.bad, "a malformed chunk")

    def _read_trailers(self, data: bytes, seen: int) -> bytes:
        """Read the trailers up to the blank line; gives the bytes of trailers that are unfinished, b"" when done."""
        end = 0 if data[:2] == b"\r\n" else data.find(b"\r\n\r\n", 0, LONGEST_TRAILERS) + 2
        if end == 1:
            refuse_faulty(data, self._rules, seen)
            return data
        pairs = read_fields(data, 0, end)
        if pairs is None or len(pairs) > MOST_TRAILERS:
            refuse_faulty(data, self._rules)
            raise BadMessage(self._rules.bad, "a malformed trailer")
        self.trailers = Fields([pair for pair in pairs if pair[0].lower() not in _NOT_IN_TRAILERS])
        self.unused = data[end + 2 :]
        self.done = True
        return b""


@cache
def _trailer_rules(bad: int) -> Rules:
    return Rules(
        start=None,
        bad=bad,
        fields_too_large=431 if bad == 400 else bad,
        total=LONGEST_TRAILERS,
        fields=MOST_TRAILERS,
    )
