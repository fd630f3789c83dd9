"""Following the change feed: each change is told once it can be read, at most a second after its commit.

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
"""Changes in one read."""

PATIENCE = 2.0
"""Seconds that `look` waits for the store."""


class Feed:
    """Tells `notify` of every change, in their order, one after the other.

    It begins with `Change(…, 0)`, "everything": what was remembered before the first poll may be out of date.  When
    `notify` fails with a StoreError, the change is told again by the next poll.
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
        store.on_change(self._wake)

    def samples(self) -> Iterable[Sample]:
        """Whether the store answered when it was asked last."""
        yield "store_available", (), float(not self.away)

    @property
    def away(self) -> bool:
        """Whether the store did not answer the last poll."""
        return self._polls.failing

    def start(self) -> None:
        """Poll now, and from now on."""
        self._polls.start(at_once=True)

    async def look(self) -> None:
        """Tell what has changed by now.  A store that does not answer is not waited for for long."""
        self._wake()
        with suppress(TimeoutError):
            await self._polls.ended().addTimeout(PATIENCE, self._clock)

    async def stop(self) -> None:
        """No change is told any more once this has returned."""
        await self._polls.stop()

    def _wake(self) -> None:
        """Poll at once, or once more when this poll is over."""
        self._again = True
        self._polls.begin()

    async def _poll(self) -> None:
        """Until there is nothing more to tell and nobody has asked for another round."""
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
