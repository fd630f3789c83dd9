"""The body of a POST as a Form: by its content type, of which forms know two.  Pure.

JSON gets a message that says what to send instead, whether it came under its own name or, as with a bare `curl -d`,
under that of a form.  Files are no part of this API: a part that carries one is refused.
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

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
NOT_JSON = f"Send form-encoded data ({URLENCODED} or {MULTIPART}), not JSON."

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]\Z")  # RFC 2046, 5.1.1
_HEADER_BYTES = 1024
"""A part's header line: its longest honest content is a field's name."""


def read_body(content_type: bytes | None, body: bytes) -> Form:
    """The form in a request's body.  FormError.  No content type means urlencoded, as old clients mean it."""
    kind, options = _content_type(content_type)
    if kind == MULTIPART:
        return _from_multipart(options.get("boundary", ""), body)
    if _is_json(kind) or (kind == URLENCODED and body.lstrip()[:1] in (b"{", b"[")):
        raise FormError.of(NOT_JSON)
    if kind == URLENCODED:
        return from_urlencoded(body.rstrip(b"\r\n"))
    raise FormError.of(f"Send {URLENCODED} or {MULTIPART}.", status=415)


def _content_type(field: bytes | None) -> tuple[str, dict[str, str]]:
    if not field or not field.strip():
        return URLENCODED, {}
    kind, options = parse_options_header(field.decode("latin-1"))
    return kind.strip().lower(), options


def _is_json(kind: str) -> bool:
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def _from_multipart(boundary: str, body: bytes) -> Form:
    if not _BOUNDARY.match(boundary):
        raise FormError.of("The boundary of the multipart form is missing or malformed.")
    if not body.startswith(f"--{boundary}".encode("ascii")):  # the parser would skip a preamble
        raise FormError.of("The multipart form does not begin with its boundary.")
    try:
        return from_pairs(_parts(boundary, body))
    except ParserLimitReached:
        raise FormError.of("The multipart form has too many fields, or too long headers.", status=413) from None
    except (MultipartError, UnicodeError):
        raise FormError.of("The multipart form is malformed.") from None


def _parts(boundary: str, body: bytes) -> Iterator[tuple[bytes, bytes]]:
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
                name, value = _name(event), bytearray()
            elif event is None:
                yield name, bytes(value)
            else:
                value += event


def _name(part: MultipartSegment) -> bytes:
    name: bytes = part.name.encode("utf-8", "surrogateescape")
    if part.filename is not None:
        raise FormError.of("Files are not accepted; send the value as plain text.", field=shown(name))
    encoding = part.header("Content-Transfer-Encoding", "binary") or "binary"
    if encoding.lower() not in ("binary", "8bit", "7bit"):
        raise FormError.of("A content transfer encoding is not accepted.", field=shown(name))
    return name
