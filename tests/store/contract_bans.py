"""The contract: wrong credentials and bans."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from meshd.model import Ban
from meshd.store.statements import (
    bans,
)
from tests.store.contract import (
    NOW,
    StoreContract,
    query,
    start,
)


class BanContract(StoreContract):
    """Wrong credentials."""

    async def failed(
        self, username: str, now: int = NOW, address: str = "192.0.2.1", trace: str = "", **bounds: int
    ) -> Ban | None:
        bounds = {"limit": 4, "window": 600, "seconds": 10_800, "names_limit": 20} | bounds
        return await self.store.run(bans.failed, address, username, now, trace, **bounds)

    async def test_fourth(self) -> None:
        """The fourth failure of a name from an address within the window bans just that name from there."""
        outcomes = [await self.failed(name, NOW + n) for n, name in enumerate(["bob", "BOB", "bob", "Bob"])]
        ban = Ban("192.0.2.1", "bob", NOW + 3 + 10_800)
        self.assertEqual(outcomes, [None, None, None, ban])
        self.assertEqual(await self.store.run(bans.find, "192.0.2.1", "BOB", NOW + 4), ban)
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.1", "eve", NOW + 4))
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.2", "bob", NOW + 4))
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.1", "bob", ban.until))
        self.assertEqual(await self.store.run(bans.active, NOW + 4, 9), [ban])

    async def test_window(self) -> None:
        """Failures that lie longer back than the window do not count."""
        outcomes = [await self.failed("bob", NOW + 201 * n) for n in range(8)]
        self.assertEqual(outcomes, [None] * 8)

    async def test_the_same_one(self) -> None:
        """What is told apart counts once in the window, of one name from one address; what is not, each time."""
        for seconds in range(0, 599, 50):
            self.assertIsNone(await self.failed("bob", NOW + seconds, trace="a", limit=2))
        self.assertIsNone(await self.failed("eve", NOW, trace="a", limit=2))
        self.assertIsNone(await self.failed("bob", NOW, "192.0.2.2", trace="a", limit=2))
        self.assertIsNone(await self.failed("bob", NOW + 600, trace="a", limit=2))
        self.assertEqual((await self.failed("bob", NOW + 600, trace="b", limit=2)).username, "bob")
        self.assertIsNone(await self.failed("dan", NOW + 600, limit=2))
        self.assertEqual((await self.failed("dan", NOW + 600, limit=2)).username, "dan")

    async def test_the_same_one_at_once(self) -> None:
        """On several nodes: it counts once all the same."""
        other = await self.open()
        bounds = {"limit": 2, "window": 600, "seconds": 60, "names_limit": 50}
        outcomes = await gatherResults(
            [start(store.run(bans.failed, "192.0.2.1", "bob", NOW, "a", **bounds)) for store in (self.store, other) * 5]
        )
        self.assertEqual(outcomes, [None] * 10)

    async def test_spared(self) -> None:
        """The ban of a whole address does not concern these names, from there, until then; their own ban does."""
        whole = Ban("192.0.2.1", "*", NOW + 60)
        await self.store.run(bans.add, whole)
        self.assertEqual(await self.store.run(bans.in_force, NOW, 9), ([whole], []))
        for until in (NOW + 60, NOW + 30):
            await self.store.run(bans.spare, [Ban("192.0.2.1", "Bob", until), Ban("192.0.2.2", "eve", NOW + 10)])
        spared = [Ban("192.0.2.1", "bob", NOW + 60), Ban("192.0.2.2", "eve", NOW + 10)]
        self.assertEqual(await self.store.run(bans.in_force, NOW, 9), ([whole], spared))
        self.assertEqual(await self.store.run(bans.in_force, NOW, 1), ([whole], spared[:1]))
        for name, expected in (("bob", None), ("BOB", None), ("eve", whole), ("*", whole)):
            self.assertEqual(await self.store.run(bans.find, "192.0.2.1", name, NOW), expected, name)
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.1", "eve", NOW, spared=True))
        own = Ban("192.0.2.1", "bob", NOW + 5)
        await self.store.run(bans.add, own)
        self.assertEqual(await self.store.run(bans.find, "192.0.2.1", "bob", NOW), own)

    async def test_spared_no_more(self) -> None:
        """When the ban is lifted, the name gone, or the time over."""
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            await self.store.run(bans.add, Ban(address, "*", NOW + 60))
            await self.store.run(bans.spare, [Ban(address, name, NOW + 60) for name in ("bob", "eve")])
        await self.store.run(bans.lift, "192.0.2.1", "*")
        await self.store.run(bans.lift, "192.0.2.2", "")
        await self.store.run(bans.lift, "192.0.2.3", "bob")
        await self.store.run(bans.forget, "eve")
        rows = await self.store.run(query, "select address, username from spared")
        self.assertEqual(rows, [("192.0.2.3", "bob")])
        await self.failed("dan", NOW + 60)
        self.assertEqual(await self.store.run(query, "select * from spared"), [])

    async def test_after_a_ban(self) -> None:
        """When a ban is over, its name has all its tries again."""
        outcomes = [await self.failed("bob", NOW + n, limit=2, seconds=1) for n in range(6)]
        self.assertEqual([bool(ban) for ban in outcomes], [False, True] * 3)

    async def test_many_names(self) -> None:
        """So many wrong names from one address ban the address for every name."""
        outcomes = [await self.failed(f"u{n}", names_limit=5) for n in (0, 0, 0, 0, 1, 2, 3, 4)]
        self.assertEqual([ban and ban.username for ban in outcomes], [None] * 3 + ["u0"] + [None] * 3 + ["*"])
        self.assertEqual((await self.store.run(bans.find, "192.0.2.1", "somebody", NOW)).username, "*")
        self.assertIsNone(await self.failed("bob", address="192.0.2.2", names_limit=5))

    async def test_concurrent(self) -> None:
        """Of failures at the same time, on several nodes, none is missed."""
        other = await self.open()
        bounds = {"limit": 20, "window": 600, "seconds": 60, "names_limit": 50}
        outcomes = await gatherResults(
            [start(store.run(bans.failed, "192.0.2.1", "bob", NOW, **bounds)) for store in (self.store, other) * 10]
        )
        self.assertEqual(len([ban for ban in outcomes if ban]), 1)

    async def test_lift(self) -> None:
        """A lifted ban is gone, and so are the failures that led to it."""
        for n in range(4):
            await self.failed("bob", NOW + n)
        await self.failed("eve")
        self.assertEqual(await self.store.run(bans.lift, "192.0.2.1", "BOB"), 1)
        self.assertEqual(await self.store.run(bans.lift, "192.0.2.1", "bob"), 0)
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.1", "bob", NOW))
        self.assertIsNone(await self.failed("bob"))
        await self.store.run(bans.add, Ban("192.0.2.1", "*", NOW + 60))
        await self.store.run(bans.add, Ban("192.0.2.1", "eve", NOW + 60))
        self.assertEqual(await self.store.run(bans.lift, "192.0.2.1", ""), 2)
        self.assertEqual(await self.store.run(query, "select * from failures"), [])

    async def test_add(self) -> None:
        """A ban that is there already is prolonged, never shortened."""
        for seconds in (60, 90, 30):
            await self.store.run(bans.add, Ban("192.0.2.1", "Bob", NOW + seconds))
        self.assertEqual(await self.store.run(bans.active, NOW, 9), [Ban("192.0.2.1", "bob", NOW + 90)])
        self.assertEqual(await self.store.run(bans.active, NOW + 90, 9), [])

    async def test_old_ones_are_forgotten(self) -> None:
        """Failures and bans that are over leave the store."""
        for n in range(4):
            await self.failed("bob", NOW + n)
        await self.failed("eve", NOW + 100_000)
        self.assertEqual(await self.store.run(query, "select username from failures"), [("eve",)])
        self.assertEqual(await self.store.run(query, "select * from bans"), [])
