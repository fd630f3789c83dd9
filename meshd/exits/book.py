"""The exits in the store: which ones the operator drains is read, and which ones rest in this process is written.

The data plane judges for itself and never waits for the store.  While the store is away, drained exits stay drained,
and rests are written later: the present state is compared with what the store has, so no queue of events is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from math import ceil

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.accounts.exits import STALE
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.model import RestingExit
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import exits
from meshd.values.samples import Sample

SECONDS = 0.5
"""Seconds between two looks: what the command line drains has to be drained within a second."""
AT_ONCE = 500
"""The most exits in one writing; others wait for the next look."""
PRUNE_SECONDS = 600.0

log = Logger()


class ExitBook:
    """Exchanges the state of exits with the store twice a second; the data plane calls `note`."""

    def __init__(
        self, store: Store, clock: IReactorTime, now: Callable[[], float], pools: Callable[[], Pools], node: str
    ) -> None:
        """pools: gives the present pools, which a reload replaces; node: the name of this process in the store."""
        self._store = store
        self._seconds = clock.seconds
        self._now = now
        self._pools = pools
        self._node = node
        self._drained: frozenset[str] = frozenset()
        self._applied: Pools | None = None
        self._noted: dict[str, None] = {}
        """The names of exits that have begun to rest here and have not been seen to work since, in order."""
        self._written: dict[str, tuple[float, int]] = {}
        """What the store has of each exit: the end of its rest (monotonic), and the number of its failures."""
        self._rests = 0
        """How many have begun."""
        self._prune_at = 0.0
        self._fresh = True
        self._looks = Regularly(
            clock,
            self._look,
            lambda: SECONDS,
            log=log,
            away="exits are drained as before, the store is away",
            back="the store tells again which exits are drained",
            expected=(StoreError,),
        )

    def note(self, outlet: Outlet) -> None:
        """Note that an exit has begun to rest, or works again."""
        name = outlet.exit.name
        if outlet.resting:
            self._noted[name] = None
            self._rests += 1
            log.warn("exit {exit} has failed and rests: {reason}", exit=name, reason=outlet.reason)
        else:
            log.info("exit {exit} works again", exit=name)

    def samples(self) -> Iterable[Sample]:
        """How many exits rest now and are drained, and how many rests have begun."""
        outlets = self._pools().outlets
        resting = sum(each.resting for name in self._noted if (each := outlets.get(name)) is not None)
        yield "exits_resting", (), float(resting)
        yield "exits_drained", (), float(sum(name in outlets for name in self._drained))
        yield "exit_rests_total", (), float(self._rests)

    async def start(self) -> None:
        """Read what is drained, before the first client is served; while the store is away, nothing is drained."""
        self._looks.start(at_once=True)
        await self._looks.ended()

    async def stop(self) -> None:
        """Stop looking, and delete the rests of this process from the store."""
        if not self._looks.running:
            return
        await self._looks.stop()
        try:
            await self._store.run(exits.forget, self._node, int(self._now()))
        except StoreError as error:
            log.warn("the state of exits is not cleared: {error}", error=str(error))

    async def _look(self) -> None:
        await self._read()
        await self._write()

    async def _read(self) -> None:
        drained = await self._store.run(exits.names_drained)
        pools = self._pools()
        if drained != self._drained or pools is not self._applied:
            pools.drain(drained)
        if drained != self._drained:
            log.info("exits drained: {count}", count=len(drained))
        self._drained, self._applied = drained, pools

    async def _write(self) -> None:
        if self._fresh:  # a process of the same name may have died and left rests
            await self._store.run(exits.forget, self._node, int(self._now()))
            self._fresh = False
        outlets = self._pools().outlets
        resting = {name: each for name in self._noted if (each := outlets.get(name)) is not None and each.resting}
        news = {name: (each.until, each.failures) for name, each in resting.items()}
        changed = list(islice((name for name in news if self._written.get(name) != news[name]), AT_ONCE))
        back = list(islice((name for name in self._written if name not in resting), AT_ONCE))
        self._noted = dict.fromkeys(resting)
        if changed or back:
            rests = [self._rest(resting[name]) for name in changed]
            await self._store.run(exits.record, self._node, rests, back, int(self._now()))
            self._written.update((name, news[name]) for name in changed)
            for name in back:
                del self._written[name]
        if self._seconds() >= self._prune_at:
            now = int(self._now())
            await self._store.run(exits.prune, now - STALE, now)
            self._prune_at = self._seconds() + PRUNE_SECONDS

    def _rest(self, outlet: Outlet) -> RestingExit:
        """The row of a resting exit, with the end of the rest as an epoch second."""
        now = self._now()
        until = ceil(now + outlet.until - self._seconds())
        return RestingExit(self._node, outlet.exit.name, until, outlet.failures, outlet.reason, int(now))
