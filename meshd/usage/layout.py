"""Where the words of a journal are, and how those that money hangs on vouch for themselves.

The file is 64-bit words: a page of header, then six areas with three words a slot (one with one).

    who        account, parent, token           written before the slot's first count; the parent's word has a check
    counts     up, down, exchanges              only ever grow; counting is `words[i] += n`
    sealed 0   the counts when an even batch was sealed
    sealed 1   the counts when an odd batch was sealed
    logged     the part of the counts that stands in written lines of the exchange log
    next       what `logged` is about to become
    mark       the number of the line up to which `next` was computed

A number of the header stands twice: plain, and checked, with 24 bits of CRC above its 40.  A plain word is stored
before its checked one, so where a death came in between, the checked one says how it was before, which is as true.  The
ids of a slot, and each copy of its counts, are checked by such bits in one of their three words: the parent's, and that
of the exchanges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from struct import Struct
from zlib import crc32

MAGIC = int.from_bytes(b"meshdj02", "little")
"""The first word; its last digits are the version of the layout."""
MAGIC_1 = int.from_bytes(b"meshdj01", "little")
"""The version before: without checked words."""
WORD = 8
HEADER = 512
"""Words of the header: one page of 4 kB."""
WIDTH = 3
WORDS_A_SLOT = 19

SLOTS_AT, ID_AT, SEALED, ACKED = 1, 2, 3, 4
OPENED, COMMIT, LINES, LOG_DEVICE, LOG_INODE, LOG_OFFSET = 5, 7, 8, 9, 10, 11
"""OPENED has two words, epoch seconds: when counting into the even and into the odd batch began."""
CHECKED_SEALED, CHECKED_ACKED, CHECKED_SLOTS, ID_AGAIN, CHECKED_TOP, CHECKED_COPIED = 256, 257, 258, 259, 260, 261
"""ID_AGAIN: the complement of the id, so that a block filled with one pattern tells no id.

CHECKED_TOP: how many slots, from the first on, were ever taken.  CHECKED_COPIED has two words: how many of them the
copies of even and of odd batches have.
"""

_BITS = 40
MOST: int = 2**_BITS - 1
"""The highest id, and the highest number that is checked."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The first word of each area of a journal with so many slots."""

    slots: int

    @property
    def who(self) -> int:
        return HEADER

    @property
    def counts(self) -> int:
        return HEADER + self.slots * WIDTH

    @property
    def copies(self) -> tuple[int, int]:
        """The sealed counts: of the even batches, and of the odd ones."""
        return HEADER + 2 * self.slots * WIDTH, HEADER + 3 * self.slots * WIDTH

    @property
    def logged(self) -> int:
        return HEADER + 4 * self.slots * WIDTH

    @property
    def next(self) -> int:
        return HEADER + 5 * self.slots * WIDTH

    @property
    def mark(self) -> int:
        return HEADER + 6 * self.slots * WIDTH

    @property
    def words(self) -> int:
        """How many words the journal has."""
        return HEADER + self.slots * WORDS_A_SLOT


def checked(number: int) -> int:
    """The number as a word that vouches for itself, by its upper bits."""
    return number | (crc32(_pack(MAGIC, number)) >> 8 or 1) << _BITS


def unchecked(word: int) -> int | None:
    """The number in a word of checked(); None where the word is damaged, or was never stored."""
    number = word & MOST
    return number if word == checked(number) else None


def signed(slot: int, number: int, first: int, second: int) -> int:
    """A word of a slot as it is stored: the number, and a check of it and of the slot's other words."""
    return number | (crc32(_pack_slot(MAGIC, slot, number, first, second)) >> 8 or 1) << _BITS


def all_signed(slots: Sequence[int], numbers: Sequence[int], first: Sequence[int], second: Sequence[int]) -> list[int]:
    """The words of signed() for many slots."""
    checks = map(crc32, map(_pack_slot, repeat(MAGIC), slots, numbers, first, second))
    return [number | (check >> 8 or 1) << _BITS for number, check in zip(numbers, checks, strict=True)]


def unsigned(word: int) -> int:
    """The number in a word of signed(), without the check."""
    return word & MOST


def is_signed(word: int) -> bool:
    """Whether a slot's word has a check at all; in a journal of MAGIC_1 none has."""
    return word > MOST


# What is checked: a CRC of these numbers, of which 24 bits are kept, never all 0.
_pack = Struct("<2Q").pack
_pack_slot = Struct("<5Q").pack
