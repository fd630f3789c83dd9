"""What probes have measured in this process, on its way to the store, where people look at it.

The data plane goes by what it has measured itself.  While the store is away, what is written later is what holds then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.accounts.exits import STALE
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import latencies
from meshd.values.latencies import Latency

SECONDS = 10.0
"""Seconds between two writings."""
AT_ONCE = 500
"""Exits in one writing; others wait for the next: fifty thousand are written within twenty minutes."""
WORTH = 0.1
"""The part by which a figure must have changed to be written anew."""
AGAIN = 1200.0
"""Seconds after which it is written anew though it has not: what is older than STALE counts as left behind."""
PRUNE_SECONDS = 600.0

log = Logger()


class LatencyBook:
    """Writes what has changed, a part of all exits at a time."""

    def __init__(
        self, store: Store, clock: IReactorTime, now: Callable[[], float], pools: Callable[[], Pools], node: str
    ) -> None:
        """pools: gives the present pools, which a reload replaces; node: the name of this process in the store."""
        self._store = store
        self._seconds = clock.seconds
        self._now = now
        self._pools = pools
        self._node = node
        self._written: dict[str, tuple[float, float]] = {}
        """By exit the figure that the store has, and when it was written (monotonic)."""
        self._last = ""
        """The exit at which the last writing ended."""
        self._prune_at = 0.0
        self._turns = Regularly(
            clock,
            self._write,
            lambda: SECONDS,
            log=log,
            away="latencies of exits are not written, the store is away",
            back="latencies of exits reach the store again",
            expected=(StoreError,),
        )

    def start(self) -> None:
        self._turns.start()

    async def stop(self) -> None:
        """Stop writing, and delete from the store what this process has measured."""
        if not self._turns.running:
            return
        await self._turns.stop()
        try:
            if self._written:
                await self._store.run(latencies.forget, self._node)
        except StoreError as error:
            log.warn("latencies of exits are not cleared: {error}", error=str(error))

    async def _write(self) -> None:
        outlets, at = self._pools().outlets, self._seconds()
        self._written = {name: each for name, each in self._written.items() if name in outlets}
        news = {each.exit.name: each.latency for each in islice(self._changed(self._onward(outlets), at), AT_ONCE)}
        if news:
            now = int(self._now())
            rows = [Latency(self._node, name, round(latency * 1000), now) for name, latency in news.items()]
            await self._store.run(latencies.record, rows)
            self._written.update((name, (latency, at)) for name, latency in news.items())
            self._last = next(reversed(news))
        if at >= self._prune_at:
            await self._store.run(latencies.prune, int(self._now()) - STALE)
            self._prune_at = at + PRUNE_SECONDS

    def _onward(self, outlets: Mapping[str, Outlet]) -> Iterator[Outlet]:
        """All, from behind the last that was written: where many change all the time, each still has its turn."""
        names = list(outlets)
        start = names.index(self._last) + 1 if self._last in outlets else 0
        return (outlets[name] for name in (*names[start:], *names[:start]))

    def _changed(self, outlets: Iterable[Outlet], at: float) -> Iterator[Outlet]:
        for outlet in outlets:
            if not outlet.latency:
                continue
            was, when = self._written.get(outlet.exit.name, (0.0, 0.0))
            if abs(outlet.latency - was) > WORTH * was or (at - when >= AGAIN and outlet.measured_at > when):
                yield outlet
