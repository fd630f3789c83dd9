"""The newest exchanges, on their way from the ledger to the store, where their account's holder can look at them.

A busy account ends more exchanges in a second than anybody would read or a database should take: of each account only
the newest few since the last writing are written.  What is lost here, by a crash or an outage of the store, is lost to
the eye alone: the exchange log and the bill have it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.model import Exchange
from meshd.store.interface import Store, StoreError
from meshd.store.statements import activity
from meshd.topology import Limits

AT_ONCE = 50
"""Of one account in one writing."""
WAITING = 5_000
"""Of all accounts: 3 MB of records, and a fifth of a second of the database's time."""
PRUNE_SECONDS = 60.0
PRUNED = 2_000
"""Accounts whose surplus is looked for at once."""

_log = Logger()


class Activity:
    """One process's; `add` is called at the end of every exchange, `write` after every flush."""

    def __init__(
        self, store: Store, clock: IReactorTime, now: Callable[[], float], limits: Callable[[], Limits]
    ) -> None:
        self._store = store
        self._seconds = clock.seconds
        self._now = now
        self._limits = limits
        self._waiting: dict[int, deque[Exchange]] = {}
        self._count = 0
        self._written: dict[int, None] = {}
        """Accounts that may have more than they should, the longest waiting first."""
        self._prune_at = 0.0

    def add(self, exchange: Exchange) -> None:
        """An exchange has ended; one of nobody's is nobody's to look at."""
        if not exchange.account_id:
            return
        newest = self._waiting.get(exchange.account_id)
        if newest is None:
            newest = self._waiting[exchange.account_id] = deque()
        if len(newest) >= AT_ONCE or self._count >= WAITING:
            if not newest:
                del self._waiting[exchange.account_id]
                return
            newest.popleft()
            self._count -= 1
        newest.append(exchange)
        self._count += 1

    async def write(self) -> None:
        """Bring what waits to the store, and clear there what is old.  What cannot be written is given up."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        limits = self._limits()
        try:
            if waiting and limits.activity_per_account:
                await self._store.run(activity.add, [each for newest in waiting.values() for each in newest])
                self._written.update(dict.fromkeys(waiting))
            if self._seconds() >= self._prune_at:
                await self._prune(limits)
        except StoreError as error:
            _log.warn("activity is not written: {error}", error=str(error))

    async def _prune(self, limits: Limits) -> None:
        some = list(self._written)[:PRUNED]
        horizon = int((self._now() - limits.activity_seconds) * 1000)
        await self._store.run(activity.prune, some, limits.activity_per_account, horizon)
        for account_id in some:
            del self._written[account_id]
        self._prune_at = self._seconds() + (0 if self._written else PRUNE_SECONDS)
