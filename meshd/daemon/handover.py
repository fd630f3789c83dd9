"""A process's place between the one before it and the one after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from meshd.daemon.core import Among
from meshd.daemon.predecessor import Predecessor
from meshd.daemon.succession import Estate, NotSucceeded
from meshd.daemon.successor import Successor


class Handover:
    """Whom this process has followed, and who follows it.  One predecessor may still drain, and no more."""

    def __init__(self, predecessor: Predecessor | None) -> None:
        self._predecessor = predecessor
        self._successor: Successor | None = None
        self._over = False

    @property
    def among(self) -> Among:
        """Which one this process is."""
        before = self._predecessor
        return Among() if before is None else Among(before.part, before.known)

    async def yielded(self, reactor: Any, left: Callable[[], None]) -> bool:
        """Where there is a process before this one, wait until it lets nobody in any more; whether there is.
        left: called once it has ended, and may have left something to be billed.  Raises: NotSucceeded.
        """
        if self._predecessor is None:
            return False
        await self._predecessor.yields(reactor, left)
        return True

    def check(self, foreign: Sequence[str]) -> None:
        """Whether another process may begin now.  foreign: endpoints of plugins.  Raises: NotSucceeded."""
        before = self._predecessor
        if self._successor is not None:
            raise NotSucceeded("another process is being started already")
        if before is not None and before.alive:
            raise NotSucceeded(f"process {before.pid}, which this one followed, still lets its last exchanges end")
        if foreign:
            raise NotSucceeded(f"{foreign[0]} is opened by a plugin, and cannot be handed on: stop and start instead")

    def busy(self) -> str:
        """Why the store cannot be exchanged now, as another process may write to it; "" where it can."""
        if self._successor is not None:
            return "the daemon is being restarted: try again when that is done"
        before = self._predecessor
        if before is not None and before.alive:
            return f"process {before.pid}, which the daemon followed, still lets its last exchanges end: try again then"
        return ""

    async def ready(self, successor: Successor, estate: Estate, moves: Callable[[], bool]) -> int:
        """Wait until the successor could let clients in; its number.  Raises: NotSucceeded.

        moves: whether a command that moves the store is followed; one may have come while the successor began, and the
        successor knows nothing of it.
        """
        _require_still(moves)
        self._successor = successor
        try:
            pid = await successor.begin(estate)
            _require_still(moves)
        except BaseException:
            successor.give_up("its predecessor goes on")
            self._successor = None
            raise
        self._over = True
        return pid

    def stop(self) -> bool:
        """Give up a successor that is not ready; whether one serves in this process's place."""
        if self._successor is not None and not self._over:
            self._successor.give_up("meshd is being stopped")
        return self._over


def _require_still(moves: Callable[[], bool]) -> None:
    if moves():
        raise NotSucceeded("the store is being moved: try again when that is done")
