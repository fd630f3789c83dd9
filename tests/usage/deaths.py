"""A world that is photographed at every store into mapped memory, and can be entered again from each photograph."""

from __future__ import annotations

import copy
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshd.usage import journal as journals
from meshd.usage.journal import Journal
from tests.usage.support import KEY, Desk, MemoryStore, Sums


@dataclass(frozen=True)
class Photo:
    """All that outlives the process, and what had been counted."""

    journals: dict[str, bytes]
    log: bytes
    inode: int
    totals: Any
    counted: dict[KEY, Sums]


class Watched:
    """Journal words that tell before and after each of them is stored."""

    def __init__(self, journal: Journal, world: World) -> None:
        self._words = journal.words
        self._journal = journal
        self._world = world

    def __getitem__(self, at: Any) -> Any:
        return self._words[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        if isinstance(at, slice):
            # A copy may be cut short anywhere.
            for k, each in zip(range(at.start, at.stop), value, strict=True):
                self[k] = each
            return
        self._world.step()
        self._count(at, value - self._words[at])
        self._words[at] = value
        self._world.step()

    def _count(self, at: int, more: int) -> None:
        slot, k = divmod(at - self._journal.cell(0), journals.WIDTH)
        if 0 <= slot < self._journal.slots:
            who = self._words[journals.HEADER + slot * journals.WIDTH : journals.HEADER + (slot + 1) * journals.WIDTH]
            self._world.counted[who[0], who[2]][k] += more


class World:
    """A desk in a folder of its own."""

    def __init__(self, folder: Path, store: MemoryStore, **options: Any) -> None:
        self.folder = folder
        self.store = store
        self.counted: dict[KEY, Sums] = defaultdict(lambda: [0, 0, 0])
        self.step: Callable[[], None] = lambda: None
        self.desk: Desk
        self._options = options

    def enter(self) -> Desk:
        """A process starts."""
        self.desk = Desk(self.folder, self.store, **self._options)
        self.watch(self.desk.journal)
        return self.desk

    def watch(self, journal: Journal) -> None:
        journal.words = Watched(journal, self)  # type: ignore[assignment]

    def photograph(self) -> Photo:
        log = self.folder / "log"
        return Photo(
            {path.name: path.read_bytes() for path in (self.folder / "journal").glob("*.journal")},
            log.read_bytes() if log.exists() else b"",
            log.stat().st_ino if log.exists() else 0,
            copy.deepcopy((self.store.batches, dict(self.store.totals), dict(self.store.own))),
            {key: list(sums) for key, sums in self.counted.items() if any(sums)},
        )


def revive(photo: Photo, folder: Path, accounts: Any, **options: Any) -> World:
    """The same in another folder, its process dead."""
    store = MemoryStore(*accounts)
    batches, totals, own = copy.deepcopy(photo.totals)
    store.batches = batches
    store.totals.update(totals)
    store.own.update(own)
    world = World(folder, store, **options)
    world.counted.update({key: list(sums) for key, sums in photo.counted.items()})
    (folder / "journal").mkdir(parents=True)
    log = folder / "log"
    log.write_bytes(photo.log)
    for name, data in photo.journals.items():
        (folder / "journal" / name).write_bytes(_moved(data, photo.inode, os.stat(log).st_ino))
    return world


def _moved(data: bytes, old: int, new: int) -> bytes:
    """The log of this world is another file."""
    at = journals.LOG_INODE * 8
    inode = int.from_bytes(data[at : at + 8], "little")
    return data[:at] + new.to_bytes(8, "little") + data[at + 8 :] if inode and inode == old else data
