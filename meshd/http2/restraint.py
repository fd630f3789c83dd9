"""How much a peer may ask of a protocol itself, besides what it carries: of HTTP/2, and of capsules.  Pure.

A frame of a few bytes can cost an answer, or all that a stream costs to begin with, as streams that are reset at once
do.  A client needs few of those; one that sends more than its share is told to go (RFC 9113, 10.5).  Likewise capsules
that carry nothing, which are dropped (RFC 9297, 3.2), and paid by nobody.
"""

from __future__ import annotations

from h2.events import (
    ConnectionTerminated,
    Event,
    PingAckReceived,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    SettingsAcknowledged,
    StreamReset,
    UnknownFrameReceived,
    WindowUpdated,
)

from meshd.http2.library import Ignored

COSTLY = frozenset(
    {
        ConnectionTerminated,
        PingAckReceived,
        PingReceived,
        PriorityUpdated,
        RemoteSettingsChanged,
        SettingsAcknowledged,
        StreamReset,
        UnknownFrameReceived,
    }
)
"""What counts, besides requests that are malformed or refused, frames without content, those that come too late, and
room that nothing was sent for.
"""

MALFORMED = 5
"""How much a malformed request counts."""

SHARE = 400
"""Such frames that may come together: a browser that closes a window resets all of its hundred streams at once."""

LESS = 120
"""That may come together from where many were told to go: what an honest client needs, and little more."""

A_SECOND = 40
"""That may come each second besides."""

LATE = 8
"""Frames that may come for each stream once it is closed: a window of DATA, or WINDOW_UPDATE that crossed its end."""

MOST_LATE = 100 * LATE
"""Of all streams: a session's hundred may end at once, as where a limit of their account is met."""

UNKNOWN = 1024 * 1024
"""Bytes that a client may send by a session before any of its streams is admitted."""

FULL = 16 * 1024
"""Bytes of DATA that count as one late frame: the largest that a client may send."""

SMALL = 1024
"""Bytes below which DATA counts as a whole late frame, since it takes as long as a large one."""


BEGUN = 4
"""Times that a peer may give room for each stream that it begins, besides those for what it is sent: as it begins."""

A_FRAME = 2
"""Times for each frame of DATA that it is sent: by the stream, and by all together."""

A_READ = 1024
"""Bytes of DATA for which it may do so once more: some clients do as their program reads; Go's each 4 KiB."""

MOST_ROOM = 64 * 1024
"""Times that a peer may have left: those of 58 MB that it was sent, and has not read yet."""


class Restraint:
    """A bucket of allowance for one session, or one stream of capsules; and what a stranger's session may send."""

    __slots__ = ("_late", "_left", "_room", "_share", "_since", "_unknown")

    def __init__(self, now: float, *, less: bool = False) -> None:
        """now: monotonic seconds; less: whether the peer comes from where many were told to go."""
        self._left = self._share = float(LESS if less else SHARE)
        self._since = now
        self._late = 0.0
        self._room = 0
        """Times that the peer may give room for nothing."""
        self._unknown = UNKNOWN

    def began(self) -> None:
        """Note that a stream was begun, for which room may be given, and frames may come late."""
        self._late = min(MOST_LATE, self._late + LATE)
        self._room = min(MOST_ROOM, self._room + BEGUN)

    def sent(self, size: int) -> None:
        """Note that the peer was sent a frame of DATA, of so many bytes, for which it may give room again."""
        self._room = min(MOST_ROOM, self._room + A_FRAME + size // A_READ)

    def cost(self, event: Event) -> float:
        """What the frame costs that says this, as far as that is to be seen without its stream."""
        kind = type(event)
        if kind in COSTLY:
            return 1.0
        if kind is WindowUpdated:
            self._room -= 1
            if self._room < 0:
                self._room = 0
                return 1.0
        return self.late(event.size) if isinstance(event, Ignored) else 0.0

    def late(self, size: int) -> float:
        """What a frame costs that came for nobody; size: bytes of DATA, 0 for any other frame."""
        cost = size / FULL if size >= SMALL else 1.0
        free = min(self._late, cost)
        self._late -= free
        return cost - free

    def allows(self, now: float, cost: float = 1) -> bool:
        """Count frames, or capsules; whether they are within the peer's share still."""
        self._left = min(self._share, self._left + (now - self._since) * A_SECOND) - cost
        self._since = now
        return self._left >= 0

    def bears(self, size: int) -> bool:
        """Count bytes that came from a client who is unknown; whether they are not too many yet."""
        self._unknown -= size
        return self._unknown >= 0

    def spend(self) -> None:
        """Note that nothing is left, since the peer is told to go for something else."""
        self._left = -1.0

    def spent(self, now: float) -> bool:
        """Whether the peer was told to go, or has used more than half of its share lately if it leaves by itself."""
        return self._left < 0 or self._left + (now - self._since) * A_SECOND < self._share / 2
