"""Ids by which a request is found again: the client's own, read strictly, or one of ours.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_OWN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PARENT = re.compile(
    rb"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)
"""The field traceparent of W3C's Trace Context, of this version (00) or one that is to come."""
_NO_VERSION, _NO_TRACE, _NO_SPAN = b"ff", b"0" * 32, b"0" * 16
LONGEST = 256
"""Bytes of a traceparent; that of today has 55."""


class Trace(NamedTuple):
    """What a request is called."""

    request: str
    trace: str = ""
    """The client's trace id; "" for none."""
    told: bool = False
    """Whether the client is told: it has sent an id."""


def traced(given: Sequence[bytes], parents: Sequence[bytes], made: Callable[[], str]) -> Trace:
    """given, parents: all values of X-Request-Id and of traceparent; made: makes an id.

    One of two, and what is none, is as if it had not been sent.
    """
    request = _text(given[0]) if len(given) == 1 and _OWN.fullmatch(given[0]) else ""
    trace = _trace_id(parents[0]) if len(parents) == 1 else ""
    return Trace(request or trace or made(), trace, bool(request or trace))


def _trace_id(parent: bytes) -> str:
    found = _PARENT.fullmatch(parent) if len(parent) <= LONGEST else None
    if found is None or found["version"] == _NO_VERSION or (found["version"] == b"00" and found["more"]):
        return ""
    return "" if found["trace"] == _NO_TRACE or found["span"] == _NO_SPAN else _text(found["trace"])


def _text(value: bytes) -> str:
    return value.decode("ascii")
