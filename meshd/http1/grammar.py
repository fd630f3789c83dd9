"""The grammar of lines (RFC 9110 5.6, RFC 9112 2 to 5), in the RFC's words.

Every repeat is possessive: a hostile line costs one pass, never a pass for each of its bytes.
"""

from __future__ import annotations

import re

TCHAR = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
"""tchar, as the inside of a character class."""

TEXT = rb"\t\x20-\x7e\x80-\xff"
"""HTAB, SP, VCHAR and obs-text: what a field value or a reason phrase may hold."""

_TEXT_BYTES = bytes({*b"\t", *range(0x20, 0x7F), *range(0x80, 0x100)})
"""The bytes of TEXT."""

LONGEST_METHOD = 32
"""Bytes of a method; a longer one is answered 501 (RFC 9112 3).  The longest registered has 17."""

METHOD = re.compile(rb"[" + TCHAR + rb"]++")
VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")

# RFC 9112 2.2: a server should ignore at least one empty line before the request line.
# A target may have bytes above ASCII, which end nothing: which of them are taken is decided where it is read.
REQUEST_LINE = re.compile(
    rb"(?:\r\n)?([" + TCHAR + rb"]{1,%d}+) ([!-~\x80-\xff]++) HTTP/1\.([01])\r\n" % LONGEST_METHOD
)

# The beginning of such a line, however it goes on, where that tells the method.
_METHOD_READ = re.compile(rb"(?:\r\n)?([" + TCHAR + rb"]{1,%d}+) " % LONGEST_METHOD)

# The SP before an absent reason phrase may be missing: many origins leave it out, and that cannot be read in two ways.
# Any three digits: 999 is in use.
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([" + TEXT + rb"]*+))?\r\n")

FIELD_LINE = re.compile(rb"[" + TCHAR + rb"]++:[" + TEXT + rb"]*+\r\n")

# Each pattern matches any line, with empty groups for a line that is no field: a search that had to skip a line would
# try every byte of it anew.
_TRIMMED_LINES = re.compile(rb"([" + TCHAR + rb"]++):[ \t]*+([" + TEXT + rb"]*+)(?<![ \t])\r\n|[^\n]*+\n")
_LINES = re.compile(rb"([" + TCHAR + rb"]++):[ \t]*+([" + TEXT + rb"]*+)\r\n|[^\n]*+\n")
_NO_FIELD = (b"", b"")


def read_fields(buffer: bytes | bytearray, start: int, end: int) -> list[tuple[bytes, bytes]] | None:
    """The fields between two places, each just after an LF; None where a line is malformed."""
    pairs: list[tuple[bytes, bytes]] = _TRIMMED_LINES.findall(buffer, start, end)
    if _NO_FIELD not in pairs:
        return pairs
    pairs = _LINES.findall(buffer, start, end)
    if _NO_FIELD in pairs:
        return None
    return [(name, value.rstrip(b" \t")) for name, value in pairs]


def method_read(buffer: bytes | bytearray) -> bytes:
    """The method of a request that is refused or unfinished, however its line goes on; b"" where it is not known."""
    found = _METHOD_READ.match(buffer)
    return found[1] if found else b""


def control(line: bytes) -> bytes:
    """The first byte of the line that no line may hold before its CRLF; b"" for none."""
    return line.translate(None, _TEXT_BYTES)[:1]
