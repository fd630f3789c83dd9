"""Settings and lists of exits taken anew while the proxy serves: read, and built, in a thread of their own.

Fifty thousand exits are two seconds of work.  The reactor only swaps what has been made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from meshd.config import Config, ConfigError, with_lists
from meshd.config.exits.lists import Stamps, first_of, stamps
from meshd.exits.pools import Pools
from meshd.running.regularly import Regularly

SECONDS = 2.0
"""Between two looks.  A list is read once two of them have found it alike: whoever writes it has come to an end."""

SWITCH = 0.0005
"""Seconds that the thread may go on while the reactor waits for the interpreter.  Python's own 5 ms would come to it at
each system call."""

T = TypeVar("T")

log = Logger()


class Fresh(NamedTuple):
    """Settings, and the exits that go with them."""

    config: Config
    pools: Pools


class ExitWatch:
    """Looks at the lists of exits, and has them read when they have changed.

    Whoever has the lock changes the settings; `current` tells them, `swap` puts others in their place.
    """

    def __init__(self, reactor: Any, current: Callable[[], Fresh], swap: Callable[[Fresh], None]) -> None:
        self.lock = DeferredLock()
        self._reactor = reactor
        self._current = current
        self._swap = swap
        self._seen: Stamps = {}
        self._refused: Stamps = {}
        """Of lists that could not be used: they are not tried again before they change."""
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

    async def built(self, read: Callable[[], Config]) -> Fresh:
        """What `read` makes of the settings, with its exits.  ConfigError, OSError."""
        return await self._in_thread(partial(_built, read, self._current().pools))

    async def look(self) -> None:
        """Once; takes over the lists that have changed, and been left alone since the last look."""
        config = self._current().config
        if not config.exits_from:
            return
        seen = await self._in_thread(partial(stamps, config.exits_from))
        settled, self._seen = seen == self._seen, seen
        if settled and seen not in (config.lists.stamps, self._refused):
            await self.lock.run(lambda: Deferred.fromCoroutine(self._renew(seen)))

    async def _renew(self, seen: Stamps) -> None:
        try:
            fresh = await self.built(partial(with_lists, self._current().config))
        except ConfigError as error:
            self._refused = seen
            log.error("lists of exits were not taken: {error}", error=str(error))
            return
        self._swap(fresh)
        tell(fresh.config)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        self._busy += 1
        try:
            done: T = await deferToThreadPool(self._reactor, self._threads, work)
            return done
        finally:
            self._busy -= 1


def tell(config: Config) -> None:
    """How many exits the lists have, and what is wrong in them."""
    if not config.exits_from:
        return
    count = len(config.lists.exits)
    if config.problems:
        log.warn(
            "lists of exits: {count} exits, {wrong} problems: {first}",
            count=count,
            wrong=len(config.problems),
            first=first_of(config.problems),
        )
    else:
        log.info("lists of exits: {count} exits", count=count)


def _built(read: Callable[[], Config], before: Pools) -> Fresh:
    """In a thread; of `before` nothing is changed."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        config = read()
        pools = Pools(config.topology, before)
        pools.prepare()
        return Fresh(config, pools)
    finally:
        sys.setswitchinterval(usual)
