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
        split = _split(buffer)
        known = self._requests.get(split[0]) if split is not None else None
        if split is None or known is None or not is_credential(split[1]):
            return None
        said = known.said.with_credential(b"", split[1])
        return ProxyRequest(known.method, known.target, known.minor, len(buffer), framing=known.framing, said=said)

    def note(self, buffer: bytes, request: ProxyRequest, limits: Limits) -> None:
        """Know a head from now on, which was all that buffer held: that of a tunnel that has been opened, the second
        time.  Who asks for a new name each time is spared what would be kept for nobody, and pushes nobody's out.
        """
        if limits is not self._limits:
            self._limits = limits
            self._longest = min(LONGEST, limits.request_line_bytes, limits.head_bytes)
            self._requests.clear()
        said, split = request.said, _split(buffer)
        if split is None or split[1] != said.proxy_authorization or len(buffer) > self._longest:
            return
        if said.authorization is not None or split[0] in self._requests:
            return  # the value of Authorization may be a secret of the account's, which is not kept here
        if (seen := hash(split[0])) not in self._seen:
            self._seen.put(seen, None)
            return
        said.wishes()  # was asked for before, as an exit was chosen, and then is not read again
        bare = said.with_credential(b"", b"")
        bare.fields = Fields([(name, value) for name, value in said.fields if name.lower() != _FIELD])
        size, framing = request.size, request.framing
        known = ProxyRequest(request.method, request.target, request.minor, size, framing=framing, said=bare)
        self._requests.put(split[0], known)


def _split(buffer: bytes) -> tuple[bytes, bytes] | None:
    """A head without the value of its Proxy-Authorization, and that value; None where there is none as most write it.

    The name's line begins behind a line's end, and the first one counts: a head with two is not read at all.
    """
    at = buffer.find(_NAME)
    if at < 0:
        return None
    begin = at + len(_NAME)
    end = buffer.find(b"\r\n", begin)
    return (buffer[:begin] + buffer[end:], buffer[begin:end]) if end >= 0 else None
