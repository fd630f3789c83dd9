"""What can be read of a journal that a dead process left, whatever has become of the file since.

Each count is judged by itself.  It is read where its slot's ids and what was sealed of it are vouched for, where it did
not fall since, and where it did not grow by more than can be moved in that time.  A flipped bit that this lets pass
costs less than that.  What cannot be read counts nothing; the file keeps it.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import NamedTuple

from meshd.usage.header import LONG_AGO, MISSING, SALVAGED, Facts, settle_header
from meshd.usage.layout import (
    ACKED,
    CHECKED_COPIED,
    CHECKED_TOP,
    ID_AT,
    MAGIC,
    MAGIC_1,
    MOST,
    OPENED,
    SEALED,
    SLOTS_AT,
    WIDTH,
    WORD,
    is_signed,
    signed,
    unchecked,
    unsigned,
)

BYTES_A_SECOND = 10 * 10**9
"""More than one process moves in one direction for one account and token."""
EXCHANGES_A_SECOND = 10**6
GRACE = 5
"""Seconds that a batch may have lasted beyond what the clock says, which is set back now and then."""
LONG = 86_400
"""Seconds that a batch is taken to have lasted where its times cannot be read."""


class Salvage:
    """The words of one journal in memory, whole in form: what could not be read is 0 there."""

    def __init__(self, words: array[int], known: Facts, now: int) -> None:
        """words: as far as the file has them.  Where `known` lacks the numbers, number() has to be called next."""
        self.words = words[: known.layout.words]
        self.words.extend([MISSING] * (known.layout.words - len(self.words)))
        self.facts = known
        self.unread = 0
        """Counts that cannot be read."""
        self._now = now
        self._found = self._sums()
        self._once = False
        self._old = self._is_old()
        self._top = unchecked(self.words[CHECKED_TOP])
        self._copied = [unchecked(word) for word in self.words[CHECKED_COPIED : CHECKED_COPIED + 2]]
        self.words[SLOTS_AT], self.words[ID_AT] = known.layout.slots, known.id
        if known.numbers is not None:
            self._mend(*known.numbers)

    @property
    def sound(self) -> bool:
        """Whether the file can be used as it stands, since there was nothing to mend."""
        return self.facts.whole and not self.unread and self._sums() == self._found

    @property
    def numbered(self) -> bool:
        """Whether it is known which batch comes next."""
        if self.facts.numbers is None:
            return False
        return not self._once or self.words[SEALED] != self.words[ACKED]

    def number(self, last: int) -> None:
        """Number the batches by `last`, the newest that the store has: one of the two copies is of that batch.

        The other copy is older, or of the next batch: that is billed by its own number, and then the store is asked
        again.  All the rest is one batch beyond all numbers, by which the store knows for ever that this journal has
        nothing more.
        """
        done = last >= SALVAGED
        base, other = self._copies(last - done)
        n = self.facts.layout.slots
        pairs = list(zip(self._plain(base, n), self._plain(other, n), strict=True))
        self._once = not done and any(new > old for old, new in pairs) and all(new >= old for old, new in pairs)
        numbers = (last + 1, last) if self._once else (SALVAGED + (last - done) % 2,) * 2
        self.facts = replace(self.facts, numbers=numbers)
        self._mend(*numbers)
        if done:
            counts, n = self.facts.layout.counts, n * WIDTH
            self.words[base : base + n] = self.words[counts : counts + n]

    def _copies(self, number: int) -> tuple[int, int]:
        """Where the counts of that batch are, and those of the batch before."""
        copies = self.facts.layout.copies
        return copies[number % 2], copies[(number + 1) % 2]

    def _mend(self, sealed: int, acked: int) -> None:
        words, known = self.words, self.facts
        opened = (words[OPENED + sealed % 2], words[OPENED + (sealed + 1) % 2])
        judge = Judge(
            pending=sealed != acked,
            sealed_seconds=_seconds(*opened, self._now),
            running_seconds=_seconds(opened[1], self._now, self._now),
        )
        if sealed == 0 or (sealed, acked) == (1, 0):
            self._clear_first_copy()
        for slot in range(known.layout.slots):
            if self._is_free(slot):
                self._drop(slot)
            else:
                self._mend_slot(slot, sealed, judge)
        words[0] = MAGIC
        settle_header(words, known, self._now)

    def _clear_first_copy(self) -> None:
        """Clear the even copy, of batch 0: before the first batch there was nothing."""
        at, n = self.facts.layout.copies[0], self.facts.layout.slots * WIDTH
        self.words[at : at + n] = array("Q", bytes(n * WORD))
        self._copied[0] = 0

    def _mend_slot(self, slot: int, sealed: int, judge: Judge) -> None:
        layout = self.facts.layout
        counts, logged = (self._plain(area + slot * WIDTH) for area in (layout.counts, layout.logged))
        newest, older = self._copy(slot, sealed), self._copy(slot, sealed - 1)
        others = (newest, logged, older) if judge.pending else (newest, logged)
        if MISSING not in counts and all(other == counts for other in others) and any(self._ids(slot)):
            return  # all that the slot counted is billed and logged
        if not self._is_known(slot):
            self.unread += WIDTH
            self._drop(slot)
            return
        for k in range(WIDTH):
            mended = judge.mended(k, counts[k], newest[k] if newest else None, older[k] if older else None)
            self.unread += not mended.whole
            self._put(slot, k, sealed, mended, logged[k])

    def _put(self, slot: int, k: int, sealed: int, mended: Mended, logged: int) -> None:
        layout, at = self.facts.layout, slot * WIDTH + k
        newest, older = self._copies(sealed)
        self.words[layout.counts + at] = mended.counted
        self.words[layout.logged + at] = min(max(logged, mended.unbilled), mended.counted)
        if not mended.whole:
            self.words[newest + at], self.words[older + at] = mended.newest, mended.older

    def _plain(self, at: int, slots: int = 1) -> list[int]:
        """The counts of so many slots, from the word `at` on, as numbers without checks."""
        values = self.words[at : at + slots * WIDTH].tolist()
        values[WIDTH - 1 :: WIDTH] = map(unsigned, values[WIDTH - 1 :: WIDTH])
        return values

    def _copy(self, slot: int, number: int) -> list[int] | None:
        """The slot's counts as of that batch; None where they are not what was stored."""
        at = self._copies(number)[0] + slot * WIDTH
        up, down, exchanges = self.words[at : at + WIDTH]
        if is_signed(exchanges):
            whole = exchanges == signed(slot, unsigned(exchanges), up, down)
        elif self._old:
            whole = True
        else:
            copied = self._copied[number % 2]
            whole = not (up or down or exchanges) and (copied is None or slot >= copied)
        return [up, down, unsigned(exchanges)] if whole else None

    def _sums(self) -> array[int]:
        """The words of the counts, of their copies and of what is logged."""
        return self.words[self.facts.layout.counts : self.facts.layout.next]

    def _ids(self, slot: int) -> array[int]:
        at = self.facts.layout.who + slot * WIDTH
        return self.words[at : at + WIDTH]

    def _is_free(self, slot: int) -> bool:
        """Whether nobody has ever had the slot, as far as can be told."""
        if self._top is not None:
            return slot >= self._top
        counts = self.facts.layout.counts + slot * WIDTH
        return not any(self._ids(slot)) and set(self.words[counts : counts + WIDTH]) <= {0, MISSING}

    def _is_known(self, slot: int) -> bool:
        """Whether the slot's ids are those that were stored."""
        account_id, parent, token_id = self._ids(slot)
        if not 0 < account_id <= MOST or token_id > MOST:
            return False
        if not is_signed(parent):
            return self._old
        return parent == signed(slot, unsigned(parent), account_id, token_id)

    def _is_old(self) -> bool:
        """Whether the journal is of the version whose words had no checks."""
        at, n = self.facts.layout.who, self.facts.layout.slots * WIDTH
        return self.words[0] == MAGIC_1 or (
            self.words[0] != MAGIC and not any(map(is_signed, self.words[at + 1 : at + n : WIDTH]))
        )

    def _drop(self, slot: int) -> None:
        layout = self.facts.layout
        for area in (layout.who, layout.counts, *layout.copies, layout.logged, layout.next):
            at = area + slot * WIDTH
            self.words[at : at + WIDTH] = array("Q", (0,) * WIDTH)


