"""Limits and patterns for the head of a request, which is read before anybody has signed in."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

# What is read before anybody has signed in is bounded by more than its bytes, wherever Twisted or the routing make much
# of few.
LONGEST_START = 4096
"""Bytes of the longest request line: no query of ours comes near.  Twisted looks at each byte by itself."""
LONGEST_PATH = 256
"""Bytes of the longest path as it came; ours have ninety at most.  Klein searches for a path part by part."""
LONGEST_RESOURCE = 1024
"""The same where the path names a destination, as one of CONNECT-TCP does; a host alone may have 253 bytes."""
MOST_LINES = 256
"""Lines in a chunked body, of chunk heads and data together: enough for twenty fields of three chunks each."""

SINGLE = frozenset(
    {b"host", b"authorization", b"content-type", b"content-length", b"transfer-encoding", b"origin", b"sec-fetch-site"}
)
"""Header fields that may come once only: of two, another reader of the request might take the other."""
LENGTH = b"content-length:"
NO_CODING = "transfer coding not supported"
HOST = re.compile(rb"(?:[A-Za-z0-9._~-]++|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5})?\Z")
TARGET = re.compile(rb"[\x21-\x7e]++\Z")
ABSOLUTE = re.compile(rb"https?://[^/?#]*+", re.IGNORECASE)

Problem = tuple[int, str]
"""The status and the detail of a refusal."""


def for_method(answer: bytes, method: bytes) -> bytes:
    """What a client is sent of a whole answer to that method: to HEAD no body (RFC 9110, 9.3.2)."""
    return answer[: answer.find(b"\r\n\r\n") + 4] if method == b"HEAD" else answer


def is_other_coding(line: bytes) -> bool:
    """Whether a line of fields asks for a transfer coding other than `chunked` (501; to Twisted it is malformed)."""
    name, _, value = line.partition(b":")
    return name.lower() == b"transfer-encoding" and value.strip(b" \t").lower() not in {b"", b"chunked"}


def origin_form(given: bytes, resource: bytes | None = None) -> bytes | Problem:
    """A request's target as path and query, without the scheme and the host that it may begin with.

    resource: what the paths begin with that name a destination; None where there are none.
    """
    target = ABSOLUTE.sub(b"", given, count=1) if ABSOLUTE.match(given) else given
    if not target.startswith(b"/") or not TARGET.match(target):
        return 400, "malformed request target; this is an API, and no proxy"
    raw = target.partition(b"?")[0]
    longest = LONGEST_RESOURCE if resource is not None and raw.startswith(resource) else LONGEST_PATH
    if len(raw) > longest:
        return 414, f"a path of more than {longest} bytes"
    path = unquote_to_bytes(raw)
    if b"\0" in path or b"#" in target or not _is_utf8(path):
        return 400, "malformed request target"
    return target


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
