"""What the first page of a journal says, read so that its damage, even its loss, takes nothing else with it."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from meshd.usage.layout import (
    ACKED,
    CHECKED_ACKED,
    CHECKED_SEALED,
    CHECKED_SLOTS,
    COMMIT,
    HEADER,
    ID_AGAIN,
    ID_AT,
    LINES,
    LOG_OFFSET,
    MAGIC,
    MAGIC_1,
    MOST,
    OPENED,
    SEALED,
    SLOTS_AT,
    WORD,
    WORDS_A_SLOT,
    Layout,
    checked,
    unchecked,
)

MOST_SLOTS = 2**17
MISSING = 2**64 - 1
"""Stands for a word beyond the end of the file: as a count it grew too much, as an id it is none."""
SALVAGED = 2**39
"""The first number, an even one, for the batches of journals whose own numbers cannot be read."""
LONG_AGO = 1_577_836_800
"""The begin of 2020 in epoch seconds: no batch was opened before."""
PENDING = 2**20
"""Lines of the log that may be settled at once."""

_NAME = re.compile(r"([0-9a-f]{16})\.journal")
_OTHER_VERSION = re.compile(rb"meshdj\d\d")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a journal's header and the file itself say."""

    layout: Layout
    id: int
    numbers: tuple[int, int] | None
    """The newest sealed batch's number, and the newest acknowledged one's; None where they cannot be told."""
    whole: bool
    """Whether nothing in header and file contradicts anything else there."""


def facts(words: Sequence[int], size: int, name: str) -> Facts | None:
    """What is said of a journal; None for no journal, or one of another version.  size: of the file, in bytes."""
    if len(words) < HEADER:
        return None
    slots, id_ = _slots(words, size), _id(words, name)
    if slots is None or id_ is None:
        return None
    layout, numbers = Layout(slots), _numbers(words)
    whole = (
        words[0] in (MAGIC, MAGIC_1)
        and size == layout.words * WORD
        and (words[SLOTS_AT], words[ID_AT]) == (slots, id_)
        and numbers is not None
        and words[SEALED] - numbers[0] in (0, 1)
        and words[ACKED] - numbers[1] in (0, 1)
    )
    return Facts(layout, id_, numbers, whole)


def is_unused(words: Sequence[int]) -> bool:
    """Whether nothing was ever counted in the journal: its process died while making it."""
    return not any((*words[:1], *words[SEALED : LOG_OFFSET + 1], *words[HEADER:]))


def _slots(words: Sequence[int], size: int) -> int | None:
    told = unchecked(words[CHECKED_SLOTS])
    if told is not None and 0 < told <= MOST_SLOTS:
        return told
    if _OTHER_VERSION.fullmatch(words[0].to_bytes(WORD, "little")) and words[0] not in (MAGIC, MAGIC_1):
        return None
    fitting, rest = divmod(size - HEADER * WORD, WORDS_A_SLOT * WORD)
    if not rest and 0 < fitting <= MOST_SLOTS:
        return fitting
    if words[0] in (MAGIC, MAGIC_1) and 0 < words[SLOTS_AT] <= MOST_SLOTS:
        return words[SLOTS_AT]
    return None


def _id(words: Sequence[int], name: str) -> int | None:
    """The id that its complement confirms; else the file's name, which no damaged page takes with it."""
    match = _NAME.fullmatch(name)
    named = int(match[1], 16) if match else None
    if words[ID_AT] == MISSING - words[ID_AGAIN]:
        return words[ID_AT]
    return named if named is not None else words[ID_AT] or None


def _numbers(words: Sequence[int]) -> tuple[int, int] | None:
    told = unchecked(words[CHECKED_SEALED]), unchecked(words[CHECKED_ACKED])
    if told == (None, None) and words[0] not in (MAGIC, MAGIC_1):
        return None  # the page is damaged, and nothing on it vouches for anything
    sealed = words[SEALED] if told[0] is None else told[0]
    acked = words[ACKED] if told[1] is None else told[1]
    return (sealed, acked) if sealed - acked in (0, 1) and sealed < SALVAGED else None


def settle_header(words: array[int] | memoryview[int], known: Facts, now: int) -> None:
    """Write what is known to the header, and put right what a wrong clock or a damaged word would do to later sums."""
    assert known.numbers is not None
    sealed, acked = known.numbers
    words[SEALED], words[ACKED] = sealed, acked
    words[CHECKED_SEALED], words[CHECKED_ACKED] = checked(sealed), checked(acked)
    for at in (OPENED, OPENED + 1):
        if not LONG_AGO <= words[at] <= now:
            words[at] = now
    if words[LINES] > MOST:
        words[LINES] = MOST >> 1  # numbers beyond all that were ever given
    if words[COMMIT] and not 0 < words[COMMIT] - words[LINES] <= PENDING:
        words[COMMIT] = 0