class Mended(NamedTuple):
    """A count as it is billed."""

    whole: bool
    counted: int
    newest: int
    older: int
    """The count at the seal before the newest one; `newest` is the count at that one."""
    unbilled: int = 0
    """The part of the count, from the beginning, that no line of the log may stand for any more."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Bounds of what a count of a journal may be."""

    pending: bool
    """Whether the sealed batch waits to be acknowledged."""
    sealed_seconds: int
    """How long the sealed batch may have lasted."""
    running_seconds: int
    """How long the process may have counted after the newest seal."""

    def mended(self, k: int, count: int, newest: int | None, older: int | None) -> Mended:
        """Judge the k-th of a slot's counts; `newest` and `older`, its copies, are None where they cannot be read."""
        rate = EXCHANGES_A_SECOND if k == WIDTH - 1 else BYTES_A_SECOND
        running = newest is not None and newest <= count <= newest + rate * self.running_seconds
        sealed = not self.pending or (
            newest is not None and older is not None and older <= newest <= older + rate * self.sealed_seconds
        )
        if running and sealed:
            return Mended(True, count, newest or 0, older or 0)
        if running:
            return Mended(False, count, newest or 0, newest or 0, newest or 0)
        if sealed and self.pending:
            return Mended(False, newest or 0, newest or 0, older or 0, newest or 0)
        return Mended(False, 0, 0, 0)


def _seconds(begin: int, end: int, now: int) -> int:
    """How many seconds may have passed from begin to end (epoch seconds); LONG where that cannot be told."""
    if begin < LONG_AGO or end < LONG_AGO:
        return LONG
    return min(max(0, min(end, now) - begin), 100 * 365 * LONG) + GRACE
