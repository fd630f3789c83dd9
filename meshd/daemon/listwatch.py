"""Lists of exits fetched again and again; whoever reads lists finds them in the data folder.

One process of a daemon fetches: what it keeps, workers see as they see any list that has changed.  Nodes fetch each for
itself.  A list that does not come, or cannot be taken, leaves the last good one in use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.logger import Logger

from meshd.config import Config
from meshd.config.exits.kept import State, Unusable, fail, state_of, take
from meshd.config.exits.remote import RemoteList
from meshd.daemon.faults import one_line
from meshd.exits.fetching import Fetcher, FetchError
from meshd.running.regularly import Regularly

SECONDS = 1.0
"""Seconds between two looks at which lists are due."""
AT_ONCE = 4
"""Lists fetched at a time: each may have 64 MiB in memory."""
FIRST_PAUSE = 30.0
"""Seconds after a failed fetch; each further one in a row doubles them, up to the list's interval."""
JITTER = 0.1
"""The part by which an interval is longer or shorter by chance, so that nodes do not all ask at once."""

log = Logger()


class ListWatch:
    """Fetches what is due.

    in_thread: runs a function in a thread, where files are read and written.
    """

    def __init__(
        self,
        reactor: Any,
        current: Callable[[], Config],
        fetcher: Fetcher,
        now: Callable[[], float],
        in_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
        chance: Random,
    ) -> None:
        self._seconds = reactor.seconds
        self._current = current
        self._fetcher = fetcher
        self._now = now
        self._in_thread = in_thread
        self._chance = chance
        self._due: dict[RemoteList, float] = {}
        """When each list is to be fetched (monotonic)."""
        self._running: dict[RemoteList, Deferred[None]] = {}
        self._told: dict[str, str] = {}
        """What was last told of each list that does not come."""
        away = "lists of exits cannot be fetched"
        self._looks = Regularly(reactor, self.look, lambda: SECONDS, log=log, away=away)

    def start(self) -> None:
        self._looks.start(at_once=True)

    async def stop(self) -> None:
        """Begin no further fetch, and end those under way."""
        self._looks.stop(cut=True)
        running = list(self._running.values())
        for each in running:
            each.cancel()
        await DeferredList(running, consumeErrors=True)

    async def look(self) -> None:
        """Begin the fetches that are due."""
        config = self._current()
        self._due = {source: at for source, at in self._due.items() if source in config.exit_lists}
        for source in config.exit_lists:
            if source not in self._due:
                state = await self._in_thread(partial(state_of, config.data_dir, source))
                self._due[source] = self._seconds() + self._wait(source, state)
            if self._seconds() >= self._due[source] and source not in self._running and len(self._running) < AT_ONCE:
                self._begin(config, source)

    def _wait(self, source: RemoteList, state: State) -> float:
        """Seconds until a list that was kept by an earlier run is to be fetched."""
        if state.source != source.digest or state.error:
            return 0.0
        return max(0.0, state.checked + self._spread(source.every) - self._now())

    def _begin(self, config: Config, source: RemoteList) -> None:
        fetch = Deferred.fromCoroutine(self._fetch(config, source))
        if not fetch.called:
            self._running[source] = fetch
        fetch.addErrback(lambda failure: None)  # that it was cancelled
        fetch.addBoth(lambda _: self._over(source))

    def _over(self, source: RemoteList) -> None:
        self._running.pop(source, None)

    async def _fetch(self, config: Config, source: RemoteList) -> None:
        self._due[source] = self._seconds() + self._spread(source.every)
        try:
            state = await self._kept(config, source)
        except CancelledError:
            raise
        except Exception:
            log.failure("a fetch of a list of exits was hurt")
            return
        if state.error:
            pause = min(FIRST_PAUSE * 2.0 ** min(state.failures - 1, 20), source.every)
            self._due[source] = self._seconds() + self._spread(pause)
        self._tell(source, state)

    async def _kept(self, config: Config, source: RemoteList) -> State:
        """Fetch a list and keep it; the state that comes of that."""
        folder, now = config.data_dir, lambda: int(self._now())
        try:
            known = await self._in_thread(partial(state_of, folder, source))
            fetched = await self._fetcher.fetch(source, known)
            kept: State = await self._in_thread(lambda: take(folder, source, fetched, now()))
            return kept
        except (FetchError, Unusable) as error:
            why = str(error)
        except OSError as error:
            why = f"it cannot be kept: {one_line(error)}"
        failed: State = await self._in_thread(lambda: fail(folder, source, why, now()))
        return failed

    def _tell(self, source: RemoteList, state: State) -> None:
        """Log a failure that is another one than the last, and its end."""
        before = self._told.pop(source.name, "")
        if state.error:
            self._told[source.name] = state.error
            if state.error != before:
                text = "the list of exits {list} was not taken, the last one stays: {error}"
                log.warn(text, list=source.name, error=state.error)
        elif before or state.changed == state.tried:
            log.info("the list of exits {list} has come: {count} exits", list=source.name, count=state.exits)

    def _spread(self, seconds: float) -> float:
        return seconds * self._chance.uniform(1 - JITTER, 1 + JITTER)
