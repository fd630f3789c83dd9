"""What processes tell each other of exits, on a store that can be away."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from meshd.accounts.exits import STALE
from meshd.exits.book import AT_ONCE, PRUNE_SECONDS, SECONDS, ExitBook
from meshd.exits.outlets import FAILURES, REST, Outlet
from meshd.exits.pools import Pools
from meshd.model import RestingExit
from meshd.store.interface import StoreUnavailable
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.statements import exits
from meshd.topology import Exit, Topology
from tests.support import stores

NOW = 1_770_000_000
NODE = "here:/data"


def topology(*names: str) -> Topology:
    return Topology({}, tuple(Exit(name, "direct") for name in names), {})


class Away:
    """A store that another one stands behind, as long as it is there."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.away = False
        self.runs: list[str] = []

    async def run(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        self.runs.append(unit.__name__)
        if self.away:
            raise StoreUnavailable("away")
        return await self.store.run(unit, *args, **kwargs)


class ExitBookTests(TestCase):
    async def setUp(self) -> None:
        self.store = Away(await stores.fresh_sqlite(self))
        self.clock = Clock()
        self.clock.advance(100)
        self.pools = Pools(topology("a", "b", "c"))
        self.book = self.new_book()
        self.said: list[str] = []
        heard = lambda event: self.said.append(event.get("log_format") or "")  # noqa: E731
        globalLogPublisher.addObserver(heard)
        self.addCleanup(globalLogPublisher.removeObserver, heard)

    def new_book(self, node: str = NODE) -> ExitBook:
        now = lambda: NOW + self.clock.seconds() - 100  # noqa: E731
        return ExitBook(self.store, self.clock, now, lambda: self.pools, node)  # type: ignore[arg-type]

    async def start(self) -> None:
        await self.book.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.book.stop()))

    async def look(self, seconds: float = SECONDS) -> None:
        """The next look, and its end."""
        self.clock.advance(seconds)
        await self.book._looks.ended()

    def fail(self, name: str, reason: str = "connection-refused") -> Outlet:
        """One more request fails with it."""
        outlet = self.pools.outlets[name]
        if outlet.failed(self.clock.seconds(), reason):
            self.book.note(outlet)
        return outlet

    def rest(self, name: str) -> Outlet:
        for _ in range(FAILURES):
            outlet = self.fail(name)
        return outlet

    async def written(self) -> list[RestingExit]:
        return await self.store.store.run(exits.resting, 0)

    def drained(self) -> set[str]:
        return {name for name, each in self.pools.outlets.items() if each.drained}

    async def drain(self, *names: str) -> None:
        for name in names:
            await self.store.store.run(exits.drain, name, NOW, "x")

    async def test_drained_from_the_start_and_anew(self) -> None:
        """Known when `start` has ended; then at each look, also for pools that a reload made."""
        await self.drain("a")
        await self.start()
        self.assertEqual(self.drained(), {"a"})
        await self.drain("b", "of another day")
        await self.store.store.run(exits.undrain, "a")
        await self.look()
        self.assertEqual(self.drained(), {"b"})
        self.pools = Pools(topology("b", "c", "of another day"))
        await self.look()
        self.assertEqual(self.drained(), {"b", "of another day"})

    async def test_a_store_that_is_away_changes_nothing(self) -> None:
        """It is said once, and what there is to read and write is so when it is back."""
        await self.drain("a")
        await self.start()
        self.store.away = True
        await self.drain("b")
        self.rest("c")
        await self.look()
        await self.look()
        self.assertEqual((self.drained(), await self.written()), ({"a"}, []))
        self.assertEqual(sum("the store is away" in each for each in self.said), 1)
        self.store.away = False
        await self.look()
        self.assertEqual((self.drained(), [each.exit for each in await self.written()]), ({"a", "b"}, ["c"]))

    async def test_a_start_without_the_store(self) -> None:
        """Nothing is drained until somebody says so."""
        await self.drain("a")
        self.store.away = True
        await self.start()
        self.assertEqual(self.drained(), set())
        self.store.away = False
        await self.look()
        self.assertEqual(self.drained(), {"a"})

    async def test_a_rest_is_written_with_its_end_and_its_reason(self) -> None:
        """By the wall's clock; a longer one in its place; gone when the exit is back."""
        await self.start()
        outlet = self.rest("a")
        await self.look()
        until = NOW + int(REST)
        self.assertEqual(await self.written(), [RestingExit(NODE, "a", until, FAILURES, "connection-refused", NOW)])
        self.clock.advance(REST)
        self.fail("a", "exit-refused")
        await self.look()
        (rest,) = await self.written()
        self.assertEqual((rest.failures, rest.reason), (FAILURES + 1, "exit-refused"))
        self.assertGreaterEqual(rest.until, until + 2 * REST)
        self.assertTrue(outlet.succeeded())
        self.book.note(outlet)
        await self.look()
        self.assertEqual(await self.written(), [])
        self.assertEqual([each for each in self.said if each.startswith("exit {exit}")][-1], "exit {exit} works again")

    async def test_nothing_is_written_where_nothing_changes(self) -> None:
        await self.start()
        self.rest("a")
        await self.look()
        self.store.runs.clear()
        await self.look()
        self.assertEqual(self.store.runs, ["names_drained"])

    async def test_an_exit_that_is_gone_or_another_rests_no_more(self) -> None:
        """A reload has taken one away and changed one; the third is what it was."""
        await self.start()
        for name in ("a", "b", "c"):
            self.rest(name)
        await self.look()
        before = self.pools
        self.pools = Pools(Topology({}, (Exit("b", "direct", weight=9), Exit("c", "direct")), {}), before)
        await self.look()
        self.assertEqual([each.exit for each in await self.written()], ["c"])

    async def test_so_many_at_once(self) -> None:
        """More wait for the next look."""
        self.pools = Pools(topology(*(f"exit-{n}" for n in range(AT_ONCE + 10))))
        await self.start()
        for name in self.pools.outlets:
            self.rest(name)
        await self.look()
        self.assertEqual(len(await self.written()), AT_ONCE)
        await self.look()
        self.assertEqual(len(await self.written()), AT_ONCE + 10)

    async def test_what_was_left_by_others_is_cleared(self) -> None:
        """At the start what a dead process of this name said; now and then what is stale, whoever said it."""
        mine = RestingExit(NODE, "a", NOW + 60, 3, "x", NOW)
        other = RestingExit("there:/data", "a", NOW - STALE + 60, 3, "x", NOW)
        await self.store.store.run(exits.record, NODE, [mine], [])
        await self.store.store.run(exits.record, other.node, [other], [])
        await self.start()
        self.assertEqual(await self.written(), [other])
        await self.look(PRUNE_SECONDS)
        self.assertEqual(await self.written(), [])

    async def test_a_stop_takes_its_rows_away(self) -> None:
        """Its own, and no other's; without the store it stops too."""
        other = self.new_book("there:/data")
        await self.start()
        await other.start()
        outlet = self.rest("a")
        other.note(outlet)
        await self.look()
        while len(await self.written()) < 2:
            await _turn()
        await self.book.stop()
        self.assertEqual([each.node for each in await self.written()], ["there:/data"])
        self.store.away = True
        await other.stop()
        self.store.away = False
        self.book = self.new_book()
        await self.book.start()


async def _turn() -> None:
    """Of the real reactor, in which the store's thread answers."""
    turned: Deferred[None] = Deferred()
    reactor.callLater(0.001, turned.callback, None)  # type: ignore[attr-defined]
    await turned
