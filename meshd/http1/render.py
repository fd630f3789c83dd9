"""Message heads as bytes.

Nothing is checked here: methods, paths and fields come from a head that was read, or are constants, and so have no CR,
LF or NUL in them.  The caller's fields include those for framing.
"""

from __future__ import annotations

from collections.abc import Iterable


def render_request(method: bytes, path: bytes, host_value: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A request's head with one Host field, which comes first (RFC 9110 7.2); `fields` hold no Host."""
    start = b"%b %b HTTP/1.1\r\nHost: %b" % (method, path, host_value)
    return b"\r\n".join([start, *map(b": ".join, fields), b"\r\n"])


def render_response(status: int, reason: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A response's head, in HTTP/1.1 whatever the request's version (RFC 9110 2.5)."""
    return b"\r\n".join([b"HTTP/1.1 %d %b" % (status, reason), *map(b": ".join, fields), b"\r\n"])
