"""What this process tells of its exchanges for people to look at, apart from the bill and from the exchange log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime

from meshd.store.interface import Store
from meshd.topology import Live
from meshd.usage.activity import Activity
from meshd.usage.allowance import OpenMeter
from meshd.usage.ends import Ends
from meshd.usage.reports import Reports
from meshd.usage.snapshots import Snapshots
from meshd.values.exchanges import Exchange
from meshd.values.samples import Sample

AT_ONCE = 100
"""Exchanges that wait to be passed on together: that costs a third of passing on each by itself, and 0.2 ms."""


class Chronicle:
    """The newest exchanges that have ended, sums of all of them, and those that are open."""

    def __init__(self, store: Store, clock: IReactorTime, now: Callable[[], float], live: Live, node: str) -> None:
        """node: the name of this process in the store."""
        self._activity = Activity(store, clock, now, live, self._pass_on)
        self._ends = Ends(live)
        self._reports = Reports(store, clock, now, live, self._pass_on)
        self.open = Snapshots(store, clock, now, node)
        self._ended: list[Exchange] = []
        """What is not passed on yet, AT_ONCE at most."""

    def start(self, open_of: Callable[[int], list[OpenMeter]]) -> None:
        """open_of: gives the open meters of an account and its sub-accounts, or for 0 of all accounts."""
        self._activity.start()
        self._reports.start()
        self.open.start(open_of)

    async def stop(self) -> None:
        """Write for the last time."""
        await self.open.stop()
        await self._activity.stop()
        await self._reports.stop()

    def samples(self) -> Iterable[Sample]:
        """How exchanges ended, and how many no report has counted, since too much waited for the store."""
        self._pass_on()
        yield from self._ends.samples()
        yield "reports_lost_total", (), float(self._reports.lost)

    def add(self, exchange: Exchange, /) -> None:
        """Take an exchange that has ended."""
        self._ended.append(exchange)
        if len(self._ended) >= AT_ONCE:
            self._pass_on()

    def add_tried(self, exchange: Exchange) -> None:
        """Take one whose credential was not let in: the account is not shown what a stranger tried."""
        self._ends.add((exchange,))
        self._reports.add((exchange,))

    def _pass_on(self) -> None:
        ended, self._ended = self._ended, []
        self._ends.add(ended)
        self._reports.add(ended)
        self._activity.add(ended)
