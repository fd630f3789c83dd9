"""The interface of a client's connection, as whatever passes a message on uses it."""

from __future__ import annotations

from typing import Protocol

from meshd.sockets.task import Task
from meshd.sockets.wire import Wire


class Recipient(Protocol):
    """The connection of one client."""

    wire: Wire
    buffer: bytes
    """Bytes received and not read as a message yet."""
    task: Task

    # The time it has

    def phase(self, reason: str, seconds: float, /) -> None:
        """Bound what follows: without another call within so many seconds the exchange ends with that reason."""

    # The bytes it moves, counted

    @property
    def room(self) -> int:
        """How many bytes may be moved now."""

    async def take(self) -> bytes:
        """Wait for bytes of the client, to be counted by `took`; b"" where the client has ended.
        Raises: ClientGone, Stopped.
        """

    async def took(self, size: int, pieces: int = 0) -> None:
        """Count so many bytes of what `take` gave; pieces: the number of chunks that they came in."""

    async def deliver(self, data: bytes) -> None:
        """Send the client bytes, wait until the kernel has taken them, and count them.  Raises: ClientGone, Stopped."""

    async def worked(self, work: int) -> None:
        """Count work that takes as long as moving so many bytes; give others their turn after too much."""

    # The answer it gets

    def begin_answer(self, status: int, *, framed: bool = True) -> None:
        """Note that an answer begins; framed: whether the client can tell where that answer ends."""

    def end_interim(self) -> None:
        """Note that the answer was an interim response and is complete: a final one may still be given."""
