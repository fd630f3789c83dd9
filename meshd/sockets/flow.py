"""One direction of a tunnel: what it reads, where that goes, and how far it may be ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshd.sockets.windows import PROOF

if TYPE_CHECKING:
    from meshd.sockets.pipes import Pipe

FIRST_REACH = 64 * 1024
"""Bytes that are taken at once for a sink that has taken none: what is read ahead of it nobody pays for."""


class Flow:
    """One direction of a tunnel."""

    __slots__ = (
        "blocked",
        "early",
        "ended",
        "ending",
        "fast",
        "held",
        "pipe",
        "reach",
        "sink",
        "source",
        "unproven",
        "upward",
    )

    def __init__(self, source: int, sink: int, upward: bool, early: bytes, held: bytes) -> None:
        self.source = source
        self.sink = sink
        self.upward = upward
        """From the client to the origin."""
        self.early = early
        """What the source sent before it was this tunnel's; to be read before anything else."""
        self.held = held
        """Read and not yet written, SMALL at most (but for what came with the head)."""
        self.pipe: Pipe | None = None
        self.reach = FIRST_REACH
        """Bytes that a pipe is filled with at once: more, the more the sink has taken."""
        self.blocked = False
        """Whether the sink has to take bytes before more are read."""
        self.fast = False
        """Whether the last read was full, so that `splice` is worth a pipe."""
        self.ending = False
        """The source's end was announced: read until it comes, however little there is."""
        self.ended = False
        """The source's end was passed on."""
        self.unproven = 0 if upward else PROOF
        """Bytes that the client has to take until it has shown that it reads."""
