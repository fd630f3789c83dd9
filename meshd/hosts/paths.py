"""What part of a host a path is in, read as loosely as any upstream may read it.  Pure.

Upstreams take escapes for what they stand for, several slashes for one, a backslash for a slash, and leave out what
follows a semicolon.  A location is found by that reading, so that another spelling leads to no other upstream; and a
path with segments of dots, which some upstreams would climb by, has no such reading.  Browsers send none.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_PARAMETERS = re.compile(rb";[^/\\]*+")
_SLASHES = re.compile(rb"[/\\]++")
_DOTS = re.compile(rb"/\.\.?(?:/|\Z)")


def loosely(target: bytes) -> bytes | None:
    """A path by which locations are found, without its query; None where a segment of it is dots."""
    path = target.partition(b"?")[0]
    if b"%" in path:
        path = unquote_to_bytes(path)
    if b";" in path:
        path = _PARAMETERS.sub(b"", path)
    path = _SLASHES.sub(b"/", path)
    return None if b"/." in path and _DOTS.search(path) else path
