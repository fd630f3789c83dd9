"""The body of a POST as a Form, for rooms that are sent forms: by its content type, of which forms know two.  Pure.

JSON is recognised, whether it came under its own name or, as with a bare `curl -d`, under that of a form, so that a
room can say what to send instead.  A part that carries a file is refused, but for rooms that are sent files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from meshd.web.forms import MAX_FIELDS, Form, FormError, from_pairs, from_urlencoded, shown
from meshd.web.problems import Flaw

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]\Z")  # RFC 2046, 5.1.1
_HEADER_BYTES = 1024
"""Bytes of a header line of a part: the longest honest one carries a field's name."""


def read_body(content_type: bytes | None, body: bytes) -> Form:
    """The form in a request's body; without a content type urlencoded, as old clients mean it.  Raises: FormError."""
    kind, options = _content_type(content_type)
    if kind == MULTIPART:
        return _from_multipart(options.get("boundary", ""), body)
    if _is_json(kind) or (kind == URLENCODED and body.lstrip()[:1] in (b"{", b"[")):
        raise FormError.of(Flaw.JSON)
    if kind == URLENCODED:
        return from_urlencoded(body.rstrip(b"\r\n"))
    raise FormError.of(Flaw.NO_FORM)


def read_files(content_type: bytes, body: bytes) -> Form:
    """The form in a multipart body whose parts may be files, each told by its text.  Raises: FormError."""
    return _from_multipart(_content_type(content_type)[1].get("boundary", ""), body, files=True)


def _content_type(field: bytes | None) -> tuple[str, dict[str, str]]:
    if not field or not field.strip():
        return URLENCODED, {}
    kind, options = parse_options_header(field.decode("latin-1"))
    return kind.strip().lower(), options


def _is_json(kind: str) -> bool:
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def _from_multipart(boundary: str, body: bytes, *, files: bool = False) -> Form:
    if not _BOUNDARY.match(boundary):
        raise FormError.of(Flaw.NO_BOUNDARY)
    if not body.startswith(f"--{boundary}".encode("ascii")):  # the parser would skip a preamble
        raise FormError.of(Flaw.NOT_AT_BOUNDARY)
    try:
        return from_pairs(_parts(boundary, body, files))
    except ParserLimitReached:
        raise FormError.of(Flaw.TOO_MANY_PARTS) from None
    except (MultipartError, UnicodeError):
        raise FormError.of(Flaw.MALFORMED) from None


def _parts(boundary: str, body: bytes, files: bool) -> Iterator[tuple[bytes, bytes]]:
    parser = PushMultipartParser(
        boundary,
        content_length=len(body),
        max_header_size=_HEADER_BYTES,
        max_segment_count=MAX_FIELDS,
        strict=True,
    )
    name, value = b"", bytearray()
    with parser:
        for event in parser.parse(body) if body else ():
            if isinstance(event, MultipartSegment):
                name, value = _name(event, files), bytearray()
            elif event is None:
                yield name, bytes(value)
            else:
                value += event


def _name(part: MultipartSegment, files: bool) -> bytes:
    name: bytes = part.name.encode("utf-8", "surrogateescape")
    if part.filename is not None and not files:
        raise FormError.of(Flaw.FILE, field=shown(name))
    encoding = part.header("Content-Transfer-Encoding", "binary") or "binary"
    if encoding.lower() not in ("binary", "8bit", "7bit"):
        raise FormError.of(Flaw.ENCODED, field=shown(name))
    return name
