"""Heads of answers that break the grammar and can still be read in one way only (RFC 9110, 5.5 and 8.6; RFC 9112, 2.2,
2.3, 4, 5.1 and 5.2).

What a proxy writes is written anew, so nothing of the form is passed on; what two readers could take for two different
messages is refused.  The test of every rule here is: whoever accepts these bytes at all reads the same status, the same
fields that frame, and the same end of the head.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from meshd.http1.errors import BadMessage
from meshd.http1.grammar import TCHAR, TEXT, control

TOO_LARGE = "the head is too large"

FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""The fields that say where the body ends: no liberty is taken with them that another reader might not take."""

_PROTOCOL = b"HTTP/"
_STATUS = re.compile(rb"HTTP/1\.([0-9])[ \t]++([1-9][0-9]{2})(?:[ \t]++([" + TEXT + rb"]*+))?")
_VERSION = re.compile(rb"HTTP/1\.[0-9](?![0-9])")
_FIELD = re.compile(rb"([" + TCHAR + rb"]++)[ \t]*+:[ \t]*+([^\n]*+)")
_SEEMS_FRAMING = re.compile(rb"[ \t]*+(?:content-length|transfer-encoding)[ \t]*+:", re.IGNORECASE)
# A NUL ends a text for some readers, a CR a line: neither is put up with.  For all others a blank does as well.
_TO_BLANKS = bytes(0x20 if (byte < 0x20 and byte not in b"\t\n\r\0") or byte == 0x7F else byte for byte in range(256))

_NAMED = {
    b"\x00": "a NUL: one reader ends the text there, another reads on",
    b"\r": "a bare CR: one reader ends the line there, another reads on",
}
_OTHERS = {0x15: "the origin speaks TLS", 0x16: "the origin speaks TLS"}


class Mended(NamedTuple):
    """A head, understood."""

    status: int
    minor: int
    """0 or 1: a higher minor version is read as the highest that is known (RFC 9110, 2.5)."""
    reason: bytes
    pairs: list[tuple[bytes, bytes]]
    size: int
    """Bytes with the blank line, as they came."""


def read_mended(text: bytes, limit: int, most: int) -> Mended | None:
    """The head of at most limit bytes and `most` fields at the beginning of text; None while it is unfinished.

    Raises: BadMessage(502) as soon as the bytes can no longer become a head that is read in one way.
    """
    reader = _Reader(most)
    place = 0
    while (end := text.find(b"\n", place, limit)) >= 0:
        if reader.take(text[place:end]):
            return reader.head(end + 1)
        place = end + 1
    reader.expect(text[place:limit])
    if len(text) >= limit:
        raise _bad(TOO_LARGE)
    return None


class _Reader:
    """Reads one head, line by line."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._status: tuple[int, int, bytes] | None = None
        self._pairs: list[tuple[bytes, bytes]] = []
        self._lines = 0
        self._only_lf = False
        """Whether the status line ends in a bare LF: nobody who wants CRs takes it for one, so LF ends all lines."""
        self._bare = False
        """Whether the line before ended in a bare LF where lines end in CRLF: for some this line is a part of it."""
        self._of_framing = False
        """Whether one of the lines that some read as one is a field that frames."""

    def head(self, size: int) -> Mended:
        assert self._status is not None
        status, minor, reason = self._status
        return Mended(status, minor, reason, self._pairs, size)

    def expect(self, rest: bytes) -> None:
        """Check the beginning of a line.  Raises: BadMessage."""
        if self._status is None and rest[:5] != _PROTOCOL[: len(rest)]:
            raise _not_http(rest)
        bad = control(rest.removesuffix(b"\r"))
        if bad in _NAMED:
            raise _bad(_NAMED[bad])

    def take(self, line: bytes) -> bool:
        """Read a line without its LF; whether the head ends with it.  Raises: BadMessage."""
        content = line.removesuffix(b"\r")
        bare = not line.endswith(b"\r")
        self.expect(line)
        if self._status is None:
            self._status = _status(content)
            self._only_lf = bare
            return False
        if not content:
            if not self._only_lf and (bare or self._bare):
                raise _bad("a bare LF before the blank line: one reader ends the head there, another reads on")
            return True
        self._lines += 1
        if self._lines > self._most:
            raise _bad("too many fields")
        name = self._folded(content) if content[:1] in (b" ", b"\t") else self._field(content)
        if not self._only_lf:
            self._joined(name, bare)
        return False

    def _field(self, content: bytes) -> bytes:
        field = _FIELD.fullmatch(content)
        if field is None:
            raise _bad(why_no_field(content))
        name, value = field.groups()
        lower: bytes = name.lower()
        if control(value):
            if lower in FRAMING:
                raise _bad("a control byte in a field that frames")
            value = value.translate(_TO_BLANKS)
        self._pairs.append((name, value.strip(b" \t")))
        return lower

    def _folded(self, content: bytes) -> bytes:
        """Append a folded line to its field (RFC 9112, 5.2); gives the field's name.  Raises: BadMessage."""
        if not self._pairs:
            raise _bad("a blank before the first field: one reader skips the line, another takes it for a field")
        more = content.translate(_TO_BLANKS).strip(b" \t")
        if not more:
            raise _bad("a line of blanks: one reader ends the head there, another reads on")
        if _SEEMS_FRAMING.match(content):
            raise _bad("a folded line that looks like a field which frames: one reader takes it for that field")
        name, value = self._pairs[-1]
        lower = name.lower()
        if lower in FRAMING:
            raise _bad("a folded field that frames: one reader takes its first line alone")
        self._pairs[-1] = name, b"%b %b" % (value, more) if value else more
        return lower

    def _joined(self, name: bytes, bare: bool) -> None:
        """Check lines of which some are ended by a bare LF in a head of CRLF.  Raises: BadMessage."""
        self._of_framing = (self._of_framing and self._bare) or name in FRAMING
        if self._of_framing and (self._bare or bare):
            raise _bad("a bare LF beside a field that frames: one reader ends the line there, another reads on")
        self._bare = bare


def _status(line: bytes) -> tuple[int, int, bytes]:
    """Status, minor version and reason.  Raises: BadMessage."""
    line = line.translate(_TO_BLANKS)
    match = _STATUS.fullmatch(line)
    if match is not None:
        minor, status, reason = match.groups()
        return int(status), min(int(minor), 1), (reason or b"").rstrip(b" \t")
    if not line.startswith(_PROTOCOL):
        raise _not_http(line)
    if not _VERSION.match(line):
        raise _bad("the origin's answer is not HTTP/1.0 or HTTP/1.1")
    raise _bad("the origin's status line is malformed")


def why_no_field(line: bytes) -> str:
    """What is wrong with a line of an answer's head that is no field."""
    name, colon, _ = line.partition(b":")
    if control(name):
        return "a control byte in a field name"
    if not colon:
        return "a field line without a colon: one reader skips it, another ends the head there"
    return "a field name that is not a token: one reader skips the field, another takes it"


def _not_http(line: bytes) -> BadMessage:
    if line[:1] in (b"\r", b"\n") or not line:
        return _bad("an empty line before the answer: for one reader it is HTTP/0.9, whose answers are all body")
    return _bad(_OTHERS.get(line[0], "the origin's answer is not HTTP"))


def _bad(rule: str) -> BadMessage:
    return BadMessage(502, rule)
