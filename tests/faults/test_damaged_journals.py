"""Whatever has become of a dead process's journal, the next one starts, bills what can be read, and keeps the rest."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meshd.usage.salvage import BYTES_A_SECOND, GRACE
from tests.faults.world import World
from tests.support.figures import figure, sized
from tests.usage.damage import DOWN, KINDS, Compared, Left, Life
from tests.usage.support import now

DAMAGES = sized(400, 10_000)
A_LIFE = 20
"""Damages to the journal of one life."""


class DamagedJournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.names = itertools.count()
        self.told: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.told.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.told.append)

    def folder(self) -> Path:
        return self.root / str(next(self.names))

    def test_random_damages(self) -> None:
        """No start fails, no count that can be read is lost, none is billed twice, and what is not billed is kept."""
        kept = exact = 0
        for seed in range(DAMAGES // A_LIFE):
            life = self.folder()
            left = Life(life, seed).lead()
            for n in range(A_LIFE):
                draw = random.Random(seed * A_LIFE + n)
                kind = KINDS[n % len(KINDS)]
                try:
                    outcome = self.damage(left, draw, kind)
                except BaseException as error:
                    error.add_note(f"the life {seed}, damage {n}: {kind.__name__}")
                    raise
                kept += outcome[0]
                exact += outcome[1]
            shutil.rmtree(life)
        figure("damaged journals", damages=DAMAGES, kept=kept, billed_whole=exact)
        self.flushLoggedErrors()
        self.assertGreater(kept, DAMAGES // 10)

    def damage(self, left: Left, draw: random.Random, kind: Any) -> tuple[bool, bool]:
        """Whether the journal was kept, and whether all that it had was billed."""
        again = left.again(self.folder())
        data = bytearray(before := again.path.read_bytes())
        kind(draw, data)
        again.path.write_bytes(data)
        self.told.clear()
        desk = again.start()
        exact = self.check(again, left, Compared(before, bytes(data)))
        critical = [event for event in self.told if event["log_level"] == LogLevel.critical]
        self.assertEqual([e for e in self.told if "log_failure" in e], [])
        kept = list((again.folder / "journal").glob("*.damaged"))
        self.assertEqual([path.read_bytes() for path in kept], [data] * len(critical))
        self.assertTrue(kept or not self.lacks(again, left), "what is not billed is kept, and said")
        self.assertEqual(list((again.folder / "journal").glob("*.journal")), [desk.journal._file.path])
        stored = {key: list(sums) for key, sums in again.store.own.items()}
        desk.die()
        for path in kept:
            path.rename(path.with_suffix(""))  # by somebody who wants it read once more
        again.start().die()
        self.assertEqual({key: list(sums) for key, sums in again.store.own.items()}, stored, "nothing counts twice")
        shutil.rmtree(again.folder)
        return bool(kept), exact

    def check(self, after: Left, before: Left, compared: Compared) -> bool:
        """Whether the store has all that was counted."""
        store, most = after.store, BYTES_A_SECOND * (60 + DOWN + GRACE)
        for key in {*store.own, *before.counted}:
            counted, billed = before.counted.get(key, [0, 0, 0]), store.own[key]
            for k in range(3):
                if compared.readable(key, k):
                    self.assertEqual(billed[k], counted[k], f"{key}, {k}")
                self.assertTrue(key in before.counted or compared.slots(key), f"{key} had nothing open")
                self.assertGreaterEqual(billed[k], before.store.own[key][k])
                self.assertLessEqual(billed[k], counted[k] + most)
        family = sum(sum(sums[:2]) for key, sums in store.own.items() if key[0] in {1, 2, 5})
        self.assertEqual(store.totals[1][0], family)
        return {key: sums for key, sums in store.own.items() if any(sums)} == {
            key: sums for key, sums in before.counted.items() if any(sums)
        }

    def lacks(self, after: Left, before: Left) -> bool:
        """Whether anything that was counted is not billed."""
        return any(
            a < b for key, sums in before.counted.items() for a, b in zip(after.store.own[key], sums, strict=True)
        )

    def test_undamaged_ones_are_billed_and_removed(self) -> None:
        """The same lives, untouched: nothing is lost, nothing is kept, nothing is said."""
        for seed in range(sized(30, 300)):
            left = Life(self.folder(), seed).lead()
            self.told.clear()
            whole = left.path.read_bytes()
            desk = left.start()
            self.assertTrue(self.check(left, left, Compared(whole, whole)), seed)
            self.assertEqual([e for e in self.told if e["log_level"] > LogLevel.info], [])
            self.assertEqual(list((left.folder / "journal").iterdir()), [desk.journal._file.path])
            now(desk.ledger.stop())


class KilledDaemonTests(SynchronousTestCase):
    """A daemon that was killed, and a journal that did not survive as it was."""

    def test_the_daemon_starts_and_bills_what_can_be_read(self) -> None:
        """One critical line, the file is kept, and nothing is lost."""
        for name, damage in (
            ("one byte short", lambda data: data[:-1]),
            ("no magic word", lambda data: bytes(8) + data[8:]),
            ("no first page", lambda data: bytes(4096) + data[4096:]),
        ):
            world = World(self)
            asyncio.run(world.ask_steadily(0.5, clients=3))
            world.daemon.kill()
            (path,) = (world.daemon.data_dir / "journal").iterdir()
            path.write_bytes(damage(path.read_bytes()))
            since = world.daemon.log_position
            world.daemon.start()
            critical = [line for line in world.daemon.log_lines(since) if "#critical" in line]
            self.assertEqual(len(critical), 1, name)
            self.assertIn(f"{path} is damaged", critical[0])
            self.assertEqual(world.clients_total, world.settled(), name)
            self.assertTrue(path.with_name(f"{path.name}.damaged").exists(), name)
            self.assertEqual(0, world.daemon.terminate())
            self.assertEqual(world.clients_total, world.logged(), name)
