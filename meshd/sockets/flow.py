"""One direction of a tunnel: what it reads, where that goes, and how far it may be ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshd.sockets.pipes import Pipe

FIRST_REACH = 64 * 1024
"""Bytes that are read at once for a sink that has taken none: nobody pays for what is read ahead of the sink."""


class Flow:
    """One direction of a tunnel."""

    __slots__ = (
        "blocked",
        "early",
        "ended",
        "fast",
        "held",
        "pipe",
        "reach",
        "sink",
        "source",
        "unproven",
        "unsure",
        "upward",
    )

    def __init__(self, source: int, sink: int, upward: bool, early: bytes, held: bytes, unproven: int) -> None:
        self.source = source
        self.sink = sink
        self.upward = upward
        """Whether this direction goes from the client to the origin."""
        self.early = early
        """Bytes that the source sent before the tunnel began; they are moved before anything is read."""
        self.held = held
        """Bytes that were read and not written yet: at most relay.SMALL, or what came with the head."""
        self.pipe: Pipe | None = None
        self.reach = FIRST_REACH
        """Bytes that the pipe is filled with at once; doubled each time that the sink has emptied the pipe."""
        self.blocked = False
        """Whether the sink has to take bytes before more are read."""
        self.fast = False
        """Whether the last read was full, so that `splice` is worth a pipe."""
        self.unsure = False
        """Whether a read that gave less than was asked for may have left something: the poller has announced the
        source's end, or urgent data, before which a read stops, and at which `splice` moves nothing.
        """
        self.ended = False
        """Whether the source's end was passed on to the sink."""
        self.unproven = unproven
        """Bytes that the client still has to take until it has shown that it reads (see windows.py); 0 upward."""
