"""The exchange log: a file of lines, buffered, many to a write.

The journal knows what was counted and stands in no written line, so a line may be lost here (a full disk, a crash)
without its bytes being lost from the log's sum: a `recovered` line brings them later.  Nothing here raises where bytes
are relayed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import itemgetter
from time import time
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.logs.linelog import LineLog
from meshd.usage import loglines as lines
from meshd.usage.journal import Journal, Sums
from meshd.values.exchanges import Exchange

MANY = 256
"""The most lines in one write: about 64 KiB."""
KEPT = 8192
"""The most lines kept while the file cannot be written."""
SEARCHED = 8 * 1024 * 1024
"""Bytes beyond the noted position in which a dead process's last write is looked for: it had at most MANY lines."""

_log = Logger()


class Waiting(NamedTuple):
    """A line that waits to be written: of an exchange, or of a remainder (`exchange` is None)."""

    exchange: Exchange | None
    slot: int
    """The journal's slot; -1 where nothing was counted."""
    sums: Sums
    account_id: int = 0
    token_id: int = 0


_COUNTED = itemgetter(*map(Waiting._fields.index, ("slot", "sums")))


class ExchangeLog(LineLog[Waiting]):
    """Appends to `path`; with "" there is no file, and every line counts as written."""

    def __init__(self, path: str, clock: IReactorTime, *, now: Callable[[], float] = time) -> None:
        super().__init__("exchange log", path, clock, _log, many=MANY, kept=KEPT)
        self.now = now
        self._journal: Journal | None = None

    def bind(self, journal: Journal) -> None:
        """Set the journal that this process counts in; no line is written before."""
        self._journal = journal

    # Lines

    def add(self, exchange: Exchange, slot: int, up: int, down: int, /) -> None:
        """Add the line of one exchange; slot -1 for one that was not counted."""
        self._put(Waiting(exchange, slot, (up, down, 1)))

    def add_remainder(self, slot: int, account_id: int, token_id: int, sums: Sums) -> None:
        """Add one line for what was counted in a slot and stands in no line."""
        self._put(Waiting(None, slot, sums, account_id, token_id))

    def forget(self, slot: int) -> None:
        """Drop the waiting lines of a slot that is about to be another account's."""
        kept = [record for record in self._waiting if record.slot != slot]
        self.dropped += len(self._waiting) - len(kept)
        self._waiting = kept

    # Writing

    def _write(self, records: list[Waiting]) -> int:
        return self._settled(self._journal, records) if self._journal is not None else 0

    def _settled(self, journal: Journal, records: list[Waiting]) -> int:
        """Write the records and settle them in the journal; how many of them were written."""
        written = self._file.append(self._data(journal, records), journal.writing)
        journal.written(written, self._sums(records[:written]))
        return written

    def _sums(self, records: list[Waiting], /) -> dict[int, Sums]:
        """What these records add to the journal's sums, by slot."""
        return _sums(map(_COUNTED, records))

    def _data(self, journal: Journal, records: list[Waiting], /) -> bytes:
        """The records' lines."""
        now = self.now()
        numbered = enumerate(records, journal.lines + 1)
        return "".join([text(record, journal.id, number, now) for number, record in numbered]).encode("ascii")

    # What a dead process left

    def settle(self, orphan: Journal) -> int:
        """Write a line for each remainder of a dead process's journal; how many.  The others stay remainders."""
        self._settle_written(orphan)
        records = [
            Waiting(None, slot, orphan.unlogged(slot), account_id, token_id)
            for slot, (account_id, token_id) in orphan.remainders().items()
        ]
        done = 0
        while done < len(records):
            written = self._settled(orphan, records[done : done + MANY])
            if not written:
                break
            done += written
        return done

    def _settle_written(self, orphan: Journal) -> None:
        """Settle in the journal the lines that its process wrote and did not settle before it died."""
        found = [line for line in lines.find(self._tail(orphan), orphan.id, orphan.lines) if line.slot < orphan.slots]
        if found:
            sums = _sums((line.slot, (line.up, line.down, line.exchanges)) for line in found)
            orphan.written(max(line.number for line in found) - orphan.lines, sums)
            orphan.level()

    def _tail(self, orphan: Journal) -> bytes:
        device, inode, offset = orphan.log_position
        path = self._file.path and _path_of(self._file.path, device, inode)
        if not path:
            return b""
        with suppress(OSError), open(path, "rb") as file:
            file.seek(offset if offset <= os.fstat(file.fileno()).st_size else 0)
            return file.read(SEARCHED)
        return b""


def _path_of(path: str, device: int, inode: int) -> str:
    """The path of the log file by device and inode, since rotation may have renamed it; "" where it is gone."""
    with suppress(OSError), os.scandir(os.path.dirname(path) or ".") as entries:
        for entry in entries:
            if entry.inode() == inode and entry.stat().st_dev == device:
                return entry.path
    return ""


def text(record: Waiting, journal_id: str, number: int, now: float) -> str:
    """The line of one record, of this number in that journal; now: seconds since the epoch."""
    name = lines.name_of(journal_id, number, record.slot)
    if record.exchange is None:
        return lines.of_remainder(now, name, record.account_id, record.token_id, record.sums)
    return lines.of_exchange(record.exchange, name, record.sums[0], record.sums[1])


def _sums(counted: Iterable[tuple[int, Sums]]) -> dict[int, Sums]:
    """The sums of what was counted, by slot."""
    sums: dict[int, Sums] = {}
    for slot, (up, down, exchanges) in counted:
        if slot >= 0:
            before = sums.get(slot, (0, 0, 0))
            sums[slot] = before[0] + up, before[1] + down, before[2] + exchanges
    return sums
