"""The interface through which a tunnel has its bytes counted and bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meshd.model import Refusal
from meshd.values.bounds import OnLimit


class TunnelMeter(Protocol):
    """Counts a tunnel's bytes, and tells how many more may be moved."""

    stop: Callable[[Refusal], None]
    """Set by the tunnel, called to end it: a limit is reached, or the account is no longer let in."""
    resume: Callable[[], None] | None
    """Set by the tunnel, called when `room` was 0 and no longer is."""
    shaped: bool
    """Whether the account is held to a rate, so that the room in each direction is another."""

    @property
    def whose(self) -> int:
        """Who pays: one of these takes no other's place where bytes wait for the client."""

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


NOT_NOW = Refusal("rate-requests", "over the rate, or the store is asked how much is left")
"""The answer to a datagram that does not fit into the room of this moment: it is dropped, and nobody is told."""


class DatagramMeter(TunnelMeter, Protocol):
    """Counts bytes that cannot be parted."""

    def against(self, size: int, *, upward: bool, on_limit: OnLimit) -> Refusal | None:
        """Why so many bytes may not be moved at once, from the client (upward) or to it; None where they may.

        NOT_NOW where they may later; `resume` is called then if the store has to say so.  Any other refusal is a
        limit's that leaves fewer, and ends the exchange.
        on_limit: what happens at a limit where the account's terms say nothing of it.
        """

    def weigh(self, size: int, *, upward: bool) -> None:
        """Take from a rate what a datagram of size bytes takes besides these, which are counted by themselves."""

    def await_up(self, size: int) -> None:
        """Have `resume` called when a rate may leave more from the client than now, which is less than size bytes; not
        from within `resume` itself.
        """
