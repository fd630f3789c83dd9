"""The contract: usage."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults

from meshd.accounts import subaccounts
from meshd.model import Account, Usage, UsageEntry
from meshd.store.interface import Store
from meshd.store.statements import accounts, changes, series, tokens, usage
from meshd.store.statements.series import DAY, HOUR, UsageSpan
from meshd.store.unit import Unit
from tests.store.contract import (
    FEBRUARY,
    JANUARY,
    NOW,
    StoreContract,
    query,
    start,
)


class UsageContract(StoreContract):
    """Money."""

    async def test_twice(self) -> None:
        """A batch applied twice counts once; so does an older one that comes late."""
        bob = await self.create()
        first = await self.bill(4, UsageEntry(bob.id, 0, 0, 5, 6, 1))
        self.assertEqual([standing.usage for standing in first], [Usage(bob.id, 11, 11, JANUARY)])
        self.assertIsNone(await self.bill(4, UsageEntry(bob.id, 0, 0, 5, 6, 1)))
        self.assertIsNone(await self.bill(3, UsageEntry(bob.id, 0, 0, 5, 6, 1)))
        self.assertEqual((await self.store.run(usage.of_account, bob.id, NOW)).total_bytes, 11)

    async def test_journals_are_told_apart(self) -> None:
        """Batches of different journals have numbers of their own."""
        bob = await self.create()
        await self.bill(1, UsageEntry(bob.id, 0, 0, 1, 0, 1), journal="a")
        await self.bill(1, UsageEntry(bob.id, 0, 0, 2, 0, 1), journal="b")
        self.assertEqual((await self.store.run(usage.of_account, bob.id, NOW)).total_bytes, 3)

    async def test_a_batch_tells_of_the_other_journals(self) -> None:
        """Those that were billed of late, with their newest batches; not of itself, and of none that was forgotten."""
        for journal, batch, at in (("a", 1, NOW), ("b", 7, NOW), ("gone", 2, NOW), ("old", 3, NOW - 2 * 86_400)):
            await self.bill(batch, journal=journal, at=at)
        await self.store.run(usage.forget_journal, "gone")
        applied = await self.store.run(usage.apply, "a", 2, NOW, [])
        self.assertEqual(applied.others, [("b", 7)])

    async def test_same_batch_at_once(self) -> None:
        """Of two that replay the same batch at the same time, one adds it."""
        bob = await self.create()
        other = await self.open()
        entry = UsageEntry(bob.id, 0, 0, 1, 0, 1)
        results = await gatherResults(
            [start(store.run(usage.apply, "j", 1, NOW, [entry])) for store in (self.store, other) * 5]
        )
        self.assertEqual(len([result for result in results if result is not None]), 1)
        self.assertEqual((await self.store.run(usage.of_account, bob.id, NOW)).total_bytes, 1)

    async def test_parent(self) -> None:
        """A sub-account's bytes count for it and for its parent, in the parent's billing period."""
        parent = await self.create("parent", billing_day=10, total_limit=5)
        sub = await self.create("sub", parent, billing_day=1)
        standings = await self.bill(1, UsageEntry(sub.id, parent.id, 0, 5, 6, 1), UsageEntry(parent.id, 0, 0, 1, 0, 1))
        self.assertEqual(
            [(s.account_id, s.parent_id, s.total_limit, s.billing_day, s.usage) for s in standings],
            [
                (parent.id, None, 5, 10, Usage(parent.id, 12, 12, JANUARY)),
                (sub.id, parent.id, 0, 10, Usage(sub.id, 11, 11, JANUARY)),
            ],
        )

    async def test_deleted(self) -> None:
        """Bytes of an account that is gone are billed to its parent, and those of nobody to nobody."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        await self.store.run(accounts.delete, sub.id)
        standings = await self.bill(1, UsageEntry(sub.id, parent.id, 0, 5, 6, 1), UsageEntry(sub.id + 7, 0, 0, 1, 1, 1))
        self.assertEqual([(s.account_id, s.usage.total_bytes) for s in standings], [(parent.id, 11)])
        self.assertEqual(
            [tuple(row)[1:] for row in await self.hours(parent, by="token")], [(parent.id, series.DELETED, 5, 6, 1)]
        )

    async def test_empty_batch(self) -> None:
        """A batch without entries is remembered like any other."""
        self.assertEqual(await self.bill(1), [])
        self.assertIsNone(await self.bill(1))

    async def test_period(self) -> None:
        """A new period begins at zero; a clock that steps back, or an old journal, never opens the last one again."""
        bob = await self.create()
        entry = UsageEntry(bob.id, 0, 0, 1, 0, 1)
        await self.bill(1, entry, at=FEBRUARY - 1)
        (standing,) = await self.bill(2, entry, at=FEBRUARY)
        self.assertEqual(standing.usage, Usage(bob.id, 2, 1, FEBRUARY))
        (standing,) = await self.bill(3, entry, at=FEBRUARY - 1)
        self.assertEqual(standing.usage, Usage(bob.id, 3, 2, FEBRUARY))
        self.assertEqual(await self.store.run(usage.of_account, bob.id, JANUARY), Usage(bob.id, 3, 2, FEBRUARY))

    async def test_period_on_reading(self) -> None:
        """What is read after a period's end counts nothing for the new one, whoever has not been billed since."""
        bob = await self.create()
        await self.bill(1, UsageEntry(bob.id, 0, 0, 1, 0, 1))
        self.assertEqual(await self.store.run(usage.of_account, bob.id, FEBRUARY - 1), Usage(bob.id, 1, 1, JANUARY))
        self.assertEqual(await self.store.run(usage.of_account, bob.id, FEBRUARY), Usage(bob.id, 1, 0, FEBRUARY))
        standing = await self.store.run(usage.standing, bob.id, FEBRUARY)
        self.assertEqual(standing.usage, Usage(bob.id, 1, 0, FEBRUARY))

    async def test_never_used(self) -> None:
        """Who has used nothing has a usage all the same; who is not there has none."""
        bob = await self.create()
        self.assertEqual(await self.store.run(usage.of_account, bob.id, NOW), Usage(bob.id, 0, 0, JANUARY))
        self.assertEqual((await self.store.run(usage.standing, bob.id, NOW)).usage, Usage(bob.id, 0, 0, JANUARY))
        self.assertIsNone(await self.store.run(usage.standing, bob.id + 1, NOW))
        self.assertEqual(await self.store.run(usage.of_account, bob.id + 1, NOW), Usage(bob.id + 1, 0, 0, 0))

    async def test_crossing(self) -> None:
        """The batch that reaches a limit publishes its account once, a parent's as well as a sub-account's."""
        parent = await self.create("parent", total_limit=30)
        sub = await self.create("sub", parent, monthly_limit=10)
        told = []
        for batch in range(1, 6):
            await self.bill(batch, UsageEntry(sub.id, parent.id, 0, 4, 4, 1))
            found = await self.store.run(changes.since, 0, 99)
            told.append([change.account_id for change in found])
        self.assertEqual(told, [[], [sub.id], [sub.id], [sub.id, parent.id], [sub.id, parent.id]])
        await self.bill(6, UsageEntry(sub.id, parent.id, 0, 10, 0, 1), at=FEBRUARY)
        found = await self.store.run(changes.since, 2, 99)
        self.assertEqual([change.account_id for change in found], [sub.id])

    async def prepaid(self, account: Account, size: int) -> None:
        await self.store.run(usage.prepay, account.id, size)

    async def left(self, account: Account) -> int:
        return (await self.store.run(usage.of_account, account.id, NOW)).prepaid_bytes

    async def test_prepaid_bytes(self) -> None:
        """Pay for what is beyond the monthly limit, to the byte, whichever batches it comes in; the next period first
        uses its own limit.
        """
        bob = await self.create(monthly_limit=10)
        await self.prepaid(bob, 7)
        lefts = []
        now, later = [(size, NOW) for size in (9, 1, 3)], [(size, FEBRUARY) for size in (9, 3, 9)]
        for batch, (size, at) in enumerate(now + later, 1):
            await self.bill(batch, UsageEntry(bob.id, 0, 0, size, 0, 1), at=at)
            lefts.append(await self.left(bob))
        self.assertEqual(lefts, [7, 7, 4, 4, 2, 0])

    async def test_prepaid_bytes_of_a_family(self) -> None:
        """A parent's pay for what its sub-accounts use together, a sub-account's for its own."""
        parent = await self.create("parent", monthly_limit=10)
        sub = await self.create("sub", parent, monthly_limit=5)
        await self.prepaid(parent, 100)
        await self.prepaid(sub, 100)
        await self.bill(1, UsageEntry(sub.id, parent.id, 0, 12, 0, 1))
        self.assertEqual((await self.left(parent), await self.left(sub)), (98, 93))

    async def test_a_plans_limit_and_prepaid_bytes(self) -> None:
        """Without a limit of its own it is what the plan includes; without any, nothing is used of them."""
        bob = await self.create()
        await self.prepaid(bob, 7)
        await self.bill(1, UsageEntry(bob.id, 0, 0, 9, 0, 1))
        self.assertEqual(await self.left(bob), 7)
        entry = UsageEntry(bob.id, 0, 0, 3, 0, 1)
        applied = await self.store.run(usage.apply, "j", 2, NOW, [entry], {"10": 10})
        self.assertEqual(applied.standings[0].usage, Usage(bob.id, 12, 12, JANUARY, 5))
        self.assertEqual(applied.standings[0].monthly_limit, 10)

    async def test_prepaid_bytes_and_the_feed(self) -> None:
        """The change is published when both are used up, and once."""
        bob = await self.create(monthly_limit=10)
        await self.prepaid(bob, 5)
        told = []
        for batch in range(1, 6):
            await self.bill(batch, UsageEntry(bob.id, 0, 0, 5, 0, 1))
            told.append(len(await self.store.run(changes.since, 0, 99)))
        self.assertEqual(told, [0, 0, 1, 1, 1])

    async def test_prepaid_bytes_at_two_nodes(self) -> None:
        """However their batches meet, and top-ups meanwhile: every byte is paid for once."""
        bob = await self.create(monthly_limit=10)
        await self.prepaid(bob, 100)
        other = await self.open()

        async def node(name: str, store: Store) -> None:
            for batch in range(1, 11):
                await store.run(usage.apply, name, batch, NOW, [UsageEntry(bob.id, 0, 0, 3, 0, 1)])

        runs = [start(node("a", self.store)), start(node("b", other))]
        runs += [start(other.run(usage.prepay, bob.id, 1)) for _ in range(10)]
        await gatherResults(runs)
        self.assertEqual(await self.left(bob), 100 + 10 - (60 - 10))

    async def test_seen(self) -> None:
        """The account itself, not its parent; a token that was used; both at most once a minute."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        token = await self.store.run(tokens.create, sub.id, b"d" * 32, "", "", NOW)
        unused = await self.store.run(tokens.create, sub.id, b"e" * 32, "", "", NOW)
        for batch, at in enumerate((NOW, NOW + 59, NOW + 60), 1):
            await self.bill(batch, UsageEntry(sub.id, parent.id, token.id, 1, 0, 1), at=at)
            seen = dict(await self.store.run(query, "select account_id, seen_at from usage"))
            used = [each.used_at for each in await self.store.run(tokens.of_account, sub.id)]
            expected = NOW + 60 * (batch == 3)
            self.assertEqual((seen, used), ({parent.id: 0, sub.id: expected}, [expected, unused.used_at]))

    async def hours(self, account: Account, since: int = 0, until: int = 2 * NOW, **asked: Any) -> list[UsageSpan]:
        options = {"span": HOUR, "by": "token", "most": 99, "made": lambda each: each} | asked
        return await self.store.run(series.read, account.id, since, until, **options)

    async def test_series(self) -> None:
        """By hour or day, by account or token or neither, a parent's with its sub-accounts'."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        hour = NOW - NOW % 3600
        day = NOW - NOW % DAY.seconds
        await self.bill(1, UsageEntry(sub.id, parent.id, 0, 1, 2, 1), UsageEntry(sub.id, parent.id, 7, 3, 4, 1))
        await self.bill(2, UsageEntry(sub.id, parent.id, 7, 10, 20, 2), UsageEntry(parent.id, 0, 0, 9, 9, 9))
        await self.bill(3, UsageEntry(sub.id, parent.id, 7, 100, 200, 3), at=NOW + 3600)
        first = [(hour, sub.id, 0, 1, 2, 1), (hour, sub.id, 7, 13, 24, 3)]
        late = (hour + 3600, sub.id, 7, 100, 200, 3)
        self.assertEqual(await self.hours(sub, hour, hour + 3600), first)
        self.assertEqual(await self.hours(sub, hour + 1), [late])
        self.assertEqual(await self.hours(parent), [(hour, parent.id, 0, 9, 9, 9), *first, late])
        self.assertIsNone(await self.hours(parent, most=3))
        self.assertEqual(
            await self.hours(parent, span=DAY, by="account"),
            [(day, parent.id, 0, 9, 9, 9), (day, sub.id, 0, 114, 226, 7)],
        )
        self.assertEqual(await self.hours(parent, span=DAY, by="total"), [(day, 0, 0, 123, 235, 16)])

    async def test_series_by_pieces(self) -> None:
        """However few rows a statement is to give: all are told once, in their order, and counted together."""
        sub = await self.create("sub")
        hour = NOW - NOW % 3600
        ats = [hour + 3600 * number for number in (0, 1, 2, 3, 300, 301, 9000)]
        for batch, at in enumerate(ats, 1):
            await self.bill(batch, *(UsageEntry(sub.id, 0, token, batch, 0, 1) for token in (0, 7)), at=at)
        expected = [(at, sub.id, token, n, 0, 1) for n, at in enumerate(ats, 1) for token in (0, 7)]
        for piece, read in ((2, 1), (2, 8), (5, 2), (1000, 8)):
            self.patch(series, "PIECE", piece)
            self.patch(series, "READ", read)
            self.assertEqual(await self.hours(sub, 0, ats[-1] + 1), expected)
            self.assertEqual(await self.hours(sub, hour + 1, ats[-1]), expected[2:-2])
            self.assertIsNone(await self.hours(sub, 0, ats[-1] + 1, most=13))

    async def test_bequeathed_hours(self) -> None:
        """What deleted sub-accounts used is told apart from what their parent did, and adds up."""
        parent = await self.create("parent")
        subs = [await self.create(name, parent) for name in ("one", "two")]
        hour = NOW - NOW % 3600
        entries = [UsageEntry(sub.id, parent.id, token, 1, 2, 1) for sub in subs for token in (0, 7)]
        await self.bill(1, *entries, UsageEntry(parent.id, 0, 0, 5, 5, 1))
        for sub in subs:
            await self.store.run(series.bequeath, sub.id, parent.id)
            await self.store.run(accounts.delete, sub.id)
        await self.bill(2, UsageEntry(subs[0].id, parent.id, 7, 100, 0, 1))
        expected = [(hour, parent.id, series.DELETED, 104, 8, 5), (hour, parent.id, 0, 5, 5, 1)]
        self.assertEqual(await self.hours(parent), expected)
        self.assertEqual(await self.hours(parent, by="account"), expected)
        self.assertEqual([row[1:] for row in await self.hours(parent, span=DAY)], [row[1:] for row in expected])
        self.assertEqual((await self.store.run(usage.of_account, parent.id, NOW)).total_bytes, 122)

    async def test_many(self) -> None:
        """A batch of hundreds of accounts is added whole, in a few statements."""
        parent = await self.create("parent")
        subs = [await self.create(f"s{i}", parent) for i in range(230)]
        entries = [UsageEntry(sub.id, parent.id, token, 1, 1, 1) for sub in subs for token in (0, 1)]
        counted: list[str] = []

        def watched() -> Unit[Any]:
            unit = usage.apply("j", 1, NOW, entries)
            statement, result = next(unit), None
            try:
                while True:
                    counted.append(statement.sql)
                    statement = unit.send((yield statement))
            except StopIteration as end:
                result = end.value
            return result

        standings = (await self.store.run(watched)).standings
        self.assertEqual({s.usage.total_bytes for s in standings if s.account_id != parent.id}, {4})
        self.assertEqual(standings[0].usage, Usage(parent.id, 920, 920, JANUARY))
        self.assertEqual([s.account_id for s in standings], [parent.id, *(sub.id for sub in subs)])
        self.assertLess(len(set(counted)), 12)

    async def test_many_nodes(self) -> None:
        """Nodes that bill the same accounts in other orders at the same time lose nothing."""
        other = await self.open()
        made = [await self.create(f"u{i}") for i in range(20)]
        work = []
        for batch in range(1, 11):
            for name, store, order in (("a", self.store, made), ("b", other, made[::-1])):
                entries = [UsageEntry(account.id, 0, 0, 1, 1, 1) for account in order]
                work.append(start(store.run(usage.apply, name, batch, NOW, entries)))
        await gatherResults(work)
        found = await self.store.run(usage.standings, [account.id for account in made], NOW)
        applied = {s.usage.total_bytes for s in found}
        batches = dict(await self.store.run(query, "select id, last_batch from journals"))
        self.assertEqual(batches, {"a": 10, "b": 10})
        self.assertEqual(len(applied), 1, "each batch is added to all of its accounts or to none")

    async def test_bequeathed_meanwhile(self) -> None:
        """However a deletion and the last batches meet, the hours are the bill."""
        other = await self.open()
        parent = await self.create("parent")
        subs = [await self.create(f"s{i}", parent) for i in range(20)]
        work = []
        for n, sub in enumerate(subs):
            entries = [UsageEntry(s.id, parent.id, 0, 1, 0, 1) for s in subs]
            work.append(start(self.store.run(usage.apply, f"j{n}", 1, NOW, entries)))
            work.append(start(other.run(subaccounts.delete, parent.id, sub.username, now=NOW)))
        await gatherResults(work)
        self.assertEqual((await self.store.run(usage.of_account, parent.id, NOW)).total_bytes, 400)
        for span in (HOUR, DAY):
            self.assertEqual([row.up for row in await self.hours(parent, by="total", span=span)], [400])

    async def test_delete_meanwhile(self) -> None:
        """Accounts that are deleted while they are billed take nobody else's bytes with them."""
        other = await self.open()
        parent = await self.create("parent")
        subs = [await self.create(f"s{i}", parent) for i in range(20)]
        work = []
        for n, sub in enumerate(subs):
            entries = [UsageEntry(s.id, parent.id, 0, 1, 0, 1) for s in subs]
            work.append(start(self.store.run(usage.apply, f"j{n}", 1, NOW, entries)))
            work.append(start(other.run(accounts.delete, sub.id)))
        await gatherResults(work)
        self.assertEqual((await self.store.run(usage.of_account, parent.id, NOW)).total_bytes, 400)
        self.assertEqual(await self.store.run(query, "select account_id from usage"), [(parent.id,)])
