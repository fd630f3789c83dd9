"""Counts that survive the death of the process: sums in a mapped file, billed in numbered batches, each exactly once.

Batch n is sealed[n] less sealed[n - 1] (see `layout.py`); the running one, n + 1, is counts less sealed[n].  So a seal
is one copy, nothing is ever cleared, and no count is part of two batches.  What the death of the process finds:

* during the copy of a seal: the header still says n, whose copy is the other one, and the store has n;
* after it: the store either knows the sealed batch's number, and drops it, or is given it now;
* a running batch: it is sealed by whoever finds the file, under the number that it would have had.

A slot changes hands only when its counts equal the newest billed copy and the logged ones, so that a half-written `who`
owns nothing.  The lines of the log are settled the same way: `next` and `mark` are prepared, storing `COMMIT` makes
them true at once, and what was written but not committed is found by its number in the log itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import time

from meshd.usage.batches import SealedBatch, batch_of
from meshd.usage.journalfile import JournalFile, create, locked_orphans
from meshd.usage.layout import (
    ACKED,
    CHECKED_ACKED,
    CHECKED_COPIED,
    CHECKED_SEALED,
    CHECKED_TOP,
    COMMIT,
    HEADER,
    ID_AT,
    LINES,
    LOG_DEVICE,
    LOG_INODE,
    LOG_OFFSET,
    OPENED,
    SEALED,
    SLOTS_AT,
    WIDTH,
    Layout,
    all_signed,
    checked,
    signed,
    unchecked,
    unsigned,
)

__all__ = ["HEADER", "LOG_INODE", "SLOTS", "WIDTH", "Journal", "Sums", "orphans"]

SLOTS = 16_384

Sums = tuple[int, int, int]
"""Up, down, exchanges."""


class Journal:
    """One process's counts.  Owned through a lock on its file, which ends with the process."""

    def __init__(
        self,
        directory: str | Path,
        *,
        slots: int = SLOTS,
        now: Callable[[], float] = time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._adopt(create(Path(directory), slots, random))
        self.words[OPENED + 1] = int(now())

    def _adopt(self, file: JournalFile) -> None:
        self._file = file
        self.words = file.words
        self.slots = self.words[SLOTS_AT]
        self.id = f"{self.words[ID_AT]:016x}"
        self._free: list[int] = []
        top = unchecked(self.words[CHECKED_TOP])
        self._top = self.slots if top is None else min(top, self.slots)
        """Slots from here on were never used."""
        self._changed: Sequence[int] = range(self._top)
        """Slots whose counts changed in the last batch."""
        self._copied = [0, 0]
        """How many slots, from the first on, the copies of even and of odd batches have."""
        layout = Layout(self.slots)
        self._who, self._counts, self._copies = layout.who, layout.counts, layout.copies
        self._logged, self._next, self._mark = layout.logged, layout.next, layout.mark

    @classmethod
    def of_orphan(cls, file: JournalFile) -> Journal:
        """The journal in this file of a process that is dead."""
        self = cls.__new__(cls)
        self._adopt(file)
        if self.numbered:
            self._redo_commit()
        return self

    @property
    def numbered(self) -> bool:
        """Whether the next batch's number is known; where it was damaged, number() has to be called first."""
        return self._file.salvage is None or self._file.salvage.numbered

    def number(self, last: int) -> None:
        """Number the batches, where that was damaged, by the newest of this journal's that the store has."""
        assert self._file.salvage is not None
        self._file.salvage.number(last)
        self._redo_commit()

    @property
    def directory(self) -> Path:
        return self._file.path.parent

    # Slots

    def take(self, account_id: int, parent_id: int, token_id: int) -> int | None:
        """Give this account and token a slot whose counts are all billed; None when all slots are taken."""
        if self._free:
            slot = self._free.pop()
        elif self._top < self.slots:
            slot = self._top
            self._top += 1
        else:
            return None
        at = self._who + slot * WIDTH
        parent = signed(slot, parent_id, account_id, token_id)
        self.words[at], self.words[at + 1], self.words[at + 2] = account_id, parent, token_id
        if slot == self._top - 1:
            self.words[CHECKED_TOP] = checked(self._top)
        return slot

    def cell(self, slot: int) -> int:
        """Where in `words` the slot counts `up`; `down` and `exchanges` follow."""
        return self._counts + slot * WIDTH

    def billed(self, slot: int) -> bool:
        """Whether the store has all that the slot counted."""
        return self.words[SEALED] == self.words[ACKED] and self._at(self._counts, slot) == self._at(self._copy(), slot)

    def finished(self, slot: int) -> bool:
        """Whether the store and the log have all that the slot counted."""
        words, at, end = self.words, slot * WIDTH, slot * WIDTH + WIDTH
        counts = words[self._counts + at : self._counts + end].tolist()
        if words[self._logged + at : self._logged + end].tolist() != counts:
            return False
        copy = self._copies[words[SEALED] % 2]
        up, down, exchanges = words[copy + at : copy + end].tolist()
        return [up, down, unsigned(exchanges)] == counts and words[SEALED] == words[ACKED]

    def unlogged(self, slot: int) -> Sums:
        """What the slot counted that stands in no written line."""
        counts, logged = self._at(self._counts, slot), self._at(self._logged, slot)
        return counts[0] - logged[0], counts[1] - logged[1], counts[2] - logged[2]

    def free(self, slot: int) -> None:
        """Give a billed slot back; what it had not logged is forgotten."""
        logged, counts = self._logged + slot * WIDTH, self._counts + slot * WIDTH
        self.words[logged : logged + WIDTH] = self.words[counts : counts + WIDTH]
        self._free.append(slot)

    @property
    def scarce(self) -> bool:
        """Whether fewer than an eighth of the slots are free."""
        return self._spare() < self.slots // 8

    @property
    def roomy(self) -> bool:
        """Whether at least half of the slots are free."""
        return self._spare() * 2 >= self.slots

    def _spare(self) -> int:
        return len(self._free) + self.slots - self._top

    def _at(self, area: int, slot: int) -> Sums:
        at = area + slot * WIDTH
        return self.words[at], self.words[at + 1], unsigned(self.words[at + 2])

    def _copy(self, back: int = 0) -> int:
        """Where the counts as of the newest seal are, or (back=1) as of the seal before."""
        return self._copies[(self.words[SEALED] - back) % 2]

    # Batches

    def sealed(self) -> SealedBatch | None:
        """The batch that was sealed and not acknowledged; None where there is none."""
        number = self.words[SEALED]
        if number == self.words[ACKED]:
            return None
        return self._batch(number, self._values(self._copy(1)), self._values(self._copy()))

    def seal(self, now: int) -> SealedBatch | None:
        """End the running batch; None when nothing was counted.  Numbers arrive in order: none may be waiting."""
        number = self.words[SEALED] + 1
        if number != self.words[ACKED] + 1:
            raise RuntimeError("a sealed batch is waiting to be acknowledged")
        now = max(now, self.words[OPENED + number % 2])
        before, after = self._values(self._copy()), self._values(self._counts)
        if before == after:
            self.words[OPENED + number % 2] = now
            return None
        batch = self._batch(number, before, after)
        self._copy_counts(number % 2, batch.slots, after)
        self.words[OPENED + (number + 1) % 2] = now
        self.words[SEALED] = number
        self.words[CHECKED_SEALED] = checked(number)
        return batch

    def acknowledge(self, number: int) -> None:
        """Note that the store has the batch of this number."""
        self.words[ACKED] = number
        self.words[CHECKED_ACKED] = checked(number)

    def _copy_counts(self, parity: int, changed: Sequence[int], counts: list[int]) -> None:
        """Bring a copy up to date: it is two batches old, and lacks what changed in this batch and in the last."""
        words, to = self.words, self._copies[parity]
        slots = list({*changed, *self._changed, *range(self._copied[parity], self._top)})
        up, down, exchanges = ([counts[slot * WIDTH + k] for slot in slots] for k in range(WIDTH))
        for slot, first, second, third in zip(slots, up, down, all_signed(slots, exchanges, up, down), strict=True):
            k = to + slot * WIDTH
            words[k], words[k + 1], words[k + 2] = first, second, third
        self._changed, self._copied[parity] = changed, self._top
        words[CHECKED_COPIED + parity] = checked(self._top)

    def _values(self, area: int) -> list[int]:
        values = self.words[area : area + self._top * WIDTH].tolist()
        values[WIDTH - 1 :: WIDTH] = map(unsigned, values[WIDTH - 1 :: WIDTH])
        return values

    def _batch(self, number: int, before: list[int], after: list[int]) -> SealedBatch:
        who = self.words[self._who : self._who + len(after)].tolist()
        return batch_of(number, self.words[OPENED + number % 2], who, before, after)

    # Lines of the exchange log

    @property
    def lines(self) -> int:
        """How many lines of the log were settled; the next line has the number after."""
        return self.words[LINES]

    @property
    def log_position(self) -> tuple[int, int, int]:
        """Device, inode and offset from which lines may have been written that are not settled."""
        return self.words[LOG_DEVICE], self.words[LOG_INODE], self.words[LOG_OFFSET]

    def writing(self, device: int, inode: int, offset: int) -> None:
        """Note that lines are about to be appended there; all lines before them are settled."""
        self.words[LOG_DEVICE], self.words[LOG_INODE], self.words[LOG_OFFSET] = device, inode, offset

    def written(self, lines: int, sums: Mapping[int, Sums]) -> None:
        """Settle so many more lines of the log, with these sums by slot: all at once, or not at all."""
        words, logged, to, mark = self.words, self._logged, self._next, self._mark
        last = words[LINES] + lines
        for slot, (up, down, exchanges) in sums.items():
            at, new = logged + slot * WIDTH, to + slot * WIDTH
            words[new], words[new + 1] = words[at] + up, words[at + 1] + down
            words[new + 2] = words[at + 2] + exchanges
            words[mark + slot] = last
        words[COMMIT] = last
        self._commit(sums)

    def _redo_commit(self) -> None:
        if commit := self.words[COMMIT]:
            self._commit(slot for slot in range(self.slots) if self.words[self._mark + slot] == commit)
            self.level()

    def _commit(self, slots: Iterable[int]) -> None:
        words, logged, new = self.words, self._logged, self._next
        for at in (slot * WIDTH for slot in slots):
            words[logged + at : logged + at + WIDTH] = words[new + at : new + at + WIDTH]
        self.words[LINES] = self.words[COMMIT]
        self.words[COMMIT] = 0

    def level(self) -> None:
        """Let no line stand for more than was counted: after damage it may seem so."""
        for k in range(self._top * WIDTH):
            self.words[self._logged + k] = min(self.words[self._logged + k], self.words[self._counts + k])

    def remainders(self) -> dict[int, tuple[int, int]]:
        """Account and token of each slot that has counted something unlogged."""
        used = (slot for slot in range(self._top) if self._at(self._counts, slot) != self._at(self._logged, slot))
        return {slot: (self.words[self._who + slot * WIDTH], self.words[self._who + slot * WIDTH + 2]) for slot in used}

    # The file

    @property
    def settled(self) -> bool:
        """Whether all that the journal has counted is billed and logged."""
        counts = self._values(self._counts)
        return self.sealed() is None and counts == self._values(self._copy()) and counts == self._values(self._logged)

    def remove(self) -> bool:
        """Remove the file of a settled journal; whether it is gone for good: a damaged one is set aside."""
        return self._file.remove()

    def release(self) -> None:
        """Leave the file to the process that starts next."""
        self._file.release()


def orphans(directory: str | Path, now: Callable[[], float] = time) -> list[Journal]:
    """The journals whose processes are dead, locked by this process now."""
    return [Journal.of_orphan(file) for file in locked_orphans(Path(directory), int(now()))]
