"""How long it takes to act on what came by a session, in bytes that take as long to move.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from h2.events import Event, RequestReceived, StreamReset

A_FRAME = 48 * 1024
"""Of a frame, whatever it says: some 30 microseconds."""

_FRAMES: dict[type[Event], int] = {RequestReceived: 4, StreamReset: 4}
"""How many frames those take as long as that begin or cut an exchange."""


def work_of(size: int, frames: int, events: Sequence[Event]) -> int:
    """size: bytes that came; frames: that begin in them; events: what they said."""
    said = sum(_FRAMES.get(type(event), 1) for event in events)
    return size + A_FRAME * max(frames, said)
