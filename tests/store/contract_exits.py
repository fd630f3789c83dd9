"""The contract: which exits are drained, and which rest where."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import gatherResults

from meshd.model import DrainedExit, RestingExit
from meshd.store.statements import exits, latencies
from meshd.values.latencies import Latency, MeanLatency
from tests.store.contract import NOW, StoreContract, start


@dataclass(frozen=True)
class Node:
    """One process."""

    name: str

    def rest(self, exit_: str, until: int = NOW + 5, failures: int = 3) -> RestingExit:
        return RestingExit(self.name, exit_, until, failures, "connection-refused", NOW)


A, B = Node("a:/var/lib/meshd"), Node("b:/var/lib/meshd")


class ExitContract(StoreContract):
    """Drained by the operator, and resting as the processes see it."""

    async def resting(self, horizon: int = NOW) -> list[RestingExit]:
        return await self.store.run(exits.resting, horizon)

    async def test_drained_once(self) -> None:
        """The first one's name and time stay; what is not drained cannot be undrained."""
        self.assertTrue(await self.store.run(exits.drain, "rack-1", NOW, "operator:x"))
        self.assertFalse(await self.store.run(exits.drain, "rack-1", NOW + 9, "operator:y"))
        self.assertTrue(await self.store.run(exits.drain, "a rack: ½", NOW, "operator:x"))
        found = [DrainedExit("a rack: ½", NOW, "operator:x"), DrainedExit("rack-1", NOW, "operator:x")]
        self.assertEqual(await self.store.run(exits.drained), found)
        self.assertEqual(await self.store.run(exits.names_drained), {"rack-1", "a rack: ½"})
        self.assertTrue(await self.store.run(exits.undrain, "rack-1"))
        self.assertFalse(await self.store.run(exits.undrain, "rack-1"))
        self.assertEqual(await self.store.run(exits.names_drained), {"a rack: ½"})

    async def test_drained_by_several_at_once(self) -> None:
        """Exactly one of them has done it."""
        others = [await self.open() for _ in range(3)]
        done = await gatherResults([start(each.run(exits.drain, "rack-1", NOW, "operator:x")) for each in others])
        self.assertEqual(sorted(done), [False, False, True])

    async def test_each_process_has_its_own_view(self) -> None:
        """By the exit's name; what one process forgets stays with the others."""
        await self.store.run(exits.record, A.name, [A.rest("z"), A.rest("y")], [])
        await self.store.run(exits.record, B.name, [B.rest("y", NOW + 60, 7)], [])
        self.assertEqual(await self.resting(), [A.rest("y"), B.rest("y", NOW + 60, 7), A.rest("z")])
        await self.store.run(exits.record, A.name, [], ["y", "z", "never there"])
        self.assertEqual(await self.resting(), [B.rest("y", NOW + 60, 7)])
        await self.store.run(exits.record, A.name, [A.rest("y")], [])
        await self.store.run(exits.forget, B.name, NOW)
        self.assertEqual(await self.resting(), [A.rest("y")])

    async def test_a_longer_rest_takes_the_place_of_the_one_before(self) -> None:
        await self.store.run(exits.record, A.name, [A.rest("z")], [])
        await self.store.run(exits.record, A.name, [A.rest("z", NOW + 10, 4)], [])
        self.assertEqual(await self.resting(), [A.rest("z", NOW + 10, 4)])

    async def test_more_than_one_statement_holds(self) -> None:
        """Hundreds begin to rest, and are back, in one unit."""
        names = [f"exit-{n:03}" for n in range(350)]
        await self.store.run(exits.record, A.name, [A.rest(name) for name in names], [])
        self.assertEqual([each.exit for each in await self.resting()], names)
        await self.store.run(exits.record, A.name, [A.rest("last")], names)
        self.assertEqual([each.exit for each in await self.resting()], ["last"])

    async def test_pruned_by_the_end_of_the_rest(self) -> None:
        """Those that ended before that time are gone; the horizon of a reader hides, and keeps."""
        await self.store.run(exits.record, A.name, [A.rest("old", NOW - 1), A.rest("new", NOW)], [])
        self.assertEqual([each.exit for each in await self.resting(NOW - 1)], ["new"])
        self.assertEqual([each.exit for each in await self.resting(0)], ["new", "old"])
        await self.store.run(exits.prune, NOW, NOW)
        self.assertEqual([each.exit for each in await self.resting(0)], ["new"])

    async def test_latencies(self) -> None:
        """Of each process the last, told as their mean; what is old or of a process that ends goes."""
        rows = [Latency(A.name, "one", 100, NOW), Latency(A.name, "two", 7, NOW), Latency(B.name, "one", 999, NOW - 50)]
        await self.store.run(latencies.record, rows)
        await self.store.run(latencies.record, [Latency(B.name, "one", 201, NOW + 1)])
        one, two = MeanLatency("one", 150, 2, NOW + 1), MeanLatency("two", 7, 1, NOW)
        self.assertEqual(sorted(await self.store.run(latencies.of_all, NOW)), [one, two])
        self.assertEqual(await self.store.run(latencies.of, ["one", "none"], NOW), [one])
        self.assertEqual(await self.store.run(latencies.of, [], NOW), [])
        await self.store.run(latencies.prune, NOW + 1)
        self.assertEqual(await self.store.run(latencies.of_all, 0), [MeanLatency("one", 201, 1, NOW + 1)])
        await self.store.run(latencies.forget, B.name)
        self.assertEqual(await self.store.run(latencies.of_all, 0), [])
