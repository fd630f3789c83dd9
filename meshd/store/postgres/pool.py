"""A pool of connections: each has a keeper that opens it, waits until it is lost, and opens it again.

Only usable connections are handed out.  While there is none, acquire() fails at once; an outage is one line in the log
when it begins and one when it ends, however many connections and attempts the outage concerns.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.store.interface import StoreUnavailable
from meshd.store.postgres.link import Link
from meshd.store.postgres.watch import Watch

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

WAITING = 2_000
"""The most units that may wait for a connection; more would not be served in time."""

WAIT_SECONDS = 5.0


def _expect_cancellation(failure: Failure) -> None:
    failure.trap(CancelledError)


class Keeper:
    """Keeps one connection open, with growing pauses between attempts that fail."""

    def __init__(
        self,
        reactor: Any,
        connect: Callable[[], Awaitable[Link]],
        up: Callable[[Link], None],
        down: Callable[[Link | None, str], None],
    ) -> None:
        self._reactor = reactor
        self._connect = connect
        self._up = up
        self._down = down
        self._life: Deferred[None] | None = None

    def start(self) -> None:
        self._life = Deferred.fromCoroutine(self._keep())

    def stop(self) -> Deferred[None]:
        """Close the connection and open no other; fires when that is done."""
        assert self._life is not None
        self._life.addErrback(_expect_cancellation)
        # In a later turn of the reactor, since stop() may be called from within _keep().
        self._reactor.callLater(0, self._life.cancel)
        return self._life

    async def _keep(self) -> None:
        pause = 0.0
        while True:
            try:
                link = await self._connect()
            except StoreUnavailable as error:
                self._down(None, str(error))
                pause = min(max(pause * 1.7, FIRST_PAUSE), LONGEST_PAUSE)
            else:
                await self._hold(link)
                pause = FIRST_PAUSE
            await deferLater(self._reactor, pause)

    async def _hold(self, link: Link) -> None:
        """Lend the connection out until it is lost; close it when the keeper is stopped."""
        self._up(link)
        try:
            self._down(link, await link.lost)
        finally:
            link.lose("closed")


class Pool:
    """A number of connections (size), each used by one unit at a time."""

    log = Logger()

    def __init__(self, reactor: Any, connect: Callable[[], Awaitable[Link]], size: int) -> None:
        self._reactor = reactor
        self._keepers = [Keeper(reactor, connect, self._up, self._down) for _ in range(size)]
        self._live: set[Link] = set()
        self._watch = Watch(reactor, connect, lambda: self._live)
        self._idle: list[Link] = []
        self._waiting: deque[Deferred[Link]] = deque()
        self._news: list[Deferred[None]] = []
        self._away_since: float | None = None
        self._closing = False

    def start(self) -> None:
        for keeper in self._keepers:
            keeper.start()
        self._watch.start()

    async def ready(self) -> None:
        """Wait for the first connection.  Raises: StoreUnavailable with the reason where the first attempt fails."""
        if not self._live:
            news: Deferred[None] = Deferred()
            self._news.append(news)
            await news

    async def acquire(self) -> Link:
        """A connection, the caller's until release(); cancelling ends the wait for one.  Raises: StoreUnavailable."""
        while self._idle:
            if (link := self._idle.pop()).usable:
                return link
        self._refuse()
        waiter: Deferred[Link] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        waiter.addTimeout(WAIT_SECONDS, self._reactor)
        try:
            return await waiter
        except TimeoutError:
            raise StoreUnavailable("every connection to the database was busy for too long") from None

    def release(self, link: Link) -> None:
        """Give the connection to whoever waits longest; a lost one is opened again by its keeper."""
        if not link.usable:
            return
        if self._waiting:
            self._waiting.popleft().callback(link)
        else:
            self._idle.append(link)

    async def stop(self) -> None:
        """Close all connections; no unit should be running on one."""
        self._closing = True
        self._watch.stop()
        self._dismiss("the store is closed")
        self._tell(lambda news: news.errback(StoreUnavailable("the store is closed")))
        await DeferredList([keeper.stop() for keeper in self._keepers])

    def _refuse(self) -> None:
        if self._closing:
            raise StoreUnavailable("the store is closed")
        if not self._live:
            raise StoreUnavailable("the database is away")
        if len(self._waiting) >= WAITING:
            raise StoreUnavailable("too much is waiting for the store")

    def _up(self, link: Link) -> None:
        self._live.add(link)
        if self._away_since is not None:
            seconds, self._away_since = self._reactor.seconds() - self._away_since, None
            self.log.info("PostgreSQL is back after {seconds:.1f} s", seconds=seconds)
            gc.collect(1)  # attempts that failed leave circles, which are young still; the old are looked at seldom
        self._tell(lambda news: news.callback(None))
        self.release(link)

    def _down(self, link: Link | None, reason: str) -> None:
        if link is not None:
            self._live.discard(link)
            if link in self._idle:
                self._idle.remove(link)
        if not self._live and not self._closing:
            self._away(reason)

    def _away(self, reason: str) -> None:
        if self._away_since is None:
            self._away_since = self._reactor.seconds()
            self.log.warn("PostgreSQL is away: {reason}", reason=reason)
        self._dismiss("the database is away")
        self._tell(lambda news: news.errback(StoreUnavailable(reason)))

    def _dismiss(self, why: str) -> None:
        """Fail all who wait for a connection, with StoreUnavailable(why)."""
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            waiter.errback(StoreUnavailable(why))

    def _tell(self, how: Callable[[Deferred[None]], None]) -> None:
        news, self._news = self._news, []
        for waiter in news:
            how(waiter)
