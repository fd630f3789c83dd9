"""A journal of a dead process, what is true of it, and everything that can become of a file."""

from __future__ import annotations

import copy
import random
import shutil
from array import array
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meshd.store.interface import StoreUnavailable
from meshd.usage.layout import HEADER, WIDTH, WORD, Layout
from meshd.usage.meter import Meter
from tests.usage.support import KEY, Desk, MemoryStore, Sums, account, now

ACCOUNTS = [account(1), account(2, parent=1), account(3), account(4), account(5, parent=1)]
SLOTS = 32
DOWN = 3.0
"""Seconds from the death to the start that finds it."""


@dataclass(frozen=True)
class Left:
    """What a dead process left behind, and what it had counted."""

    folder: Path
    store: MemoryStore
    counted: dict[KEY, Sums]
    wall: float

    @property
    def path(self) -> Path:
        (path,) = (self.folder / "journal").glob("*.journal")
        return path

    def again(self, folder: Path) -> Left:
        """The same in another folder."""
        shutil.copytree(self.folder, folder)
        return Left(folder, copy.deepcopy(self.store), self.counted, self.wall)

    def start(self) -> Desk:
        """The process that finds it."""
        desk = Desk(self.folder, self.store, slots=SLOTS)
        desk.wall = self.wall + DOWN
        now(desk.ledger.start())
        return desk


class Life:
    """A process that counts by chance until it dies."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.store = MemoryStore(*ACCOUNTS)
        self.desk = Desk(folder, self.store, slots=SLOTS)
        self.draw = random.Random(seed)
        self.counted: dict[KEY, Sums] = defaultdict(lambda: [0, 0, 0])
        self.open: list[Meter] = []

    def lead(self) -> Left:
        now(self.desk.ledger.start())
        for _ in range(self.draw.randrange(4, 40)):
            self.draw.choice([self.begin, self.count, self.count, self.count, self.end, self.flush, self.fail])()
        self.store.away, self.store.answers_lost = False, 0
        self.desk.die()
        return Left(self.desk.folder, self.store, dict(self.counted), self.desk.wall)

    def begin(self) -> None:
        meter = self.desk.open(self.draw.randrange(1, 6), token_id=self.draw.choice([0, 0, 7, 8]))
        if isinstance(meter, Meter):
            self.open.append(meter)

    def count(self) -> None:
        if self.open:
            meter = self.draw.choice(self.open)
            up, down = (int(self.draw.expovariate(1 / 50_000)) for _ in range(2))
            meter.sent_up(up)
            meter.sent_down(down)
            self.note(meter, up, down, 0)

    def end(self) -> None:
        if self.open:
            meter = self.open.pop(self.draw.randrange(len(self.open)))
            self.note(meter, 0, 0, 1)
            self.desk.close(meter)

    def note(self, meter: Meter, *sums: int) -> None:
        cell = self.counted[meter.admission.account.id, meter.admission.token_id]
        for k, n in enumerate(sums):
            cell[k] += n

    def flush(self) -> None:
        self.desk.wall += 1
        try:
            self.desk.flush()
        except StoreUnavailable:
            self.store.away = False

    def fail(self) -> None:
        """The store is away at the next flush, or its answer is lost."""
        if self.draw.random() < 0.5:
            self.store.away = True
        else:
            self.store.answers_lost = 1
        self.flush()


Damage = Callable[[random.Random, bytearray], None]


def cut(draw: random.Random, data: bytearray) -> None:
    del data[draw.randrange(1, len(data)) :]


def one_byte_short(draw: random.Random, data: bytearray) -> None:
    del data[-1:]


def longer(draw: random.Random, data: bytearray) -> None:
    data += draw.randbytes(draw.randrange(1, 5000))


def words(draw: random.Random, data: bytearray, most: int = 4) -> None:
    for _ in range(draw.randrange(1, most)):
        _store(data, draw.randrange(len(data) // WORD), _odd(draw))


def header_word(draw: random.Random, data: bytearray) -> None:
    _store(data, draw.choice([*range(12), *range(256, 263)]), _odd(draw))


def no_magic(draw: random.Random, data: bytearray) -> None:
    _store(data, 0, 0)


def bit(draw: random.Random, data: bytearray) -> None:
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def block(draw: random.Random, data: bytearray) -> None:
    size = draw.choice([64, 512, 4096])
    at = draw.randrange(len(data)) // size * size
    fill = draw.choice([bytes(size), b"\xff" * size, draw.randbytes(size)])
    data[at : at + size] = fill[: len(data[at : at + size])]


KINDS: list[Damage] = [cut, one_byte_short, longer, words, header_word, no_magic, bit, block]


def _odd(draw: random.Random) -> int:
    return draw.choice([0, 1, 2, 2**40, 2**63, 2**64 - 1, draw.randrange(2**64), draw.randrange(2**20)])


def _store(data: bytearray, at: int, word: int) -> None:
    data[at * WORD : (at + 1) * WORD] = word.to_bytes(WORD, "little")


class Compared:
    """A journal before and after its damage, word by word."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self.words = array("Q", before)
        whole = after[: len(after) // WORD * WORD]
        now_ = array("Q", whole[: len(before)])
        self.changed = {at for at, word in enumerate(self.words) if at >= len(now_) or now_[at] != word}
        self.layout = Layout(SLOTS)

    def readable(self, key: KEY, k: int) -> bool:
        """Whether no word that this count of the account and token hangs on has changed."""
        return not self.changed & {at for slot in self.slots(key) for at in self.words_of(slot, k)}

    def slots(self, key: KEY) -> list[int]:
        found = []
        for slot in range(SLOTS):
            at = HEADER + slot * WIDTH
            if (self.words[at], self.words[at + 2]) == key:
                found.append(slot)
        return found

    def words_of(self, slot: int, k: int) -> set[int]:
        of_all = (self.layout.who, *self.layout.copies)
        return {area + slot * WIDTH + n for area in of_all for n in range(WIDTH)} | {
            self.layout.counts + slot * WIDTH + k
        }
