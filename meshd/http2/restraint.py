"""How much a peer may ask of a protocol itself, besides what it carries: of HTTP/2, and of capsules.  Pure.

A frame of a few bytes can cost an answer, or all that a stream costs to begin with, as streams that are reset at once
do.  A client needs few of those; one that sends more than its share is told to go (RFC 9113, 10.5).  Likewise capsules
that carry nothing, which are dropped (RFC 9297, 3.2), and paid by nobody.
"""

from __future__ import annotations

from h2.events import (
    ConnectionTerminated,
    PingAckReceived,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    StreamReset,
    UnknownFrameReceived,
)

COSTLY = (
    ConnectionTerminated,
    PingAckReceived,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    StreamReset,
    UnknownFrameReceived,
)
"""What counts, besides requests that are malformed or refused and frames without content."""

MALFORMED = 5
"""How much a malformed request counts."""

SHARE = 400
"""Such frames that may come together: a browser that closes a window resets all of its hundred streams at once."""

A_SECOND = 40
"""That may come each second besides."""


class Restraint:
    """A bucket of allowance for one session, or one stream of capsules."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        """now: monotonic seconds."""
        self._left = float(SHARE)
        self._since = now

    def allows(self, now: float, cost: int = 1) -> bool:
        """Count frames, or capsules; whether they are within the peer's share still."""
        self._left = min(SHARE, self._left + (now - self._since) * A_SECOND) - cost
        self._since = now
        return self._left >= 0
