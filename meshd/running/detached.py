"""Work that runs on when the caller who waits for it goes away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

T = TypeVar("T")


class Detached:
    """The pieces of work that are under way; how many there may be is bounded by whoever begins them."""

    def __init__(self, lost: Callable[[Failure], None] = lambda failure: None) -> None:
        """lost: told of a failure that nobody waits for any more."""
        self._lost = lost
        self._running: set[Deferred[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def run(self, work: Deferred[T]) -> Deferred[T]:
        """The outcome of the work.  Cancelling the returned Deferred ends the waiting and not the work."""
        waiter: Deferred[T] = Deferred()
        self._running.add(work)

        def done(result: Any) -> None:
            self._running.discard(work)
            if waiter.called and isinstance(result, Failure):
                self._lost(result)
            waiter.callback(result)  # after a cancellation, without effect

        work.addBoth(done)
        return waiter

    async def ended(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await DeferredList(list(self._running))
