"""A process's place between the one before it and the one after it."""

from __future__ import annotations

from collections.abc import Sequence
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

    async def yielded(self, reactor: Any) -> bool:
        """Where there is a process before this one, wait until it lets nobody in any more; whether there is.
        Raises: NotSucceeded.
        """
        if self._predecessor is None:
            return False
        await self._predecessor.yields(reactor)
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

    async def ready(self, successor: Successor, estate: Estate) -> int:
        """Wait until the successor could let clients in; its number.  Raises: NotSucceeded."""
        self._successor = successor
        try:
            pid = await successor.begin(estate)
        except BaseException:
            self._successor = None
            raise
        self._over = True
        return pid

    def stop(self) -> bool:
        """Give up a successor that is not ready; whether one serves in this process's place."""
        if self._successor is not None:
            self._successor.give_up("meshd is being stopped")
        return self._over
