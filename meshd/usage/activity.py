"""The newest exchanges, on their way from the ledger to the store, where their account's holder can look at them.

A busy account ends more exchanges in a second than anybody would read or a database should take: of each account only
the newest few since the last writing are written.  It has turns of its own, so that no bill and no limit waits for it.
What is lost here, by a crash or an outage of the store, is lost to the eye alone: the exchange log has it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.model import Exchange
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import activity
from meshd.topology import Limits, Live

SECONDS = 1.0
"""Between two writings."""
AT_ONCE = 50
"""Of one account in one writing."""
WAITING = 5_000
"""Of all accounts: 3 MB of records, and a third of a second of the database's time."""
SURPLUS = 100
"""Rows of an account that are written before its surplus is cleared: one statement for so many."""
PRUNED = 50
"""Accounts whose surplus is cleared at once."""
SWEEP_SECONDS = 60.0
"""Between two looks for what is too old, where the last one found no more than it could clear."""

_log = Logger()


class Activity:
    """One process's; `add` is called at the end of every exchange."""

    def __init__(self, store: Store, clock: IReactorTime, now: Callable[[], float], live: Live) -> None:
        self._store = store
        self._seconds = clock.seconds
        self._now = now
        self._live = live
        self._waiting: dict[int, deque[Exchange]] = {}
        self._count = 0
        self._written: Counter[int] = Counter()
        """Rows by account since its surplus was cleared."""
        self._sweep_at = 0.0
        self._turns = Regularly(
            clock,
            self._write,
            lambda: SECONDS,
            log=_log,
            away="activity is not written",
            back="activity is written again",
            expected=(StoreError,),
        )

    def start(self) -> None:
        self._turns.start()

    async def stop(self) -> None:
        """After the writing that is under way, and one more."""
        await self._turns.finish()

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

    async def _write(self) -> None:
        """Bring what waits to the store, and clear there what is too much or too old.

        What cannot be written is given up, whatever the reason.
        """
        waiting, self._waiting, self._count = self._waiting, {}, 0
        limits = self._live.limits
        if waiting and limits.activity_per_account:
            await self._store.run(activity.add, [each for newest in waiting.values() for each in newest])
            self._written.update({account_id: len(newest) for account_id, newest in waiting.items()})
        await self._prune(limits)

    async def _prune(self, limits: Limits) -> None:
        """Clear what is too much or too old; with 0 to be kept, all is too old.

        After a failure the store is asked in any case: only its answer says that activity is written again.
        """
        surplus = [account_id for account_id, rows in self._written.items() if rows >= SURPLUS][:PRUNED]
        if not surplus and self._seconds() < self._sweep_at and not self._turns.failing:
            return
        keep = limits.activity_per_account
        horizon = int((self._now() - (limits.activity_seconds if keep else 0)) * 1000)
        more = await self._store.run(activity.prune, surplus, keep, horizon)
        for account_id in surplus:
            del self._written[account_id]
        self._sweep_at = self._seconds() + (0 if more else SWEEP_SECONDS)
