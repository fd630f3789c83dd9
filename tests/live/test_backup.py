"""Backups of a daemon under load, and what comes of its counts when one is restored: both stores."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.open import BlockingStore
from meshd.store.unit import Statement, Unit
from tests.faults.world import World
from tests.support import postgres, stores
from tests.support.daemon import LiveDaemon, until


def sums() -> Unit[tuple[int, int]]:
    """Of the totals, and of the hours: one moment has the same in both."""
    rows = yield Statement("select (select sum(total_bytes) from usage), (select sum(up + down) from usage_hours)", {})
    return int(rows[0][0] or 0), int(rows[0][1] or 0)


class _Backups:
    """A daemon that is busy meanwhile."""

    def world(self) -> World:
        self.files = Path(stores.folder(self))  # type: ignore[arg-type]
        return World(self, store=self.store())

    def store(self) -> str:
        raise NotImplementedError

    def restorable(self, daemon: LiveDaemon) -> None:
        """Make room for a restore where the store wants it."""

    def under_load(self, world: World, names: list[str]) -> list[Any]:
        """Back up again and again while clients ask, from when some of it is billed; what the commands said."""

        async def scenario() -> list[Any]:
            asking = asyncio.ensure_future(world.ask_steadily(2.5))
            await asyncio.to_thread(until, lambda: world.daemon.total("anna") > 0, "some of it is billed")
            said = [await asyncio.to_thread(world.daemon.cli, "backup", str(self.files / name)) for name in names]
            await asking
            return said

        return asyncio.run(scenario())

    def test_under_load(self) -> None:
        """Each backup is of one moment, of mode 0600 and can be restored; nobody is cut, no byte is lost."""
        world = self.world()
        for said in self.under_load(world, ["1", "2", "3"]):
            path = Path(said["file"])
            self.assertEqual((stat.S_IMODE(path.stat().st_mode), path.stat().st_size), (0o600, said["bytes"]))
        self.assertEqual(world.clients_total, world.settled())
        found = [self.restored(self.files / name) for name in ("1", "2", "3")]
        self.assertEqual([total for total, _ in found], [hours for _, hours in found])
        self.assertEqual([total for total, _ in found], sorted(total for total, _ in found))
        self.assertLess(0, found[-1][0])
        self.assertLessEqual(found[-1][0], world.clients_total)
        self.assertEqual(sorted(os.listdir(self.files)), ["1", "2", "3"])

    def restored(self, file: Path) -> tuple[int, int]:
        """The sums of a backup, in a store of its own."""
        from meshd.store import backup

        url = self.fresh()
        backup.restore(url, file, stamp="now")
        store = BlockingStore(url)
        try:
            return store.run(sums)
        finally:
            store.close()

    def fresh(self) -> str:
        raise NotImplementedError

    def test_a_journal_that_waits(self) -> None:
        """What a killed daemon had not billed is billed once to the restored store: nothing of it is lost or twice."""
        world = self.world()
        daemon = world.daemon
        self.under_load(world, ["1"])
        at_backup = self.restored(self.files / "1")[0]
        asyncio.run(self.ask_and_kill(world))
        billed = daemon.total("anna")
        counted = self.counted(daemon)
        refused, _, said = daemon.run_cli("restore", str(self.files / "none"))
        self.assertEqual(refused, 1, said)
        self.restorable(daemon)
        told = daemon.cli("restore", str(self.files / "1"))
        self.assertEqual(told["journals"], 1)
        daemon.start()
        waited = self.counted(daemon) - billed
        self.assertGreater(waited, 0)
        self.assertGreaterEqual(self.counted(daemon), counted)
        self.assertEqual(daemon.total("anna"), at_backup + waited)
        daemon.restart()
        self.assertEqual(daemon.total("anna"), at_backup + waited)
        asyncio.run(world.ask_steadily(0.2, clients=2))
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(daemon.total("anna"), at_backup + self.counted(daemon) - billed)

    async def ask_and_kill(self, world: World) -> None:
        """In the middle of it all."""
        link, counted = await world.tunnel()
        asking = asyncio.ensure_future(world.ask_steadily(0.7, clients=3))
        await asyncio.sleep(0.5)
        await link.send(b"x" * 100_000, counted)
        world.daemon.kill()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        link.close()

    def counted(self, daemon: LiveDaemon) -> int:
        """What the exchange log has: of a daemon that started after a kill, all that was ever counted."""
        return sum(line["up"] + line["down"] for line in daemon.exchanges())

    def test_a_daemon_that_runs(self) -> None:
        """It is named, and nothing has changed."""
        world = self.world()
        world.daemon.cli("backup", str(self.files / "1"))
        password = world.daemon.account("late")
        status, _, said = world.daemon.run_cli("restore", str(self.files / "1"))
        self.assertEqual(status, 1)
        self.assertIn(f"is in use by process {world.daemon.pid}: stop it first", said)
        self.assertIn("late", world.daemon.totals())
        self.assertTrue(password)


class SQLiteTests(_Backups, SynchronousTestCase):
    def store(self) -> str:
        return ""

    def fresh(self) -> str:
        return f"sqlite:///{stores.folder(self)}/meshd.sqlite3"


class PostgresTests(_Backups, SynchronousTestCase):
    def store(self) -> str:
        self.url = stores.postgres_url(self)
        return self.url

    def fresh(self) -> str:
        return stores.postgres_url(self)

    def restorable(self, daemon: LiveDaemon) -> None:
        """Another database takes the place of the one that was there."""
        database = re.sub(r".*@/|\?.*", "", self.url)
        postgres.server().sql("drop schema public cascade; create schema public", database)
