"""What is open in this process, told to all processes by the store every few seconds.

Nothing here is done for a byte or a request: each look reads the meters, some hundreds at a time, so that what is
relayed meanwhile waits for a fraction of a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nlargest, nsmallest
from itertools import chain
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import opened
from meshd.usage.allowance import OpenMeter
from meshd.values.exchanges import OpenExchange

SECONDS, LONGEST = 2.0, 20.0
"""Seconds between two looks; longer where one takes long, up to the second number."""
PART = 20
"""The part of the time that looks may take together."""
MOST = 500
"""Exchanges in one snapshot, 125 KB: half of them those with most bytes, the others the oldest."""
AT_ONCE = 500
"""Meters that are looked at in one turn of the reactor: about half a millisecond."""

_log = Logger()


class Snapshots:
    """Writes what this process has open, as long as anything is open or was when it last wrote."""

    def __init__(self, store: Store, clock: IReactorTime, now: Callable[[], float], node: str) -> None:
        """node: the name of this process in the store."""
        self._store = store
        self._clock = clock
        self._now = now
        self._node = node
        self._open_of: Callable[[int], list[OpenMeter]] = lambda account_id: []
        self._told = True  # a process of the same name may have died and left a snapshot
        self._took = 0.0
        self._looks = Regularly(
            clock,
            self._look,
            lambda: min(max(SECONDS, self._took * PART), LONGEST),
            log=_log,
            away="what is open is not told",
            back="what is open is told again",
            expected=(StoreError,),
        )

    def start(self, open_of: Callable[[int], list[OpenMeter]]) -> None:
        """open_of: gives the open meters of an account and its sub-accounts, or for 0 of all accounts."""
        self._open_of = open_of
        self._looks.start()

    async def stop(self) -> None:
        """Stop looking, and take this process's snapshot out of the store."""
        if not self._looks.running:
            return
        await self._looks.stop()
        try:
            await self._store.run(opened.clear, self._node)
        except StoreError as error:
            _log.warn("what was open is not cleared: {error}", error=str(error))

    def here(self, account_id: int) -> list[OpenExchange]:
        """All that the account and its sub-accounts have open in this process, exactly and now."""
        return _told(self._open_of(account_id))

    async def _look(self) -> None:
        meters = self._open_of(0)
        if not meters and not self._told:
            return
        if not meters:
            await self._store.run(opened.clear, self._node)
            self._told = False
            return
        begun = self._clock.seconds()
        chosen = meters if len(meters) <= MOST else await self._choose(meters)
        self._took = self._clock.seconds() - begun
        self._told = True
        await self._store.run(opened.write, self._node, int(self._now()), len(meters), _told(chosen))

    async def _choose(self, meters: list[OpenMeter]) -> Iterable[OpenMeter]:
        """Those with most bytes and the oldest, looked for in many turns of the reactor."""
        chosen = Chosen([], [])
        for begin in range(0, len(meters), AT_ONCE):
            chosen = chosen.among(meters[begin : begin + AT_ONCE])
            await deferLater(self._clock, 0)
        return dict.fromkeys(chain(*chosen))


class Chosen(NamedTuple):
    """The best of the meters seen so far."""

    most: list[OpenMeter]
    """Those with most bytes."""
    oldest: list[OpenMeter]

    def among(self, meters: list[OpenMeter]) -> Chosen:
        """The best of these and of those before."""
        known = [meter for meter in meters if meter.about is not None]
        most = nlargest(MOST // 2, chain(self.most, known), key=_moved)
        return Chosen(most, nsmallest(MOST // 2, chain(self.oldest, known), key=_began))


def _moved(meter: OpenMeter) -> int:
    return meter.up + meter.down


def _began(meter: OpenMeter) -> float:
    about = meter.about
    return about.began if about is not None else float("inf")


def _told(meters: Iterable[OpenMeter]) -> list[OpenExchange]:
    return [about.so_far() for meter in meters if (about := meter.about) is not None]
