"""The contract: sums by name, of which the largest are kept."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults

from meshd.store.statements import accounts, tops
from meshd.store.statements.tops import DAYS, EXIT, HOURS, OTHER, OUTCOME, SWEEP, Sum
from tests.store.contract import DAY, NOW, StoreContract, start

TODAY = NOW - NOW % DAY
HOUR = NOW - NOW % 3600
MOST = tops.DOMAINS.most


class TopsContract(StoreContract):
    """Domains of accounts; exits and outcomes of the installation."""

    async def record(self, domains: Any = (), traffic: Any = ()) -> None:
        await self.store.run(tops.record, list(domains), list(traffic))

    async def domains(self, account_id: int, since: int = TODAY, *, family: bool = False) -> list[Sum]:
        found = await self.store.run(tops.domains, account_id, since, NOW + DAY, family=family, most=10_000)
        assert found is not None
        return found

    async def test_sums_add_up(self) -> None:
        """Of an account that exists; those with most bytes first, a family's together where that is asked for."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        gone = await self.create("gone")
        await self.store.run(accounts.delete, gone.id)
        for _ in range(2):
            await self.record(
                [
                    ((parent.id, TODAY, "a.example"), [1, 2, 1, 0]),
                    ((sub.id, TODAY, "a.example"), [10, 20, 1, 1]),
                    ((sub.id, TODAY, "b.example"), [100, 0, 1, 0]),
                    ((gone.id, TODAY, "a.example"), [9, 9, 9, 9]),
                ]
            )
        self.assertEqual(await self.domains(parent.id), [Sum("a.example", 2, 4, 2, 0)])
        self.assertEqual(
            await self.domains(parent.id, family=True),
            [Sum("b.example", 200, 0, 2, 0), Sum("a.example", 22, 44, 4, 2)],
        )
        self.assertEqual(await self.domains(parent.id, TODAY + DAY), [])
        self.assertIsNone(await self.store.run(tops.domains, parent.id, 0, NOW, family=True, most=2))

    async def test_many_names_are_bounded_and_the_sum_is_exact(self) -> None:
        """The largest keep their rows, the others are one; of one account and day, and of no other."""
        bob, amy = await self.create("bob"), await self.create("amy")
        many = 5 * MOST
        await self.record([((amy.id, TODAY, "quiet.example"), [1, 0, 1, 0])])
        await self.record([((bob.id, TODAY, f"{n}.example"), [n, 1, 1, 0]) for n in range(many)])
        found = await self.domains(bob.id)
        self.assertEqual(
            [each.name for each in found], [f"{n}.example" for n in range(many - 1, many - 1 - MOST, -1)] + [OTHER]
        )
        self.assertEqual(sum(each.up + each.down for each in found), sum(range(many)) + many)
        self.assertEqual(found[-1].exchanges, many - MOST)
        await self.record([((bob.id, TODAY, f"late-{n}.example"), [0, 1, 1, 1]) for n in range(2 * MOST)])
        later = await self.domains(bob.id)
        self.assertEqual((later[:MOST], later[-1].exchanges), (found[:MOST], many + MOST))
        self.assertEqual(len(await self.domains(amy.id)), 1)

    async def test_a_row_that_is_there_gets_its_part_of_many_names(self) -> None:
        """However small that is beside the others'; what was one with others before stays so."""
        bob = await self.create("bob")
        await self.record([((bob.id, TODAY, "old.example"), [900, 0, 1, 0]), ((bob.id, TODAY, OTHER), [1, 1, 1, 1])])
        small = [((bob.id, TODAY, "old.example"), [1, 0, 1, 0]), ((bob.id, TODAY, OTHER), [2, 0, 1, 0])]
        many = [((bob.id, TODAY, f"{n:04}.example"), [5, 5, 1, 0]) for n in range(3 * MOST)]
        await self.record([*many, *small])
        found = await self.domains(bob.id)
        kept = [Sum(f"{n:04}.example", 5, 5, 1, 0) for n in range(MOST)]
        self.assertEqual(found[:1], [Sum("old.example", 901, 0, 2, 0)])
        self.assertEqual(found[1:-1], kept[: len(found) - 2])
        self.assertEqual([sum(column) for column in list(zip(*found, strict=True))[1:]], [2404, 1501, 304, 1])

    async def test_several_processes_at_once(self) -> None:
        """Whatever they fold meanwhile, nothing is lost and nothing counted twice."""
        bob = await self.create("bob")
        others = [await self.open() for _ in range(3)]
        rows = [
            [((bob.id, TODAY, f"{k}-{n}.example" if n % 2 else f"{n}.example"), [1, 2, 1, 0]) for n in range(300)]
            for k in range(3)
        ]
        await gatherResults([start(each.run(tops.record, mine, [])) for each, mine in zip(others, rows, strict=True)])
        await gatherResults([start(each.run(tops.record, mine, [])) for each, mine in zip(others, rows, strict=True)])
        found = await self.domains(bob.id)
        self.assertEqual([sum(column) for column in list(zip(*found, strict=True))[1:]], [1800, 3600, 1800, 0])
        self.assertLessEqual(len(found), 2 * MOST + 1)

    async def test_hours_make_days(self) -> None:
        """Of exits and of outcomes, each by itself."""
        for hour in (HOUR, HOUR - 3600):
            await self.record((), [((EXIT, hour, "rack-1"), [1, 2, 3, 1]), ((OUTCOME, hour, "served"), [5, 5, 5, 0])])
        self.assertEqual(await self.store.run(tops.traffic, HOURS, EXIT, HOUR, 9), [Sum("rack-1", 1, 2, 3, 1)])
        self.assertEqual(await self.store.run(tops.traffic, HOURS, EXIT, HOUR - 3600, 9), [Sum("rack-1", 2, 4, 6, 2)])
        self.assertEqual(await self.store.run(tops.traffic, DAYS, OUTCOME, TODAY, 9), [Sum("served", 10, 10, 10, 0)])

    async def test_what_is_too_old_goes_in_steps(self) -> None:
        """Of each kind so many at once; it is said whether more may be left."""
        bob = await self.create("bob")
        await self.record([((bob.id, TODAY - DAY * n, "x"), [1, 1, 1, 0]) for n in range(4)])
        await self.record((), [((EXIT, HOUR - 3600 * n, "x"), [1, 1, 1, 0]) for n in range(SWEEP + 1)])
        self.assertTrue(await self.store.run(tops.prune, TODAY - DAY, HOUR + 1, 0))
        self.assertEqual([each.exchanges for each in await self.domains(bob.id, 0)], [2])
        self.assertEqual([each.exchanges for each in await self.store.run(tops.traffic, HOURS, EXIT, 0, 9)], [1])
        self.assertFalse(await self.store.run(tops.prune, TODAY - DAY, HOUR + 1, 0))
        self.assertGreater((await self.store.run(tops.traffic, DAYS, EXIT, 0, 9))[0].exchanges, SWEEP)

    async def test_a_deleted_sub_accounts_sums_are_its_parents(self) -> None:
        """Without the names, which are nobody's business any more."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        await self.record(
            [((parent.id, TODAY, OTHER), [1, 1, 1, 0])] + [((sub.id, TODAY, f"{n}"), [1, 2, 1, 1]) for n in range(3)]
        )
        await self.store.run(tops.bequeath, sub.id, parent.id)
        await self.store.run(accounts.delete, sub.id)
        self.assertEqual(await self.domains(parent.id, family=True), [Sum(OTHER, 4, 7, 4, 3)])
