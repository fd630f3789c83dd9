"""The interface through which a tunnel has its bytes counted and bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meshd.model import Refusal


class TunnelMeter(Protocol):
    """Counts a tunnel's bytes, and tells how many more may be moved."""

    stop: Callable[[Refusal], None]
    """Set by the tunnel, called to end it: a limit is reached, or the account is no longer let in."""
    resume: Callable[[], None] | None
    """Set by the tunnel, called when `room` was 0 and no longer is."""
    shaped: bool
    """Whether the account is held to a rate, so that the room in each direction is another."""

    @property
    def room(self) -> int:
        """How many bytes may be moved now."""

    @property
    def room_up(self) -> int:
        """How many bytes may be moved from the client now, where that is bounded by itself; else `room`."""

    @property
    def room_down(self) -> int:
        """Likewise, to the client."""

    def sent_up(self, n: int) -> None:
        """Count n bytes that the client has sent."""

    def sent_down(self, n: int) -> None:
        """Count n bytes that the client was sent."""
