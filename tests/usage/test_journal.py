"""The journal: slots, batches, files and who owns them.  Deaths have a module of their own."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.model import UsageEntry
from meshd.usage import journal as journals
from meshd.usage.journal import Journal, orphans
from tests.usage.support import NOON


class JournalCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.journal = Journal(self.folder, slots=4, now=lambda: NOON)

    def count(self, slot: int | None, up: int = 0, down: int = 0) -> None:
        assert slot is not None
        at = self.journal.cell(slot)
        self.journal.words[at] += up
        self.journal.words[at + 1] += down


class Batches(JournalCase):
    def test_a_batch_is_what_came_since_the_last(self) -> None:
        """Numbers from 1, each with the sums between two seals, by slot."""
        one, two = self.journal.take(7, 3, 5), self.journal.take(8, 0, 0)
        self.count(one, up=10)
        first = self.journal.seal(NOON)
        self.journal.acknowledge(1)
        self.count(one, down=4)
        self.count(two, up=1)
        second = self.journal.seal(NOON)
        self.assertEqual((first.number, first.entries), (1, (UsageEntry(7, 3, 5, 10, 0, 0),)))
        self.assertEqual(second.entries, (UsageEntry(7, 3, 5, 0, 4, 0), UsageEntry(8, 0, 0, 1, 0, 0)))
        self.assertEqual(self.journal.sealed(), second)
        self.journal.acknowledge(2)
        self.assertEqual((self.journal.sealed(), self.journal.seal(NOON)), (None, None))

    def test_one_waits_at_most(self) -> None:
        """The store gets them in order: no seal before the last is acknowledged."""
        self.count(self.journal.take(7, 0, 0), up=1)
        self.journal.seal(NOON)
        self.assertRaises(RuntimeError, self.journal.seal, NOON)

    def test_no_batch_is_older_than_the_one_before(self) -> None:
        """Although the clock stepped back in between."""
        slot = self.journal.take(7, 0, 0)
        ats = []
        for now in (NOON + 5, NOON - 500, NOON + 7, NOON + 9):
            self.count(slot, up=1)
            ats.append(self.journal.seal(now).at)
            self.journal.acknowledge(len(ats))
        self.assertEqual(ats, [NOON, NOON + 5, NOON + 5, NOON + 7])

    def test_a_count_that_fell_adds_nothing(self) -> None:
        """As a loss of power may leave it."""
        slot = self.journal.take(7, 0, 0)
        self.count(slot, up=10, down=10)
        self.journal.acknowledge(self.journal.seal(NOON).number)
        self.count(slot, up=-3, down=2)
        self.assertEqual(self.journal.seal(NOON).entries, (UsageEntry(7, 0, 0, 0, 2, 0),))

    def test_more_bytes_than_32_bits(self) -> None:
        """Counters are 64 bits wide."""
        self.count(self.journal.take(7, 0, 0), up=2**62)
        self.assertEqual(self.journal.seal(NOON).entries[0].up, 2**62)


class Slots(JournalCase):
    def test_bounded(self) -> None:
        """As many as were asked for; one given back is used again."""
        slots = [self.journal.take(i, 0, 0) for i in range(1, 6)]
        self.assertEqual(slots, [0, 1, 2, 3, None])
        self.journal.free(2)
        self.assertEqual(self.journal.take(9, 0, 0), 2)

    def test_scarce(self) -> None:
        """When fewer than an eighth are free."""
        journal = Journal(self.folder, slots=16)
        scarce = [journal.take(i, 0, 0) is not None and journal.scarce for i in range(1, 17)]
        self.assertEqual(scarce, [False] * 14 + [True, True])

    def test_billed_is_acknowledged(self) -> None:
        """Sealed alone is not enough."""
        slot = self.journal.take(7, 0, 0)
        self.count(slot, up=1)
        self.assertFalse(self.journal.billed(slot))
        self.journal.seal(NOON)
        self.assertFalse(self.journal.billed(slot))
        self.journal.acknowledge(1)
        self.assertTrue(self.journal.billed(slot))

    def test_as_shipped(self) -> None:
        """16,384 slots are a file of some 2.5 MB, all of it reserved."""
        journal = Journal(self.folder / "big")
        size = os.stat(next((self.folder / "big").iterdir()))
        self.assertLess(size.st_size, 2_600_000)
        self.assertGreaterEqual(size.st_blocks * 512, size.st_size)
        self.assertEqual(journal.slots, 16_384)


class Files(JournalCase):
    def test_a_living_owner_keeps_it(self) -> None:
        """Its lock is held; released, it is an orphan, and then the finder's."""
        self.assertEqual(orphans(self.folder), [])
        self.journal.release()
        found = orphans(self.folder)
        self.assertEqual([orphan.id for orphan in found], [self.journal.id])
        self.assertEqual(orphans(self.folder), [])

    def test_identities_differ(self) -> None:
        """Each new journal has its own."""
        self.assertNotEqual(Journal(self.folder, slots=4).id, self.journal.id)

    def test_nobody_else_reads_it(self) -> None:
        """Mode 0600."""
        self.assertEqual([path.stat().st_mode & 0o777 for path in self.folder.iterdir()], [0o600])

    def test_no_folder_no_orphans(self) -> None:
        """Nor an error."""
        self.assertEqual(orphans(self.folder / "none"), [])

    def test_a_full_disk_is_an_error_at_the_start(self) -> None:
        """And leaves nothing behind."""

        def full(fd: int, offset: int, size: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(os, "posix_fallocate", full)
        self.assertRaises(OSError, Journal, self.folder)
        self.assertEqual(len(list(self.folder.iterdir())), 1)

    def test_unfinished_files_go(self) -> None:
        """A process that died while it made its journal had counted nothing."""
        (self.folder / "a.journal").write_bytes(b"")
        (self.folder / "b.journal").write_bytes(bytes(8192))
        self.assertEqual(orphans(self.folder), [])
        self.assertEqual(len(list(self.folder.iterdir())), 1)

    def test_damaged_files_are_set_aside(self) -> None:
        """Never replayed, never removed, and said."""
        for name, data in (("short", b"\1" * 100), ("version", b"meshdj99" + bytes(8192)), ("size", self.cut())):
            (self.folder / f"{name}.journal").write_bytes(data)
        self.assertEqual(orphans(self.folder), [])
        self.assertEqual(len(list(self.folder.glob("*.damaged"))), 3)
        self.flushLoggedErrors()

    def cut(self) -> bytes:
        whole = next(self.folder.glob("*.journal")).read_bytes()
        return whole[: journals.HEADER * 8 + 64]
