"""Rests of one exit in several processes that write at once, which SQLite's one writer never does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from meshd.model import RestingExit
from meshd.store.statements import exits, notices
from meshd.store.statements.notices import Told
from meshd.store.unit import Statement, Unit
from meshd.values.notices import KINDS
from tests.store.contract import NOW, query, start
from tests.store.postgres.test_store import OnPostgres

WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
AGAIN = "select pg_stat_clear_snapshot(), pg_sleep(0.005)"
"""Else a transaction sees none but those who were connected when it first looked."""


def rest(node: str, exit_: str) -> RestingExit:
    return RestingExit(node, exit_, NOW + 5, 3, "refused", NOW)


class RaceTests(OnPostgres, TestCase):
    timeout = 120

    async def race(self, begins: Sequence[str], *units: Callable[[], Unit[None]]) -> int:
        """Run two units, each of which lets the other come as far whenever a statement that begins so was carried out;
        how often they were begun.
        """
        store = await self.open()
        await store.run(notices.seen, [Told("ops", KINDS, "there")], NOW)
        begun: list[int] = []
        come = [0, 0]

        def interleaved(number: int) -> Unit[None]:
            begun.append(number)
            unit = units[number]()
            statement = next(unit)
            while True:
                rows = yield statement
                if statement.sql.strip().startswith(tuple(begins)):
                    come[number] += 1
                    while come[1 - number] < come[number] and not (yield Statement(WAITING, {}))[0][0]:
                        yield Statement(AGAIN, {})
                try:
                    statement = unit.send(rows)
                except StopIteration:
                    come[number] = 999
                    return

        await gatherResults([start(store.run(interleaved, number)) for number in range(2)], consumeErrors=True)
        return len(begun)

    async def kinds(self) -> list[Any]:
        store = await self.open()
        return [kind for (kind,) in await store.run(query, "select kind from notices order by id")]

    async def test_two_begin_in_another_order(self) -> None:
        """Neither is begun again."""
        ways = ("one", "two"), ("two", "one")
        units = [
            lambda node=node, names=names: exits.record(node, [rest(node, each) for each in names], [], NOW)
            for node, names in zip("ab", ways, strict=True)
        ]
        self.assertEqual(await self.race(["insert into notice_marks (mark, until) values (:mark"], *units), 2)
        self.assertEqual(await self.kinds(), ["exit.resting"] * 2)

    async def test_the_last_two_are_back_at_once(self) -> None:
        """One of them tells it; and the next rest is told."""
        store = await self.open()
        await store.run(notices.seen, [Told("ops", KINDS, "there")], NOW)
        for node in "ab":
            await store.run(exits.record, node, [rest(node, "one")], [], NOW)
        units = [lambda node=node: exits.record(node, [], ["one"], NOW) for node in "ab"]
        self.assertEqual(await self.race(["delete from exit_health", "select exit from"], *units), 2)
        await store.run(exits.record, "a", [rest("a", "one")], [], NOW)
        self.assertEqual(await self.kinds(), ["exit.resting", "exit.back", "exit.resting"])
