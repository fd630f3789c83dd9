"""The contract: what is open, and what is to end."""

from __future__ import annotations

from meshd.store.statements import accounts, opened
from meshd.store.statements.opened import ENDING_SECONDS, Ending, Snapshot
from meshd.values.exchanges import OpenExchange
from meshd.values.times import DAY
from tests.store.contract import NOW, StoreContract


def one(number: int, account_id: int = 1, **facts: object) -> OpenExchange:
    known = OpenExchange(
        f"r-{number}", NOW * 1000, account_id, account_id, "bob", 0, "us", "192.0.2.1", "CONNECT", "x.example", 443,
        "rack-1", 5, number,
    )  # fmt: skip
    return known._replace(**facts)


class OpenedContract(StoreContract):
    """Snapshots of processes, and endings."""

    async def test_each_process_tells_for_itself(self) -> None:
        """Its last word takes the place of the one before; what it forgets stays with the others."""
        await self.store.run(opened.write, "a", NOW, 1, [one(1)])
        await self.store.run(opened.write, "b", NOW, 700, [one(2), one(3, host="ü\0'")])
        await self.store.run(opened.write, "a", NOW + 1, 2, [one(4), one(5)])
        both = [Snapshot("a", NOW + 1, 2, [one(4), one(5)]), Snapshot("b", NOW, 700, [one(2), one(3, host="ü\0'")])]
        self.assertEqual(await self.store.run(opened.read, NOW), both)
        await self.store.run(opened.clear, "a")
        self.assertEqual(await self.store.run(opened.read, NOW), both[1:])

    async def test_what_is_old_is_not_read_and_goes(self) -> None:
        """A process that died is not believed; after a day its row is gone."""
        await self.store.run(opened.write, "dead", NOW, 1, [one(1)])
        self.assertEqual(await self.store.run(opened.read, NOW + 1), [])
        await self.store.run(opened.write, "a", NOW + DAY + 1, 0, [])
        self.assertEqual([each.node for each in await self.store.run(opened.read, 0)], ["a"])

    async def test_a_snapshot_of_another_version_is_passed_over(self) -> None:
        """While processes are upgraded one after the other; how many are open is known all the same."""
        await self.store.run(opened.write, "a", NOW, 1, [(*one(1), "a new fact")])  # type: ignore[list-item]
        self.assertEqual(await self.store.run(opened.read, NOW), [Snapshot("a", NOW, 1, [])])

    async def test_endings_of_an_account_and_of_all(self) -> None:
        """Asked for twice is asked for once; old ones are swept, and an account's go with it."""
        bob, amy = await self.create("bob"), await self.create("amy")
        mine, hers = Ending(bob.id, "r-1", "ended-by-holder"), Ending(amy.id, "r-1", "ended-by-operator")
        for at in (NOW, NOW + 1):
            await self.store.run(opened.ask_to_end, mine, at)
        await self.store.run(opened.ask_to_end, hers, NOW + 2)
        self.assertEqual(await self.store.run(opened.endings, bob.id), [mine])
        self.assertEqual(await self.store.run(opened.endings, 0), [hers, mine])
        await self.store.run(opened.ask_to_end, hers._replace(exchange="r-2"), NOW + ENDING_SECONDS + 1)
        self.assertEqual(await self.store.run(opened.endings, bob.id), [])
        await self.store.run(accounts.delete, amy.id)
        self.assertEqual(await self.store.run(opened.endings, 0), [])
