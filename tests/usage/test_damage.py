"""What a start does with journals that cannot be read as they stand, and with what only bears their name."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from meshd.store.interface import StoreUnavailable
from meshd.usage import journalfile, salvage
from meshd.usage.header import SALVAGED
from meshd.usage.journal import Journal, orphans
from meshd.usage.layout import (
    ACKED,
    CHECKED_ACKED,
    CHECKED_SEALED,
    CHECKED_TOP,
    COMMIT,
    HEADER,
    ID_AT,
    LINES,
    LOG_DEVICE,
    LOG_INODE,
    LOG_OFFSET,
    MAGIC_1,
    OPENED,
    SEALED,
    SLOTS_AT,
    WIDTH,
    WORD,
    Layout,
    unsigned,
)
from tests.usage.support import NOON, Desk, MemoryStore, account, now, read_log, sums_of

SLOTS = 16
COUNTED = {(1, 0): [11, 22, 0], (2, 5): [100, 2000, 1], (3, 0): [5_000_000, 7, 0]}
"""By account and token: up, down, exchanges."""


class DamageCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.journals = self.folder / "journal"
        self.store = MemoryStore(account(1), account(2, parent=1), account(3))
        self.told: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.told.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.told.append)

    def left(self, *, pending: bool = False) -> Path:
        """The journal of a process that died: a part of it billed; or sealed and billed, and the answer lost."""
        desk = Desk(self.folder, self.store, slots=SLOTS)
        now(desk.ledger.start())
        meters = [desk.meter(1), desk.meter(2, token_id=5), desk.meter(3)]
        meters[0].sent_up(5)
        meters[2].sent_up(4_000_000)
        desk.flush()
        meters[0].sent_down(22)
        meters[1].sent_up(100)
        desk.flush()
        self.store.answers_lost = pending
        meters[1].sent_down(2000)
        desk.close(meters[1])
        try:
            desk.flush()
        except StoreUnavailable:
            assert pending
        meters[0].sent_up(6)
        meters[2].sent_up(1_000_000)
        meters[2].sent_down(7)
        desk.die()
        self.told.clear()
        (path,) = self.journals.glob("*.journal")
        return path

    def start(self) -> Desk:
        desk = Desk(self.folder, self.store, slots=SLOTS)
        desk.wall = NOON + 2.0
        now(desk.ledger.start())
        return desk

    def check(self, desk: Desk, *, kept: int = 1, critical: int = 1) -> None:
        """All is billed, so much was kept, and that was said so often."""
        self.assertEqual({key: sums for key, sums in self.store.own.items() if any(sums)}, COUNTED)
        self.assertEqual(self.critical(), critical)
        self.assertEqual([event for event in self.told if "log_failure" in event], [])
        self.assertEqual(len(list(self.journals.glob("*.damaged"))), kept)
        self.assertEqual(len(list(self.journals.glob("*.journal"))), 1)
        self.told.clear()
        desk.die()

    def critical(self) -> int:
        return sum(event["log_level"] == LogLevel.critical for event in self.told)

    def rewrite(self, path: Path, words: dict[int, int]) -> None:
        data = bytearray(path.read_bytes())
        for at, word in words.items():
            data[at * WORD : (at + 1) * WORD] = word.to_bytes(WORD, "little")
        path.write_bytes(data)


class HeaderTests(DamageCase):
    """What is damaged takes nothing with it that it does not hold."""

    def test_one_byte_short(self) -> None:
        """The last byte is no count."""
        path = self.left()
        path.write_bytes(path.read_bytes()[:-1])
        self.check(self.start())

    def test_longer_than_it_should_be(self) -> None:
        """Something was written behind it."""
        path = self.left()
        path.write_bytes(path.read_bytes() + bytes(5))
        self.check(self.start())

    def test_no_magic_word_and_counts_inside(self) -> None:
        """It is no file that was never counted in."""
        self.rewrite(self.left(), {0: 0})
        self.check(self.start())

    def test_single_words_out_of_range(self) -> None:
        """Each word of the header, far too large: no start fails, nothing is lost or twice."""
        for word in (SLOTS_AT, ID_AT, SEALED, ACKED, CHECKED_SEALED, CHECKED_ACKED, CHECKED_TOP):
            for value in (2**64 - 1, 2**40, 0):
                for pending in (False, True):
                    self.rewrite(self.left(pending=pending), {word: value})
                    desk = self.start()
                    self.assertLessEqual(self.critical(), 1, word)
                    self.check(desk, kept=len(list(self.journals.glob("*.damaged"))), critical=self.critical())
                    self.renewed()

    def test_times_and_log_positions_out_of_range(self) -> None:
        """They cost nothing: what they say is taken for the present, or looked for nowhere."""
        for word in (OPENED, OPENED + 1, LINES, COMMIT, LOG_DEVICE, LOG_INODE, LOG_OFFSET):
            for value in (2**64 - 1, 2**40, 1):
                self.rewrite(self.left(), {word: value})
                self.check(self.start(), kept=0, critical=0)
                self.assertLessEqual(max(self.store.ats), NOON + 2)
                self.renewed()

    def test_a_lost_first_page(self) -> None:
        """The size of the file, its name and the store say what it said."""
        for pending in (False, True):
            for fill in (b"\0", b"\xff", b"\x5a"):
                path = self.left(pending=pending)
                path.write_bytes(fill * HEADER * WORD + path.read_bytes()[HEADER * WORD :])
                self.check(self.start())
                for kept in self.journals.glob("*.damaged"):
                    kept.rename(path)
                self.check(self.start())
                self.assertGreater(max(self.store.batches.values()), SALVAGED)
                self.renewed()

    def test_of_the_version_before(self) -> None:
        """Without checks: read as it stands, and gone afterwards."""
        path = self.left()
        data = memoryview(path.read_bytes()).cast("Q").tolist()
        data[0], data[256:HEADER] = MAGIC_1, [0] * (HEADER - 256)
        for slot in range(SLOTS):
            for at in (HEADER + slot * WIDTH + 1, *(copy + slot * WIDTH + 2 for copy in Layout(SLOTS).copies)):
                data[at] = unsigned(data[at])
        path.write_bytes(b"".join(word.to_bytes(WORD, "little") for word in data))
        self.check(self.start(), kept=0, critical=0)

    def test_of_a_version_to_come(self) -> None:
        """Nothing of it is guessed."""
        path = self.left()
        path.write_bytes(b"meshdj77" + bytes(HEADER * WORD - 8) + path.read_bytes()[HEADER * WORD :])
        before = {key: list(sums) for key, sums in self.store.own.items()}
        self.start().die()
        self.assertEqual((self.store.own, self.critical()), (before, 1))

    def renewed(self) -> None:
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.store = MemoryStore(*self.store.accounts.values())


class CountTests(DamageCase):
    """Counts that cannot be true are not billed; the others of the same journal are."""

    def flipped(self, area: Callable[[Layout], int], slot: int, k: int, change: Callable[[int], int]) -> None:
        path = self.left()
        at = area(Layout(SLOTS)) + slot * WIDTH + k
        self.rewrite(path, {at: change(memoryview(path.read_bytes()).cast("Q")[at])})
        self.start().die()

    def billed(self, **but: int) -> None:
        """Everything, but for the third account's."""
        wanted = {**COUNTED, (3, 0): [but["up"], but.get("down", 7), 0]}
        self.assertEqual({key: sums for key, sums in self.store.own.items() if any(sums)}, wanted)
        self.assertEqual((self.critical(), len(list(self.journals.glob("*.damaged")))), (1, 1))

    def test_one_that_grew_too_much(self) -> None:
        """By more than is moved in that time: a flipped bit."""
        self.flipped(lambda layout: layout.counts, 2, 0, lambda count: count ^ 1 << 45)
        self.billed(up=4_000_000)

    def test_one_beyond_the_store(self) -> None:
        """A number that no database takes does not keep the others from being billed."""
        self.flipped(lambda layout: layout.counts, 2, 0, lambda count: 2**63 + 5)
        self.billed(up=4_000_000)

    def test_one_that_fell(self) -> None:
        """Below what was sealed."""
        self.flipped(lambda layout: layout.counts, 2, 0, lambda count: 1)
        self.billed(up=4_000_000)

    def test_a_copy_that_fell(self) -> None:
        """Below the one before: what was billed would count again."""
        self.flipped(lambda layout: layout.copies[1], 2, 0, lambda count: 0)
        self.billed(up=4_000_000, down=0)

    def test_an_account_that_is_another(self) -> None:
        """A flipped bit in an id bills nobody else."""
        for k in range(WIDTH):
            self.flipped(lambda layout: layout.who, 2, k, lambda word: word ^ 2)
            self.assertEqual(self.store.own[1, 0], COUNTED[1, 0])
            self.assertEqual(self.store.own[3, 0][0], 4_000_000)
            self.assertEqual((set(self.store.own), self.critical()), (set(COUNTED), 1))
            shutil.rmtree(self.folder)
            self.folder.mkdir()
            self.store = MemoryStore(*self.store.accounts.values())

    def test_its_log_says_no_more_than_was_billed(self) -> None:
        """Lines stand for what could be read."""
        self.flipped(lambda layout: layout.counts, 2, 0, lambda count: 2**60)
        sums = sums_of(read_log((self.folder / "log").read_bytes()))
        self.assertEqual((sums[1, 0], sums[2, 5]), (COUNTED[1, 0], COUNTED[2, 5]))
        self.assertLessEqual(sums[3, 0][0], 4_000_000)

    def test_a_damaged_line_of_the_log(self) -> None:
        """It is passed over, whatever it says of slots and sums."""
        path = self.left()
        name = path.stem
        for line in (
            f'{{"line":"{name}-9-9999","up":1,"down":1}}',
            f'{{"line":"{name}-9-1","up":-5,"down":1}}',
            f'{{"line":"{name}-9-1"}}',
            f'{{"line":"{name}-9-1","up":"x","down":null}}',
            f'["line","{name}-", {{"line":"{name}-x"}}]',
        ):
            with (self.folder / "log").open("a") as log:
                log.write(line + "\n")
        self.check(self.start(), kept=0, critical=0)

    def test_what_is_moved_in_a_long_outage_is_no_damage(self) -> None:
        """The store was away for hours: as much as can be moved in that time is billed."""
        desk = Desk(self.folder, self.store, slots=SLOTS)
        now(desk.ledger.start())
        meter = desk.meter(3)
        meter.sent_down(1)
        self.store.away = True
        self.assertRaises(StoreUnavailable, desk.flush)
        desk.wall += 7200
        meter.sent_down(5 * 10**12)
        desk.die()
        self.store.away = False
        after = Desk(self.folder, self.store, slots=SLOTS)
        after.wall = desk.wall
        now(after.ledger.start())
        self.assertEqual((self.store.own[3, 0][1], self.critical()), (5 * 10**12 + 1, 0))
        after.die()


