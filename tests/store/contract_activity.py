"""The contract: activity."""

from __future__ import annotations

from meshd.model import Account
from meshd.store.statements import accounts, activity
from meshd.values.exchanges import Exchange, PastExchange
from tests.store.contract import NOW, StoreContract

NEWEST = (10**15, "")


def ended(account: Account, number: int, *, at: float = NOW, seconds: float = 1.0) -> Exchange:
    """One of that account, with an id that tells its number."""
    name, host = account.username, "example.com"
    return Exchange(
        f"r-{number:03}", at, seconds, account.id, name, 7, "us", "192.0.2.1", "GET", host, 80, "e", 200, "", 1, 2
    )


class ActivityContract(StoreContract):
    """The newest exchanges."""

    async def numbers(
        self,
        account: Account,
        before: tuple[int, str] = NEWEST,
        limit: int = 99,
        column: str = "account_id",
        since: int = 0,
    ) -> list[int]:
        rows = await self.store.run(activity.page, column, account.id, before, since, limit)
        return [int(row.request[2:]) for row in rows]

    async def test_what_went_in_comes_out(self) -> None:
        """Every fact, with times in milliseconds, and whose family it is of."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        await self.store.run(activity.add, [ended(sub, 1, at=NOW + 0.25, seconds=0.125)])
        (row,) = await self.store.run(activity.page, "account_id", sub.id, NEWEST, 0, 9)
        began = NOW * 1000 + 250
        facts = (7, "us", "192.0.2.1", "GET", "example.com", 80, "e", 200, "", 1, 2)
        self.assertEqual(row, PastExchange(sub.id, began + 125, "r-001", parent.id, began, *facts))

    async def test_newest_first_and_a_family_together(self) -> None:
        """By the end, then by the id; a page goes on where the one before it ended."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        other = await self.create("other")
        made = [ended(sub, 3, at=NOW + 1), ended(parent, 1), ended(sub, 2), ended(other, 9), ended(sub, 4, at=NOW - 1)]
        await self.store.run(activity.add, made)
        self.assertEqual(await self.numbers(sub), [3, 2, 4])
        self.assertEqual(await self.numbers(parent), [1])
        self.assertEqual(await self.numbers(parent, column="family_id"), [3, 2, 1, 4])
        self.assertEqual(await self.numbers(parent, limit=2, column="family_id"), [3, 2])
        self.assertEqual(await self.numbers(parent, ((NOW + 1) * 1000, "r-002"), column="family_id"), [1, 4])
        self.assertEqual(await self.numbers(parent, column="family_id", since=(NOW + 1) * 1000), [3, 2, 1])

    async def test_twice_and_of_nobody(self) -> None:
        """What is there already, or of an account that is gone, is passed over; the rest is written."""
        bob, gone = await self.create("bob"), await self.create("gone")
        await self.store.run(accounts.delete, gone.id)
        for _ in range(2):
            await self.store.run(activity.add, [ended(bob, 1), ended(gone, 2), ended(bob, 3)])
        self.assertEqual(await self.numbers(bob), [3, 1])

    async def test_more_than_one_statement_holds(self) -> None:
        """Hundreds in one unit."""
        bob = await self.create("bob")
        await self.store.run(activity.add, [ended(bob, n) for n in range(230)])
        self.assertEqual(len(await self.numbers(bob, limit=999)), 230)

    async def test_pruned_by_number_and_by_age(self) -> None:
        """The newest of each account that is named; of all, what is not too old."""
        bob, amy = await self.create("bob"), await self.create("amy")
        await self.store.run(activity.add, [ended(who, n, at=NOW + n) for who in (bob, amy) for n in range(10)])
        await self.store.run(activity.prune, [bob.id, amy.id + 1], 3, (NOW + 5) * 1000)
        self.assertEqual((await self.numbers(bob), await self.numbers(amy)), ([9, 8, 7], [9, 8, 7, 6, 5, 4]))
        await self.store.run(activity.prune, [bob.id], 0, 0)
        self.assertEqual(await self.numbers(bob), [])

    async def test_it_goes_with_its_account(self) -> None:
        """A sub-account's is no more its parent's to see."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        await self.store.run(activity.add, [ended(sub, 1), ended(parent, 2)])
        await self.store.run(accounts.delete, sub.id)
        self.assertEqual(await self.numbers(parent, column="family_id"), [2])
