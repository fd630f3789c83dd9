"""The contract: the change feed."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList

from meshd.model import Change
from meshd.store.feed import Feed
from meshd.store.statements import (
    changes,
)
from meshd.store.unit import Unit
from tests.store.contract import (
    ObjectionError,
    StoreContract,
    change_limit,
    query,
    start,
)


class ChangeContract(StoreContract):
    """The change feed."""

    async def hearing(self) -> None:
        """Return when the store opened last hears of changes; one that connects to hear wakes everybody once."""

    async def test_numbers(self) -> None:
        """Each change has the next number; a reader gets those after the one it knows."""
        self.assertEqual(await self.store.run(changes.newest), 0)
        self.assertEqual(await self.store.run(changes.since, 0, 9), [])
        for account_id in (5, 0, 7):
            await self.store.run(changes.publish, account_id)
        self.assertEqual(await self.store.run(changes.since, 0, 2), [Change(1, 5), Change(2, 0)])
        self.assertEqual(await self.store.run(changes.since, 2, 2), [Change(3, 7)])
        self.assertEqual(await self.store.run(changes.newest), 3)

    async def test_gap(self) -> None:
        """A reader whose next number was pruned, or that knows one the store never gave, forgets everything."""
        for account_id in (5, 6, 7):
            await self.store.run(changes.publish, account_id)
        await self.store.run(changes.prune, 1)
        self.assertEqual(await self.store.run(changes.since, 0, 9), [Change(2, 0), Change(3, 7)])
        self.assertEqual(await self.store.run(changes.since, 2, 9), [Change(3, 7)])
        self.assertEqual(await self.store.run(changes.since, 8, 9), [Change(3, 0)])
        await self.store.run(changes.prune, 0)
        self.assertEqual(await self.store.run(changes.since, 1, 9), [Change(3, 0)])

    async def test_pruning(self) -> None:
        """The feed prunes itself, and keeps what a reader may still want."""
        self.patch(changes, "KEEP", 3)
        self.patch(changes, "PRUNE_EVERY", 5)
        for _ in range(11):
            await self.store.run(changes.publish, 1)
        found = await self.store.run(query, "select seq from changes order by seq")
        self.assertEqual(found, [(8,), (9,), (10,), (11,)])

    async def test_rolled_back(self) -> None:
        """A unit that fails publishes nothing, and its number is given to the next."""

        def objecting() -> Unit[None]:
            yield from changes.publish(5)
            raise ObjectionError

        woken: list[int] = []
        await self.hearing()
        self.store.on_change(lambda: woken.append(1))
        await self.fails(ObjectionError, objecting)
        self.assertEqual(woken, [])
        await self.store.run(changes.publish, 6)
        self.assertEqual(await self.store.run(changes.since, 0, 9), [Change(1, 6)])

    async def test_commit_order(self) -> None:
        """With writers on two nodes, a reader never sees a number before a smaller one."""
        other = await self.open()
        made = [await self.create(f"u{i}") for i in range(5)]
        writing = DeferredList(
            [start(store.run(change_limit, made[n % 5].id, n)) for n in range(40) for store in (self.store, other)]
        )
        seen: list[int] = []
        while len(seen) < 80:
            seen += [change.seq for change in await self.store.run(changes.since, len(seen), 7)]
            self.assertEqual(seen, list(range(1, len(seen) + 1)))
        await writing

    async def test_feed(self) -> None:
        """A feed begins with everything, then tells each change soon, its own process's and another's."""
        other = await self.open()
        told: list[Change] = []
        reached: dict[int, Deferred[None]] = {n: Deferred() for n in (1, 2, 3)}

        def notify(change: Change) -> None:
            told.append(change)
            reached[len(told)].callback(None)

        await self.store.run(changes.publish, 4)
        feed = Feed(self.store, reactor, notify, every=0.05)
        feed.start()
        self.addCleanup(lambda: start(feed.stop()))
        await reached[1]
        await self.store.run(changes.publish, 5)
        await reached[2]
        await other.run(changes.publish, 6)
        await reached[3]
        self.assertEqual(told, [Change(1, 0), Change(2, 5), Change(3, 6)])

    async def test_wakes(self) -> None:
        """A change published here wakes who asked for it, without a poll."""
        woken: Deferred[None] = Deferred()
        self.store.on_change(lambda: woken.called or woken.callback(None))
        await self.store.run(changes.publish, 4)
        await woken
