"""Following the change feed: each change is told once it can be read, at most a second after its commit.

Polling is what the promise rests on; the store's `on_change` only makes it sooner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from meshd.model import Change
from meshd.store.interface import Store, StoreError
from meshd.store.statements import changes

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
        self._every = every
        self._seq: int | None = None
        self._next: IDelayedCall | None = None
        self._polling: Deferred[None] | None = None
        self._again = False
        self._started = False
        self._away = False
        store.on_change(self._wake)

    @property
    def away(self) -> bool:
        """Whether the store did not answer the last poll."""
        return self._away

    def start(self) -> None:
        """Poll now, and from now on."""
        self._started = True
        self._wake()

    async def look(self) -> None:
        """Tell what has changed by now.  A store that does not answer is not waited for for long."""
        self._wake()
        if self._polling is not None:
            with suppress(TimeoutError):
                await self._polled().addTimeout(PATIENCE, self._clock)

    async def stop(self) -> None:
        """No change is told any more once this has returned."""
        self._started = False
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._polling is not None:
            await self._polled()

    def _polled(self) -> Deferred[None]:
        """Fires when the poll that is under way has ended."""
        ended: Deferred[None] = Deferred(lambda _: None)

        def tell(_: object) -> None:
            if not ended.called:
                ended.callback(None)

        assert self._polling is not None
        self._polling.addBoth(tell)
        return ended

    def _wake(self) -> None:
        """Poll at once, or once more when this poll is over."""
        self._again = True
        if self._started and self._polling is None:
            if self._next is not None:
                self._next.cancel()
                self._next = None
            self._poll()

    def _on_time(self) -> None:
        self._next = None
        self._wake()

    def _poll(self) -> None:
        self._polling = polling = Deferred.fromCoroutine(self._rounds())
        polling.addErrback(self._failed).addCallback(lambda _: self._over())

    def _failed(self, failure: object) -> None:
        self.log.error("the change feed failed: {failure}", failure=failure)

    def _over(self) -> None:
        self._polling = None
        if self._started:
            self._next = self._clock.callLater(self._every, self._on_time)

    async def _rounds(self) -> None:
        """Until there is nothing more to tell and nobody has asked for another round."""
        try:
            while self._again and self._started:
                self._again = False
                await self._round()
        except StoreError as error:
            self._say_away(error)
        else:
            self._away = False

    def _say_away(self, error: StoreError) -> None:
        if not self._away:
            self._away = True
            self.log.warn("the change feed waits for the store: {error}", error=error)

    async def _round(self) -> None:
        found = await self._read()
        for change in found:
            if not self._started:
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
