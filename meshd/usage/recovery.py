"""What dead processes left behind, brought to the store and to the log.

A dead process's journal is finished the way it would have done it: seal, apply, acknowledge.  A batch that the store
knows is dropped by the store.  So a death in the middle of this is one more of the same kind.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twisted.logger import Logger

from meshd.store.interface import Store, StoreError
from meshd.store.statements import usage as statements
from meshd.usage.exchanges import ExchangeLog
from meshd.usage.journal import Journal, SealedBatch, orphans

_log = Logger()


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found at a start."""

    journals: int = 0
    """Finished, and removed where the log could take their lines."""
    waiting: int = 0
    """Left for later, since the store is away."""
    up: int = 0
    down: int = 0
    """Bytes that the store had not known."""
    lines: int = 0
    """Remainders that got a line in the exchange log."""


async def recover(store: Store, directory: Path, log: ExchangeLog) -> RecoveryReport:
    """Finish every orphan."""
    report = RecoveryReport()
    for orphan in orphans(directory):
        try:
            report = await _finish(store, orphan, log, report)
        except StoreError as error:
            orphan.release()
            report = RecoveryReport(report.journals, report.waiting + 1, report.up, report.down, report.lines)
            _log.warn("journal {journal} of a dead process waits: {error}", journal=orphan.id, error=str(error))
    return report


async def _finish(store: Store, orphan: Journal, log: ExchangeLog, report: RecoveryReport) -> RecoveryReport:
    up = down = 0
    while (batch := orphan.sealed() or orphan.seal(0)) is not None:
        if await bill(store, orphan, batch) is not None:
            up += sum(entry.up for entry in batch.entries)
            down += sum(entry.down for entry in batch.entries)
    lines = log.settle(orphan)
    await finish(store, orphan)
    _log.info("journal {journal} of a dead process: {up} up, {down} down billed", journal=orphan.id, up=up, down=down)
    return RecoveryReport(report.journals + 1, report.waiting, report.up + up, report.down + down, report.lines + lines)


async def bill(store: Store, journal: Journal, batch: SealedBatch) -> statements.Applied | None:
    """Apply one batch and acknowledge it; None when the store knew it."""
    applied = await store.run(statements.apply, journal.id, batch.number, batch.at, batch.entries)
    journal.acknowledge(batch.number)
    return applied


async def finish(store: Store, journal: Journal) -> None:
    """Be done with a journal: its file, and what the store knows of it; or leave it to be replayed."""
    if not journal.settled:
        journal.release()
        return
    journal.remove()
    # After the file: a batch whose number the store has forgotten must not be found again.
    with suppress(StoreError):
        await store.run(statements.forget_journal, journal.id)
