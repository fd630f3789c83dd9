"""Whether a request is one that a page of another site made a browser send: cross-site request forgery.  Pure.

A browser adds the credentials that it remembers for the API to what any page makes it send there.  It also says where
a request comes from, and no page can change what it says: in `Sec-Fetch-Site` (W3C Fetch Metadata), and, browsers that
do not know that, in `Origin` (RFC 6454).  Programs that are no browsers send neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OURS = (b"same-origin", b"none")
"""Values of Sec-Fetch-Site for our own requests; `none` is what a person did: an address typed, a bookmark.
`same-site` is foreign: a neighbour's page, on another port or under another name of the same domain."""

_PORTS = {b"http": b"80", b"https": b"443"}

_HOST = rb"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?"
_AUTHORITY = re.compile(_HOST + rb"\Z")
_ORIGIN = re.compile(rb"(https?)://" + _HOST + rb"\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """What a request says of where it comes from; None for a field that was not sent."""

    site: bytes | None = None
    """`Sec-Fetch-Site`."""
    origin: bytes | None = None
    """`Origin`."""
    host: bytes | None = None
    """`Host`: the name and port by which the client calls the API."""
    followed: bool = False
    """Whether the request opens a page of its own, as a link that somebody follows does."""
    tls: bool = False
    """Whether the request came by TLS to meshd itself; a balancer in front may have taken the TLS off."""


def is_foreign(source: Source, *, reads: bool) -> bool:
    """Whether another site's page made a browser send the request.  reads: a GET, to which links may be followed."""
    if reads and source.followed:
        return False
    if source.site is not None:
        return source.site not in _OURS
    return source.origin is not None and not _is_own(source.origin, source)


def _is_own(origin: bytes, source: Source) -> bool:
    """Whether the origin (`null` for a page that has none) is the API itself."""
    theirs, ours = _ORIGIN.match(origin), _AUTHORITY.match(source.host or b"")
    if theirs is None or ours is None:
        return False
    scheme, host, port = theirs[1].lower(), theirs[2].lower(), theirs[3]
    if source.tls and scheme != b"https":
        return False
    default = _PORTS[scheme]
    return (host, int(port or default)) == (ours[1].lower(), int(ours[2] or default))
