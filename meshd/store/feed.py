"""Following the change feed: each change is passed on once it can be read, at most a second after its commit.

Polling is what the promise rests on; the store's `on_change` only makes it sooner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from twisted.internet.defer import TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.model import Change
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import changes
from meshd.values.samples import Sample

BATCH = 500
"""The most changes in one read."""

PATIENCE = 2.0
"""Seconds that `look` waits for the store."""


class Feed:
    """Calls `notify` with every change, in the order of the changes, one after the other.

    The first one is `Change(…, 0)`, "everything": what was remembered before the first poll may be out of date.  A
    change for which `notify` raises StoreError is passed to `notify` again by the next poll.
    """

    log = Logger()

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        notify: Callable[[Change], Awaitable[None] | None],
        every: float = 1.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._notify = notify
        self._seq: int | None = None
        self._read_at = clock.seconds()
        """When all that had changed was last known."""
        self._again = False
        self._polls = Regularly(
            clock,
            self._poll,
            lambda: every,
            log=self.log,
            away="the change feed waits for the store",
            back="the change feed is read again",
            expected=(StoreError,),
        )
        store.on_change(self.wake)

    def samples(self) -> Iterable[Sample]:
        """Whether the store answered when it was asked last, and for how long it has not."""
        yield "store_up", (), float(not self.away)
        yield "change_feed_lag_seconds", (), self._clock.seconds() - self._read_at

    @property
    def away(self) -> bool:
        """Whether the store did not answer the last poll."""
        return self._polls.failing

    def start(self) -> None:
        """Poll at once, then regularly."""
        self._polls.start(at_once=True)

    async def look(self) -> None:
        """Poll once and wait for the end of that poll, at most PATIENCE seconds."""
        self.wake()
        with suppress(TimeoutError):
            await self._polls.ended().addTimeout(PATIENCE, self._clock)

    async def stop(self) -> None:
        """Stop polling; once this has returned, `notify` is not called any more."""
        await self._polls.stop()

    def wake(self) -> None:
        """Poll at once, or once more after the poll that is under way."""
        self._again = True
        self._polls.begin()

    async def _poll(self) -> None:
        """Read and pass on changes until none is left and nobody has called wake() meanwhile."""
        self._again = True
        while self._again and self._polls.running:
            self._again = False
            await self._round()

    async def _round(self) -> None:
        found = await self._read()
        for change in found:
            if not self._polls.running:
                return
            await self._tell(change)
            self._seq = change.seq
        if len(found) >= BATCH:
            self._again = True
        else:
            self._read_at = self._clock.seconds()

    async def _read(self) -> list[Change]:
        if self._seq is None:
            return [Change(await self._store.run(changes.newest), 0)]
        return await self._store.run(changes.since, self._seq, BATCH)

    async def _tell(self, change: Change) -> None:
        try:
            told = self._notify(change)
            if told is not None:
                await told
        except StoreError:
            raise
        except Exception:
            self.log.failure("a change could not be told: {change}", change=change)
