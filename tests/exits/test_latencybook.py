"""Latencies on their way to a store that can be away: what is written, how much at once, and what goes."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from meshd.exits import latencybook
from meshd.exits.latencybook import AGAIN, SECONDS, LatencyBook
from meshd.exits.pools import Pools
from meshd.store.interface import StoreUnavailable
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.statements import latencies
from meshd.topology import Exit, Topology
from tests.support import stores

NOW = 1_770_000_000


class Away:
    """A store that can be away."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store, self.away, self.written = store, False, 0

    async def run(self, unit: Any, *args: Any) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        if unit is latencies.record:
            self.written += len(args[0])
        return await self.store.run(unit, *args)


class LatencyBookTests(TestCase):
    async def setUp(self) -> None:
        self.store = Away(await stores.fresh_sqlite(self))
        self.clock = Clock()
        self.clock.advance(1)
        self.have("a", "b", "c")
        now = lambda: NOW + self.clock.seconds()  # noqa: E731
        self.book = LatencyBook(self.store, self.clock, now, lambda: self.pools, "here:/data")  # type: ignore[arg-type]
        self.book.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.book.stop()))

    def have(self, *names: str) -> None:
        self.pools = Pools(Topology({}, tuple(Exit(name, "direct") for name in names), {}))

    def measured(self, name: str, seconds: float) -> None:
        outlet = self.pools.outlets[name]
        outlet.latency, outlet.measured_at = seconds, self.clock.seconds()

    async def turn(self, seconds: float = SECONDS) -> dict[str, int]:
        """What stands in the store after the next writing."""
        self.clock.advance(seconds)
        await self.book._turns.ended()
        return {each.exit: each.milliseconds for each in await self.store.store.run(latencies.of_all, 0)}

    async def test_what_changes_is_written(self) -> None:
        """And what stays as it is, is not, but for every now and then while probes go on."""
        self.assertEqual(await self.turn(), {})
        self.measured("a", 0.1)
        self.measured("b", 0.2)
        self.assertEqual(await self.turn(), {"a": 100, "b": 200})
        self.measured("a", 0.105)
        self.measured("b", 0.3)
        self.assertEqual((await self.turn(), self.store.written), ({"a": 100, "b": 300}, 3))
        self.measured("a", 0.101)
        self.assertEqual((await self.turn(AGAIN), self.store.written), ({"a": 101, "b": 300}, 4))

    async def test_bounded(self) -> None:
        """A part at a time, the rest in later turns."""
        self.patch(latencybook, "AT_ONCE", 2)
        for name in ("a", "b", "c"):
            self.measured(name, 0.1)
        self.assertEqual([len(await self.turn()), len(await self.turn())], [2, 3])

    async def test_all_have_their_turn(self) -> None:
        """Also where more change, all the time, than are written at once."""
        self.patch(latencybook, "AT_ONCE", 2)
        for number in range(1, 4):
            for name in ("a", "b", "c"):
                self.measured(name, float(number))
            found = await self.turn()
        self.assertEqual(found, {"a": 2000, "b": 3000, "c": 3000})

    async def test_the_store_is_away(self) -> None:
        """What holds when it is back is written."""
        self.store.away = True
        self.measured("a", 0.1)
        self.clock.advance(SECONDS)
        await self.book._turns.ended()
        self.measured("a", 0.4)
        self.store.away = False
        self.assertEqual(await self.turn(), {"a": 400})

    async def test_at_the_end_nothing_is_left(self) -> None:
        """Of this process; others' stays."""
        self.measured("a", 0.1)
        await self.turn()
        await self.store.run(latencies.record, [latencies.Latency("there:/data", "a", 7, NOW)])
        await self.book.stop()
        (left,) = await self.store.run(latencies.of_all, 0)
        self.assertEqual((left.milliseconds, left.processes), (7, 1))
