"""The process dies at every store, in every write: nothing is lost, nothing counts twice, log and store agree."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreError
from meshd.usage.journal import Journal
from meshd.usage.ledger import OVERLOADED
from tests.usage.deaths import Photo, World, revive
from tests.usage.support import MemoryStore, account, exchange, now, read_log, sums_of

ACCOUNTS = [account(1), account(2, parent=1), account(3), account(4), account(5, parent=1)]


def a_day_of_work(world: World) -> None:
    """Tunnels and small exchanges, flushes that work, fail, or lose their answer; more accounts than slots."""
    desk, store = world.enter(), world.store
    now(desk.ledger.start())
    tunnel = desk.meter(2)
    tunnel.sent_up(100)
    tunnel.sent_down(2000)
    small = desk.meter(3, token_id=9)
    small.sent_up(10)
    small.sent_down(20)
    desk.close(small)
    desk.ledger.refused(exchange(account_id=2, status=403, reason="acl-port"))
    desk.flush()
    tunnel.sent_up(7)
    desk.flush()
    other = desk.meter(4)
    other.sent_down(333)
    store.away = True
    tunnel.sent_up(5)
    fails(desk)
    tunnel.sent_up(50)
    desk.close(other)
    store.away = False
    desk.flush()
    # Sealed, not billed, and nothing open: its slot must not be given to the next.
    brief = desk.meter(3)
    brief.sent_up(3)
    desk.close(brief)
    store.away = True
    fails(desk)
    third = desk.meter(4, token_id=8)
    assert desk.open(5) == OVERLOADED
    desk.close(third)
    store.away = False
    desk.flush()
    tunnel.sent_down(1)
    store.answers_lost = 1
    fails(desk)
    tunnel.sent_down(64)
    desk.flush()
    desk.close(tunnel)
    desk.flush()
    last = desk.meter(5)
    last.sent_up(1000)
    again = desk.meter(3, token_id=9)
    again.sent_down(4)
    desk.log.flush()
    desk.close(again)
    desk.close(last)
    now(desk.ledger.stop())


def fails(desk: Any) -> None:
    try:
        desk.flush()
    except StoreError:
        return
    raise AssertionError("the store was there")


class Deaths(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.addCleanup(shutil.rmtree, self.root)
        self._names = itertools.count()

    def folder(self) -> Path:
        path = self.root / str(next(self._names))
        path.mkdir()
        return path

    def photos_of(self, world: World, work: Any) -> list[Photo]:
        """One before and after each store, and some within each write to the log; equal ones once."""
        photos: dict[Any, Photo] = {}

        def step() -> None:
            photo = world.photograph()
            photos.setdefault((tuple(sorted(photo.journals.items())), photo.log, repr(photo.totals)), photo)

        world.step = world.store.committed = step
        write = os.write

        def torn(fd: int, data: bytes) -> int:
            size = os.fstat(fd).st_size
            for cut in {0, 1, len(data) // 3, len(data) // 2, len(data) - 1} - {len(data)}:
                write(fd, data[:cut])
                step()
                os.ftruncate(fd, size)
            return write(fd, data)

        self.patch(os, "write", torn)
        work(world)
        self.patch(os, "write", write)
        return list(photos.values())

    def recover(self, photo: Photo) -> World:
        world = revive(photo, self.folder(), ACCOUNTS, slots=4)
        now(world.enter().ledger.start())
        return world

    def check(self, world: World, photo: Photo) -> None:
        """Store and log have what was counted, and no journal but the living one's is left."""
        counted = {key: sums for key, sums in photo.counted.items() if any(sums)}
        self.assertEqual({key: sums for key, sums in world.store.own.items() if any(sums)}, counted)
        self.assertEqual(sums_of(read_log((world.folder / "log").read_bytes())), counted)
        self.assertEqual(world.store.totals[1][0], sum(sum(v[:2]) for k, v in counted.items() if k[0] in {1, 2, 5}))
        self.assertEqual(len(list((world.folder / "journal").iterdir())), 1)

    def test_at_every_store(self) -> None:
        """Whenever the process dies, the next start brings store and log to exactly what was counted."""
        world = World(self.folder(), MemoryStore(*ACCOUNTS), slots=3)
        photos = self.photos_of(world, a_day_of_work)
        self.assertGreater(len(photos), 100)
        for photo in photos:
            revived = self.recover(photo)
            self.check(revived, photo)
            shutil.rmtree(revived.folder)
        self.assertEqual(list((world.folder / "journal").iterdir()), [])

    def test_at_every_store_of_the_recovery(self) -> None:
        """A death while an earlier one is being made good changes nothing."""
        world = World(self.folder(), MemoryStore(*ACCOUNTS), slots=3)
        photos = self.photos_of(world, a_day_of_work)
        adopt = Journal.of_orphan
        for photo in photos[5::29]:
            second = revive(photo, self.folder(), ACCOUNTS, slots=4)

            def watched(file: Any, second: World = second) -> Journal:
                orphan = adopt(file)
                counted = {key: list(sums) for key, sums in second.counted.items()}
                second.watch(orphan)
                second.counted.update(counted)
                return orphan

            self.patch(Journal, "of_orphan", watched)
            again = self.photos_of(second, lambda each: now(each.enter().ledger.start()))
            self.patch(Journal, "of_orphan", adopt)
            self.check(second, photo)
            for after in again:
                revived = self.recover(after)
                self.check(revived, photo)
                shutil.rmtree(revived.folder)
