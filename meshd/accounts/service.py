"""The account rules at work in the daemon: each change runs to its end, then is announced in this process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.logger import Logger

from meshd.accounts.attempt import published
from meshd.accounts.errors import AccountError
from meshd.store.interface import Conflict, Store
from meshd.store.unit import Unit

P = ParamSpec("P")
T = TypeVar("T")


class Accounts:
    """Runs the units of `accounts/` on a store."""

    log = Logger()

    def __init__(self, store: Store, now: Callable[[], float], announce: Callable[[int], None] | None = None) -> None:
        self._store = store
        self._now = now
        self._announce = announce
        self._running: set[Deferred[None]] = set()

    def now(self) -> int:
        """The time that units are given: whole seconds, UTC."""
        return int(self._now())

    async def perform(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one unit.  AccountError as the unit refuses, StoreError.

        It runs on when the one who waits is cancelled: a client that hangs up neither undoes a change nor keeps the
        rest of the process from hearing of it.
        """
        waiting: Deferred[T] = Deferred()
        running = ensureDeferred(self._settle(waiting, unit, *args, **kwargs))
        self._running.add(running)
        running.addBoth(lambda _: self._running.discard(running))
        return await waiting

    async def stop(self) -> None:
        """Wait for what runs."""
        await DeferredList(list(self._running))

    async def _settle(
        self, waiting: Deferred[T], unit: Callable[P, Unit[T]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run it for the one who waits; a Deferred that was cancelled swallows what comes after."""
        try:
            value = await self._run(unit, *args, **kwargs)
        except Exception as error:
            if waiting.called and not isinstance(error, AccountError):
                self.log.failure("a change failed after its client had gone")
            waiting.errback(error)
        else:
            waiting.callback(value)

    async def _run(self, unit: Callable[P, Unit[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        seen: list[int] = []
        watched = partial(published, seen, unit)
        try:
            value = await self._store.run(watched, *args, **kwargs)
        except Conflict:
            value = await self._store.run(watched, *args, **kwargs)
        if self._announce is not None:
            for account_id in seen:
                self._announce(account_id)
        return value
