"""Why a head is refused: the slow walk, line by line, over a head that is bad, oversized or unfinished.

Promise: the fault is the one that a reader of single bytes would meet first, so that the answer does not depend on how
the bytes were cut into packets; and it is met no later than the end of the line that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from meshd.http1.errors import BadMessage
from meshd.http1.grammar import FIELD_LINE, LONGEST_METHOD, METHOD, VERSION, control


@dataclass(frozen=True, slots=True)
class StartLine:
    """How the first line of one kind of head is judged."""

    pattern: re.Pattern[bytes]
    """Matches a good first line, its CRLF included."""
    explain: Callable[[bytes], BadMessage]
    """Gives the fault of a line that does not match, passed without its CRLF and free of control bytes."""
    longest: int
    """Bytes in it, its CRLF not counted.  A field line has no bound but that of the whole head."""
    too_long: int
    """The status for a longer one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of one kind of head, and the status for each kind of fault."""

    start: StartLine | None
    """None where the text begins with field lines, as trailers do."""
    bad: int
    fields_too_large: int
    total: int
    """Bytes in the whole head, its blank line included."""
    fields: int


def refuse_faulty(text: bytes, rules: Rules, seen: int = 0) -> None:
    """Raise BadMessage where the text, a head or the beginning of one, can no longer become a good head.

    `seen` bytes were found good by an earlier call.  Bytes after the blank line are not looked at.
    """
    begin = text.rfind(b"\n", 0, seen) + 1
    number = text.count(b"\n", 0, begin) + (rules.start is None)
    known = max(0, seen - begin - 1)  # less one, since a CR is good only before an LF
    *lines, rest = text[begin : rules.total].split(b"\n")
    for line in lines:
        if line == b"\r" and number:
            return
        _refuse_bytes(line, number, rules, known)
        _refuse_line(line, number, rules)
        number, known = number + 1, 0
    _refuse_bytes(rest, number, rules, known)
    if len(text) >= rules.total:
        raise BadMessage(rules.fields_too_large, "the fields are too large")


def _refuse_bytes(line: bytes, number: int, rules: Rules, known: int) -> None:
    """Check what can be checked before a line's end; known: how many of its bytes are good.  Raises: BadMessage."""
    content = line.removesuffix(b"\r")
    if number == 0 and content[:1] in _OTHER_PROTOCOLS:
        raise BadMessage(rules.bad, _OTHER_PROTOCOLS[content[:1]])
    start = rules.start if number == 0 else None
    if bad := control(content[known : start.longest + 1 if start else None]):
        raise BadMessage(rules.bad, _NAMED_CONTROLS.get(bad, "a control byte"))
    if start and len(content) > start.longest:
        raise BadMessage(start.too_long, "the first line is too long")


def _refuse_line(line: bytes, number: int, rules: Rules) -> None:
    """Check a whole line, given without its LF.  Raises: BadMessage."""
    if not line.endswith(b"\r"):
        raise BadMessage(rules.bad, "a bare LF")
    content = line.removesuffix(b"\r")
    if number > rules.fields:
        raise BadMessage(rules.fields_too_large, "too many fields")
    if number == 0 and rules.start is not None:
        if not rules.start.pattern.fullmatch(line + b"\n"):
            raise rules.start.explain(content)
    elif not FIELD_LINE.fullmatch(line + b"\n"):
        raise BadMessage(rules.bad, _why_no_field(content))


def request_line_fault(line: bytes) -> BadMessage:
    """What is wrong with a request line."""
    method, *rest = line.split(b" ")
    if not METHOD.fullmatch(method):
        return BadMessage(400, "the method is not a token" if line else "an empty request line")
    if len(rest) != 2 or not rest[0]:
        return BadMessage(400, "the request line is not: method, target, version")
    if not VERSION.fullmatch(rest[1]):
        return BadMessage(400, "the request line does not end in an HTTP version")
    if rest[1] not in (b"HTTP/1.0", b"HTTP/1.1"):
        return BadMessage(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    if len(method) > LONGEST_METHOD:
        return BadMessage(501, "the method is too long")
    return BadMessage(400, "a tab in the target")


def _why_no_field(line: bytes) -> str:
    name, colon, _ = line.partition(b":")
    if line[:1] in (b" ", b"\t"):
        return "a folded field line"
    if not colon:
        return "a field line without a colon"
    if name.endswith((b" ", b"\t")):
        return "whitespace before the colon of a field line"
    return "a field name that is not a token"


_NAMED_CONTROLS = {b"\x00": "a NUL", b"\r": "a bare CR"}

# The first byte of a handshake that is not HTTP, refused before a limit or a timer has to.
_OTHER_PROTOCOLS = {
    b"\x16": "TLS on a plain HTTP port",
    b"\x04": "SOCKS on an HTTP port",
    b"\x05": "SOCKS on an HTTP port",
}
