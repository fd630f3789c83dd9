"""What a tunnel asks of whoever counts its bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meshd.model import Refusal


class TunnelMeter(Protocol):
    """Counts a tunnel's bytes, and says how many more may be moved."""

    stop: Callable[[Refusal], None]
    """Ends the tunnel: a limit is reached, or it may no longer pass."""
    resume: Callable[[], None] | None
    """Called when `room` was 0 and no longer is."""

    @property
    def room(self) -> int:
        """How many bytes may be moved now."""

    def sent_up(self, n: int) -> None:
        """n bytes from the client."""

    def sent_down(self, n: int) -> None:
        """n bytes to the client."""
