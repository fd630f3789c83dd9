"""What a head may be before anybody has signed in."""

from __future__ import annotations

import re

# What is read before anybody has signed in is bounded by more than its bytes, wherever Twisted or the routing make much
# of few.
LONGEST_START = 4096
"""Bytes of the request line: no query of ours comes near it.  Twisted looks at each byte by itself."""
LONGEST_PATH = 256
"""Bytes of a path as it came; ours have ninety at most.  Any other is searched for part by part."""
MOST_LINES = 256
"""In a chunked body, the chunks' own and those of the data: twenty fields of a form, each sent in three chunks."""

SINGLE = frozenset(
    {b"host", b"authorization", b"content-type", b"content-length", b"transfer-encoding", b"origin", b"sec-fetch-site"}
)
"""Fields that mean one thing or nothing: of two, the next reader might take the other."""
LENGTH = b"content-length:"
HOST = re.compile(rb"(?:[A-Za-z0-9._~-]++|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5})?\Z")
TARGET = re.compile(rb"[\x21-\x7e]++\Z")
ABSOLUTE = re.compile(rb"https?://[^/?#]*+", re.IGNORECASE)
