"""Judges the store: whether it answers, what is broken in it, how slow it is, how much room it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshd.doctor.findings import Finding

SLOW = 0.1
"""Seconds of one small question: a limit's lease and every unknown client wait for a few of them."""
ROOM = 200_000_000
"""Bytes free below which logs, the journal and the store soon fail together."""
MB = 1_000_000
LOG = 256 * MB
"""Of a write-ahead log that nobody could empty for long: a reader that never ends."""


class Disk(NamedTuple):
    """A folder that meshd writes to."""

    path: str
    free: int
    """Bytes that this user may take."""
    files: int = 1
    """Files that may still be made; 0 for none."""


class Condition(NamedTuple):
    url: str
    """The store, without its password."""
    missing: bool = False
    """Whether there is none yet."""
    failed: str = ""
    """Why it cannot be used."""
    behind: str = ""
    """What its schema lacks."""
    broken: Sequence[str] = ()
    """What a check of its integrity has found."""
    unchecked: str = ""
    """Why its integrity was not checked; "" where it was."""
    seconds: float = 0.0
    """Of one small question: the median of a few."""
    size: int = 0
    """Bytes."""
    log: int = 0
    """Bytes of SQLite's write-ahead log."""
    read_only: bool = False


def judge(store: Condition, disks: Sequence[Disk]) -> Iterator[Finding]:
    yield from _reached(store)
    if store.broken:
        found = "; ".join(store.broken[:3])
        yield Finding("store", f"{store.url} is damaged: {found}", "stop the daemon, keep the store, restore a backup")
    if store.unchecked:
        yield Finding("store", store.unchecked, "check it when there is time for that", wrong=False)
    if store.read_only:
        yield Finding("store", f"{store.url} takes no writes", "connect to the primary, or let the user write")
    if store.seconds > SLOW:
        took = f"{store.seconds * 1000:.0f} ms"
        yield Finding("store", f"{store.url} takes {took} for a small question", "bring it nearer, or find its load")
    if store.log > LOG:
        what = f"the write-ahead log of {store.url} has grown to {store.log // MB} MB"
        yield Finding("store", what, "find the program that reads the file and does not end (fuser)", wrong=False)
    for disk in disks:
        yield from _room(disk, store)


def _reached(store: Condition) -> Iterator[Finding]:
    if store.missing:
        yield Finding(
            "store", f"there is no store at {store.url} yet", "start the daemon, or `meshd migrate`", wrong=False
        )
    elif store.failed:
        yield Finding("store", store.failed, "see that it runs and that store.url leads to it")
    elif store.behind:
        yield Finding("store", store.behind, "restart the daemon, or `meshd migrate`")


def _room(disk: Disk, store: Condition) -> Iterator[Finding]:
    if disk.free < ROOM:
        what = f"{disk.path} has {disk.free // MB} MB left"
        yield Finding("store", what, "make room: rotate logs, move old backups away")
    elif store.log and disk.free < store.size:
        what = f"{disk.path} has {disk.free // MB} MB left, less than the store takes ({store.size // MB} MB)"
        yield Finding("store", what, "make room before a backup or an upgrade", wrong=False)
    if not disk.files:
        yield Finding("store", f"no file can be made any more where {disk.path} is", "remove files: inodes are used up")