class NameTests(DamageCase):
    """What lies in the folder under a journal's name."""

    def odd(self, name: str = "0123456789abcdef.journal") -> Path:
        self.left()
        return self.journals / name

    def test_a_folder(self) -> None:
        """It is set aside, with what is in it."""
        path = self.odd()
        path.mkdir()
        (path / "file").write_bytes(b"x")
        self.check(self.start())
        self.assertTrue((path.with_suffix(".journal.damaged") / "file").exists())

    def test_a_link(self) -> None:
        """What it leads to is left alone."""
        victim = self.folder / "victim"
        victim.write_bytes(b"precious" * 1000)
        self.odd().symlink_to(victim)
        self.check(self.start())
        self.assertEqual(victim.read_bytes(), b"precious" * 1000)

    def test_a_pipe(self) -> None:
        """Nobody waits for its other end."""
        os.mkfifo(self.odd())
        self.check(self.start())

    def test_a_huge_file(self) -> None:
        """It is not read into memory."""
        path = self.odd()
        path.touch()
        os.truncate(path, journalfile.LARGEST + 1)
        self.check(self.start())

    def test_another_users(self) -> None:
        """Whoever could write it could bill whom he likes."""
        if os.geteuid():
            raise SkipTest("only root can give files away")
        path = self.left()
        os.chown(path, 65534, 65534)
        before = {key: list(sums) for key, sums in self.store.own.items()}
        self.start().die()
        self.assertEqual((self.store.own, self.critical()), (before, 1))

    def test_one_that_may_not_be_opened(self) -> None:
        """As when a daemon was once run by another user."""
        path, opened = self.left(), os.open

        def refuse(name: Any, *args: Any, **kwargs: Any) -> int:
            if name == path:
                raise PermissionError(errno.EACCES, "Permission denied")
            return opened(name, *args, **kwargs)

        self.patch(os, "open", refuse)
        self.start().die()
        self.assertEqual((self.critical(), len(list(self.journals.glob("*.damaged")))), (1, 1))

    def test_one_that_the_disk_has_lost(self) -> None:
        """An error of the disk is no end of the process."""
        self.left()

        def lost(fd: int, size: int, offset: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        self.patch(os, "pread", lost)
        self.start().die()
        self.assertEqual((self.critical(), len(list(self.journals.glob("*.damaged")))), (1, 1))

    def test_a_copy_of_a_living_one(self) -> None:
        """It bills nothing: its numbers are the living one's."""
        desk = Desk(self.folder, self.store, slots=SLOTS)
        now(desk.ledger.start())
        meter = desk.meter(1)
        meter.sent_up(7)
        shutil.copy(desk.journal._file.path, self.journals / "copy.journal")
        desk.clock.advance(61)
        meter.sent_up(8)
        desk.flush()
        self.assertEqual((self.store.own[1, 0][0], self.critical()), (15, 1))
        desk.die()

    def test_what_was_set_aside_before_is_kept_too(self) -> None:
        """Names are taken, never given twice."""
        path = self.left()
        for name in ("", ".2"):
            path.with_name(f"{path.name}{name}.damaged").write_bytes(b"old")
        path.write_bytes(path.read_bytes()[:-1])
        self.check(self.start(), kept=3)

    def test_set_aside_and_found_again(self) -> None:
        """Whoever gives it its name back bills nothing twice, on a later start or an earlier one's store."""
        path = self.left(pending=True)
        path.write_bytes(path.read_bytes()[:-1])
        for _ in range(3):
            self.check(self.start())
            next(self.journals.glob("*.damaged")).rename(path)

    def test_it_cannot_be_set_aside(self) -> None:
        """A disk too full for a name: it stays, is billed once, and the start goes on."""
        path = self.left()
        path.write_bytes(path.read_bytes()[:-1])
        rename = Path.rename

        def full(path: Path, target: Path) -> Path:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(Path, "rename", full)
        for _ in range(2):
            desk = self.start()
            self.assertEqual({key: sums for key, sums in self.store.own.items() if any(sums)}, COUNTED)
            desk.die()
            desk.journal._file.path.unlink()
        self.patch(Path, "rename", rename)
        self.told.clear()
        self.check(self.start())

    def test_two_that_start_at_once(self) -> None:
        """One has it, the other leaves it alone."""
        path = self.left()
        path.write_bytes(path.read_bytes()[:-1])
        (mine,) = orphans(self.journals, lambda: NOON)
        other = self.start()
        self.assertEqual(self.critical(), 0)
        other.die()
        other.journal._file.path.unlink()
        mine.release()
        self.check(self.start())


class RoundTests(DamageCase):
    """The look of once a minute."""

    def test_damage_found_while_the_process_lives(self) -> None:
        """It is billed and set aside like any other, and the rounds go on."""
        path = self.left()
        cut = path.read_bytes()[:-1]
        path.unlink()
        desk = self.start()
        path.write_bytes(cut)
        meter = desk.meter(3)
        desk.clock.advance(61)
        self.assertEqual((self.critical(), self.store.own[2, 5]), (1, COUNTED[2, 5]))
        meter.sent_up(1)
        desk.clock.advance(1)
        self.assertEqual(self.store.own[3, 0][0], 5_000_001)
        desk.die()

    def test_a_folder_that_cannot_be_looked_at(self) -> None:
        """It is said, and what is counted here is billed."""
        desk = self.start()
        opened = os.open

        def refuse(name: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_DIRECTORY:
                raise PermissionError(errno.EACCES, "Permission denied")
            return opened(name, flags, *args, **kwargs)

        self.patch(os, "open", refuse)
        desk.clock.advance(61)
        desk.meter(3).sent_up(1)
        desk.clock.advance(1)
        self.assertEqual(self.store.own[3, 0][0], 1)
        self.assertEqual(
            [event["log_level"] for event in self.told if "cannot" in event["log_format"]], [LogLevel.error]
        )
        desk.die()

    def test_a_fault_of_ours_concerns_one_journal(self) -> None:
        """The others are billed, the process starts, and the one waits."""
        first = self.left()
        first.rename(first.with_suffix(".kept"))
        store, self.store = self.store, MemoryStore(*self.store.accounts.values())
        self.left()
        first.with_suffix(".kept").rename(first)
        del store
        gc.collect(1)
        seal, broken = Journal.seal, first.stem

        def fail(journal: Journal, at: int) -> Any:
            if journal.id == broken:
                raise ZeroDivisionError
            return seal(journal, at)

        self.patch(Journal, "seal", fail)
        desk = self.start()
        self.assertEqual({key: sums for key, sums in self.store.own.items() if any(sums)}, COUNTED)
        self.assertTrue(first.exists())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        desk.die()


class JudgeTests(SynchronousTestCase):
    """The bounds, as a table."""

    def test_what_a_count_may_be(self) -> None:
        """Now, at the newest seal, at the one before: and what of it is billed, as far as it can be told."""
        running, sealed = 1000 * salvage.BYTES_A_SECOND, 10 * salvage.BYTES_A_SECOND
        for count, newest, older, pending, wanted in (
            (50, 50, None, False, (50, 50, 0)),
            (50 + running, 50, None, False, (50 + running, 50, 0)),
            (51 + running, 50, None, False, None),
            (49, 50, 40, False, None),
            (60, None, 40, False, None),
            (60, 50, 40, True, (60, 50, 40)),
            (60, 50, 51, True, (60, 50, 50)),
            (60, 50, None, True, (60, 50, 50)),
            (60, None, 40, True, None),
            (70 + sealed, 60 + sealed, 60, True, (70 + sealed, 60 + sealed, 60)),
            (70 + sealed, 60 + sealed, 59, True, (70 + sealed, 60 + sealed, 60 + sealed)),
            (1, 50, 40, True, (50, 50, 40)),
            (salvage.MISSING, 50, 40, True, (50, 50, 40)),
            (salvage.MISSING, 50, 40, False, None),
        ):
            mended = salvage.Judge(pending, 10, 1000).mended(0, count, newest, older)
            row = (count, newest, older, pending)
            self.assertEqual(mended[1:4], wanted or (0, 0, 0), row)
            self.assertEqual(mended.whole, (count, newest, older or 0) == wanted, row)
