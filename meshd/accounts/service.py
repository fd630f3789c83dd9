"""Runs the units of accounts/ in the daemon: each change runs to its end, then is announced in this process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.accounts.attempt import published
from meshd.accounts.errors import AccountError
from meshd.running.cause import CAUSE
from meshd.running.detached import Detached
from meshd.store.interface import Conflict, Store
from meshd.store.unit import Unit
from meshd.values.published import HOSTS

P = ParamSpec("P")
T = TypeVar("T")


class Accounts:
    """Runs units on a store, and calls `announce` with the id of each account whose change was committed."""

    log = Logger()

    def __init__(self, store: Store, now: Callable[[], float], announce: Callable[[int], None] | None = None) -> None:
        self._store = store
        self._now = now
        self._announce = announce
        self._changes = Detached(self._lost)

    def now(self) -> int:
        """The epoch second that units are given as `now`."""
        return int(self._now())

    async def perform(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one unit, to its end even if the caller is cancelled.

        So a client that hangs up neither undoes a change nor keeps the process from hearing of the change.
        Raises: StoreError; AccountError where the unit refuses.
        """
        return await self._changes.run(Deferred.fromCoroutine(self._run(unit, *args, **kwargs)))

    async def stop(self) -> None:
        """Wait for the units that run."""
        await self._changes.ended()

    def _lost(self, failure: Failure) -> None:
        if not failure.check(AccountError):
            self.log.failure("a change failed after its client had gone", failure)

    async def _run(self, unit: Callable[P, Unit[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        seen: list[int] = []
        watched = partial(published, seen, CAUSE.get(), unit)
        try:
            value = await self._store.run(watched, *args, **kwargs)
        except Conflict:
            value = await self._store.run(watched, *args, **kwargs)
        if self._announce is not None:
            for account_id in seen:
                if account_id != HOSTS:  # nobody's rights have changed
                    self._announce(account_id)
        return value
