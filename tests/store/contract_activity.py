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

    async def users(self, since: int, until: int, *ways: str, limit: int = 99) -> list[int]:
        """Numbers of the exchanges by these exits that were open within these seconds, counted from NOW."""
        span = (NOW + since) * 1000, (NOW + until) * 1000
        return [int(row.request[2:]) for row in await self.store.run(activity.by_exit, ways, *span, limit)]

    async def test_who_used_an_exit(self) -> None:
        """Whatever was open by it within the time, for a second or for days; by the exit's name, not as it was told."""
        bob = await self.create("bob")
        hour = 3600
        made = [
            ended(bob, 1, at=NOW, seconds=10)._replace(way="rack-1"),
            ended(bob, 2, at=NOW + 100, seconds=hour)._replace(way="rack-1"),
            ended(bob, 3, at=NOW - 50 * hour, seconds=100 * hour)._replace(way="rack-1"),
            ended(bob, 4, at=NOW, seconds=10)._replace(way="rack-2", exit="rack-1"),
            ended(bob, 5, at=NOW - 9 * hour, seconds=8.5 * hour)._replace(way="rack-1"),
        ]
        await self.store.run(activity.add, made)
        for sentence, since, until, numbers in (
            ("at its begin", -5, 0, [3, 1]),
            ("at its end", 10, 20, [3, 1]),
            ("between the two", 11, 99, [3]),
            ("in the midst of a long one", 2000, 2000, [3, 2]),
            ("after all", 51 * hour, 60 * hour, []),
            ("before all", -99 * hour, -51 * hour, []),
            ("while another long one was open", -hour, -hour, [3, 5]),
        ):
            with self.subTest(sentence):
                self.assertEqual(await self.users(since, until, "rack-1"), numbers)
        self.assertEqual(await self.users(0, 0, "rack-1", "rack-2"), [3, 4, 1])
        self.assertEqual(await self.users(0, 9999, "rack-1", limit=1), [3, 2])
        self.assertEqual(await self.store.run(activity.oldest), (NOW - hour // 2) * 1000)

    async def test_it_goes_with_its_account(self) -> None:
        """A sub-account's is no more its parent's to see."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        await self.store.run(activity.add, [ended(sub, 1), ended(parent, 2)])
        await self.store.run(accounts.delete, sub.id)
        self.assertEqual(await self.numbers(parent, column="family_id"), [2])
