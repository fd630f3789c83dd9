"""A store that is exchanged for another one while it is used: who asks meanwhile waits for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from meshd.store.interface import Store, StoreUnavailable
from meshd.store.unit import Unit

P = ParamSpec("P")
T = TypeVar("T")

WAITING = 2_000
"""Units that may wait while the store is held: as many as a store has in its line."""


class Switch:
    """A Store that passes everything on to another one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wakes: list[Callable[[], None]] = []
        self._held = False
        self._waiting: list[Deferred[None]] = []
        self._under_way = 0
        self._still: list[Deferred[None]] = []
        store.on_change(self._wake)

    @property
    def held(self) -> bool:
        return self._held

    async def start(self) -> None:
        await self._store.start()

    async def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        while self._held:
            await self._turn()
        self._under_way += 1
        try:
            return await self._store.run(unit, *args, **kwargs)
        finally:
            self._under_way -= 1
            if not self._under_way:
                still, self._still = self._still, []
                for each in still:
                    each.callback(None)

    def on_change(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)

    async def stop(self) -> None:
        self.release()
        await self._store.stop()

    async def hold(self) -> None:
        """Begin no unit any more, and wait until none is under way."""
        self._held = True
        if self._under_way:
            still: Deferred[None] = Deferred(self._still.remove)
            self._still.append(still)
            await still

    def release(self) -> None:
        """Go on."""
        self._held = False
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    async def replace(self, store: Store) -> None:
        """Go on with another store, which has started, and stop the one of before."""
        before, self._store = self._store, store
        store.on_change(self._wake)
        self.release()
        self._wake()
        await before.stop()

    async def _turn(self) -> None:
        if len(self._waiting) >= WAITING:
            raise StoreUnavailable("too much is waiting for the store")
        waiter: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        await waiter

    def _wake(self) -> None:
        for wake in tuple(self._wakes):
            wake()
