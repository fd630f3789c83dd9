"""Limits and patterns for the head of a request, which is read before anybody has signed in."""

from __future__ import annotations

import re

# What is read before anybody has signed in is bounded by more than its bytes, wherever Twisted or the routing make much
# of few.
LONGEST_START = 4096
"""Bytes of the longest request line: no query of ours comes near.  Twisted looks at each byte by itself."""
LONGEST_PATH = 256
"""Bytes of the longest path as it came; ours have ninety at most.  Klein searches for a path part by part."""
MOST_LINES = 256
"""Lines in a chunked body, of chunk heads and data together: enough for twenty fields of three chunks each."""

SINGLE = frozenset(
    {b"host", b"authorization", b"content-type", b"content-length", b"transfer-encoding", b"origin", b"sec-fetch-site"}
)
"""Header fields that may come once only: of two, another reader of the request might take the other."""
LENGTH = b"content-length:"
HOST = re.compile(rb"(?:[A-Za-z0-9._~-]++|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5})?\Z")
TARGET = re.compile(rb"[\x21-\x7e]++\Z")
ABSOLUTE = re.compile(rb"https?://[^/?#]*+", re.IGNORECASE)
