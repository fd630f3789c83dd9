"""Settings and lists of exits read anew, and their pools built, in a thread while the proxy serves.

Fifty thousand exits are two seconds of work.  The reactor only puts the result in place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from meshd.config import Config, ConfigError, with_lists
from meshd.config.exits.lists import first_of
from meshd.config.exits.stamps import Stamps, stamps
from meshd.exits.pools import Pools
from meshd.running.regularly import Regularly

SECONDS = 2.0
"""Seconds between two looks.  A list is read once two looks have found it alike: whoever writes it has ended."""

T = TypeVar("T")

log = Logger()


class Fresh(NamedTuple):
    """Settings, and the pools of exits made from them."""

    config: Config
    pools: Pools


class ExitWatch:
    """Looks at the lists of exits, and has them read when they have changed.

    Whoever changes settings holds the lock; `current` gives the settings in force, `swap` puts others in force.
    """

    def __init__(self, reactor: Any, current: Callable[[], Fresh], swap: Callable[[Fresh], None]) -> None:
        self.lock = DeferredLock()
        self._reactor = reactor
        self._current = current
        self._swap = swap
        self._seen: Stamps = {}
        self._refused: Stamps = {}
        """Stamps of lists that could not be used: these are not tried again before they change."""
        self._busy = 0
        self._threads = ThreadPool(0, 1, "exits")
        # A thread that waits for a hanging file system must not keep the process from ending.
        self._threads.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]
        away = "looking at the lists of exits failed"
        self._looks = Regularly(reactor, self.look, lambda: SECONDS, log=log, away=away)

    def start(self) -> None:
        self._threads.start()
        tell(self._current().config)
        self._looks.start()

    def stop(self) -> None:
        self._looks.stop()  # a look may wait for a hanging file system: nobody waits for its end
        if not self._threads.started:
            return
        if self._busy:
            self._threads.adjustPoolsize(0, 0)  # stop() would join the thread, and the reactor with it
        else:
            self._threads.stop()

    async def build(self, read: Callable[[], Config]) -> Fresh:
        """Run `read` in the thread, and build the pools of the settings it gives.  Raises: ConfigError, OSError."""
        return await self.in_thread(partial(_build, read, self._current().pools))

    async def look(self) -> None:
        """Take over lists that have changed, and have been left alone since the last look."""
        config = self._current().config
        if not config.watched:
            return
        seen = await self.in_thread(partial(stamps, config.watched))
        settled, self._seen = seen == self._seen, seen
        if settled and seen not in (config.stamps, self._refused):
            await self.lock.run(lambda: Deferred.fromCoroutine(self._renew(seen)))

    async def _renew(self, seen: Stamps) -> None:
        try:
            fresh = await self.build(partial(with_lists, self._current().config))
        except ConfigError as error:
            self._refused = seen
            log.error("lists of exits were not taken: {error}", error=str(error))
            return
        self._swap(fresh)
        tell(fresh.config)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run a function that reads or writes files, between `start` and `stop`."""
        self._busy += 1
        try:
            done: T = await deferToThreadPool(self._reactor, self._threads, work)
            return done
        finally:
            self._busy -= 1


def tell(config: Config) -> None:
    """Log how many exits the lists have, and what is wrong in the lists."""
    if not config.watched:
        return
    count = len(config.lists.exits)
    if config.problems:
        text = "lists of exits: {count} exits, {wrong} problems: {first}"
        log.warn(text, count=count, wrong=len(config.problems), first=first_of(config.problems))
    else:
        log.info("lists of exits: {count} exits", count=count)


def _build(read: Callable[[], Config], before: Pools) -> Fresh:
    """Read settings and build their pools, in a thread; `before`, the pools in force, is not changed."""
    config = read()
    pools = Pools(config.topology, before)
    pools.prepare()
    return Fresh(config, pools)
