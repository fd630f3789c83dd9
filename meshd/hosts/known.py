"""First requests of visitors that were passed on before: a head that is known by its bytes is not read once more.

Programs connect anew for each request, with the same fields.  Whose the name is, who pays and who may come in is
decided anew for each; what is kept has no credential that this proxy knows of.
"""

from __future__ import annotations

from meshd.bounded import Bounded
from meshd.hosts.request import HostRequest
from meshd.topology import Limits

HEADS = 1024
"""Heads that are known, of LONGEST bytes at most: 4 MB with what they mean."""

LONGEST = 512
"""Bytes of such a head; longer ones have cookies, or are one client's alone."""

_SECRETS = (b"authorization", b"proxy-authorization", b"cookie")


class KnownVisits:
    """Heads of requests that were passed on, and what they mean."""

    def __init__(self) -> None:
        self._requests: Bounded[tuple[bytes, bool], HostRequest] = Bounded(lambda: HEADS)
        self._limits: Limits | None = None
        """The settings' limits by which the heads were read."""

    def find(self, buffer: bytes, limits: Limits, *, secure: bool) -> HostRequest | None:
        """What buffer asks for, if it is exactly one head that is known; else None.  secure: whether it came by TLS."""
        if limits is not self._limits or len(buffer) > LONGEST:
            return None
        known = self._requests.get((buffer, secure))
        return known.like(known.heard.anew(None, None)) if known is not None else None

    def clear(self) -> None:
        """Know none: what the heads were written anew for may be gone."""
        self._requests.clear()

    def note(self, buffer: bytes, request: HostRequest, limits: Limits, *, secure: bool) -> None:
        """Know from now on a head that was all that buffer held: of a request that was passed on, and has no body."""
        if limits is not self._limits:
            self._limits = limits
            self._requests.clear()
        fields = request.heard.fields
        key = buffer, secure
        if len(buffer) > LONGEST or key in self._requests or any(name in fields for name in _SECRETS):
            return
        method, target, minor, size = request.method, request.target, request.minor, request.size
        # Made anew, as who passes a request on may note there that the connection ends.
        known = HostRequest(method, target, minor, size, framing=request.framing, heard=request.heard)
        self._requests.put(key, known)
