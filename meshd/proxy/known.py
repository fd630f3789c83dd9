"""Tunnels that were opened before: a head that asks for one again is known by its bytes, and not read once more.

Clients open tunnel after tunnel to the same servers with the same fields.  Only the value of Proxy-Authorization may
differ, and who is asking, and whether he may, is decided anew for each.
"""

from __future__ import annotations

from meshd.bounded import Bounded
from meshd.http1.fields import Fields
from meshd.proxy.request import ProxyRequest
from meshd.proxy.said import is_credential
from meshd.topology import Limits

HEADS = 1024
"""Heads that are known, of LONGEST bytes at most: 3 MB with what they mean."""

LONGEST = 512
"""Bytes of such a head; longer ones are rare."""

SEEN = 4096
"""Heads of which it is noted that they came once: by their hash, so that of most of them nothing is kept."""

_NAME = b"\r\nProxy-Authorization: "
_END = b"\r\n"
_FIELD = b"proxy-authorization"


class KnownTunnels:
    """Heads of tunnels that were opened, without their credentials."""

    def __init__(self) -> None:
        self._requests: Bounded[bytes, ProxyRequest] = Bounded(lambda: HEADS)
        self._seen: Bounded[int, None] = Bounded(lambda: SEEN)
        self._limits: Limits | None = None
        """The settings' limits by which the heads were read."""
        self._longest = 0

    def find(self, buffer: bytes, limits: Limits) -> ProxyRequest | None:
        """What buffer asks for, if it is exactly one head that is known; else None."""
        if limits is not self._limits or len(buffer) > self._longest:
            return None
        rest, credential = _split(buffer)
        known = self._requests.get(rest)
        if known is None or not is_credential(credential):
            return None
        return known.like(len(buffer), known.said.with_credential(b"", credential))

    def note(self, buffer: bytes, request: ProxyRequest, limits: Limits) -> None:
        """Know a head from now on, which was all that buffer held: that of a tunnel that has been opened, the second
        time.  Who asks for a new name each time is spared what would be kept for nobody, and pushes nobody's out.
        """
        if limits is not self._limits:
            self._limits = limits
            self._longest = min(LONGEST, limits.request_line_bytes, limits.head_bytes)
            self._requests.clear()
        said, (rest, credential) = request.said, _split(buffer)
        if not rest or credential != said.proxy_authorization or len(buffer) > self._longest:
            return
        if said.authorization is not None or rest in self._requests:
            return  # the value of Authorization may be a secret of the account's, which is not kept here
        if (seen := hash(rest)) not in self._seen:
            self._seen.put(seen, None)
            return
        said.wishes()  # was asked for before, as an exit was chosen, and then is not read again
        bare = said.with_credential(b"", b"")
        bare.fields = Fields([(name, value) for name, value in said.fields if name.lower() != _FIELD])
        size, framing = request.size, request.framing
        known = ProxyRequest(request.method, request.target, request.minor, size, framing=framing, said=bare)
        self._requests.put(rest, known)


def _split(buffer: bytes) -> tuple[bytes, bytes]:
    """A head without the value of its Proxy-Authorization, and that value; nothing where none is as most write it.

    The name's line begins behind a line's end, and the first one counts: a head with two is not read at all.
    """
    before, name, behind = buffer.partition(_NAME)
    value, end, behind = behind.partition(_END)
    return (before + name + behind, value) if end else (b"", b"")
