"""The newest exchanges, on their way from the ledger to the store, where their account's holder can look at them.

A busy account ends more exchanges in a second than anybody would read or a database should take: of each account only
the newest few since the last writing are written, apart from the flushes of the ledger, so that no bill and no limit
waits for them.  What is lost here, by a crash or an outage of the store, still stands in the exchange log.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import islice

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import activity
from meshd.topology import Limits, Live
from meshd.values.exchanges import Exchange

SECONDS = 1.0
"""Seconds between two writings."""
AT_ONCE = 50
"""The most exchanges of one account in one writing."""
WAITING = 5_000
"""The most exchanges of all accounts that wait: 3 MB."""
ROWS = 1_000
"""The most of all accounts in one writing, a twentieth of a second of the database's time."""
SHARED = 500
"""So many are shared by accounts that have more than one: with a thousand each second of a hundred busy accounts, which
are cleared again soon, a request costs a tenth more."""
SURPLUS = 100
"""Rows that are written of an account before one statement clears those that it has too many."""
PRUNED = 50
"""The most accounts whose surplus is cleared in one writing."""
SWEEP_SECONDS = 60.0
"""Seconds between two deletions of rows that are too old, unless the last one left some."""

_log = Logger()


class Activity:
    """Takes the exchanges that end in this process, and writes the newest of each account to the store."""

    def __init__(
        self, store: Store, clock: IReactorTime, now: Callable[[], float], live: Live, collect: Callable[[], None]
    ) -> None:
        """collect: adds what has ended and was not added yet."""
        self._store = store
        self._collect = collect
        self._seconds = clock.seconds
        self._now = now
        self._live = live
        self._waiting: dict[int, deque[Exchange]] = {}
        self._count = 0
        self._written: Counter[int] = Counter()
        """How many rows were written of each account since its surplus was cleared, by account id."""
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
        """Finish the writing that is under way, and write what waits, unless the store is away."""
        await self._turns.finish()
        while self._waiting and not self._turns.failing:
            await self._turns.finish()

    def add(self, exchanges: Iterable[Exchange], /) -> None:
        """Take exchanges that have ended; one without an account is ignored, since no holder could look at it."""
        waiting = self._waiting
        for exchange in exchanges:
            account_id = exchange.account_id
            newest = waiting.get(account_id)
            if newest is None:
                if self._count >= WAITING or not account_id:
                    continue
                newest = waiting[account_id] = deque(maxlen=AT_ONCE)
            elif self._count >= WAITING:
                newest.popleft()
                self._count -= 1
            self._count += len(newest) < AT_ONCE
            newest.append(exchange)

    async def _write(self) -> None:
        """Write what waits to the store, and delete there what is too much or too old.

        What cannot be written, for whatever reason, is lost.
        """
        self._collect()
        due = self._due()
        limits = self._live.limits
        if due and limits.activity_per_account:
            await self._store.run(activity.add, due)
            self._written.update(Counter(each.account_id for each in due))
        await self._prune(limits)

    def _due(self) -> list[Exchange]:
        """Take out what is written now: the newest of the accounts that have waited longest, of each as many as there
        is room for; where there are too many accounts, the others wait on.
        """
        waiting = self._waiting
        share = max(SHARED // len(waiting), 1) if waiting else 0
        due: list[Exchange] = []
        for account_id in list(islice(waiting, ROWS)):
            newest = waiting.pop(account_id)
            self._count -= len(newest)
            due += islice(newest, max(len(newest) - share, 0), None)
        return due

    async def _prune(self, limits: Limits) -> None:
        """Delete the rows that are too many or too old; all are too old where the settings keep none per account.

        After a failure the store is asked in any case, since only its answer ends the outage in the log.
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
