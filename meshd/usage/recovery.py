"""What dead processes left behind, brought to the store and to the log.

A dead process's journal is finished the way it would have done it: seal, apply, acknowledge.  A batch that the store
knows is dropped by the store.  So a death in the middle of this is one more of the same kind.

Of a damaged one all that can be read is brought home in the same way, from memory: the file stays as it was found, so
that it yields the same batches whenever it is found again.  Nothing that is wrong with one keeps others, or the
process, from going on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from twisted.logger import Logger

from meshd.store.interface import Store, StoreError
from meshd.store.statements import usage as statements
from meshd.usage.exchangelog import ExchangeLog
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
    for orphan in _found(directory, log):
        try:
            report = await _finish(store, orphan, log, report)
        except StoreError as error:
            orphan.release()
            report = replace(report, waiting=report.waiting + 1)
            _log.warn("journal {journal} of a dead process waits: {error}", journal=orphan.id, error=str(error))
        # A fault of ours must not keep everybody else's bytes from being billed.
        except Exception:
            orphan.release()
            _log.failure("journal {journal} of a dead process cannot be billed", journal=orphan.id)
    return report


def _found(directory: Path, log: ExchangeLog) -> list[Journal]:
    try:
        return orphans(directory, log.now)
    except OSError as error:
        _log.error("journals in {folder} cannot be looked at: {error}", folder=str(directory), error=str(error))
        return []


async def _finish(store: Store, orphan: Journal, log: ExchangeLog, report: RecoveryReport) -> RecoveryReport:
    up = down = 0
    while (batch := await _next(store, orphan)) is not None:
        if await bill(store, orphan, batch) is not None:
            up += sum(entry.up for entry in batch.entries)
            down += sum(entry.down for entry in batch.entries)
    lines = log.settle(orphan)
    await finish(store, orphan)
    _log.info("journal {journal} of a dead process: {up} up, {down} down billed", journal=orphan.id, up=up, down=down)
    return RecoveryReport(report.journals + 1, report.waiting, report.up + up, report.down + down, report.lines + lines)


async def _next(store: Store, orphan: Journal) -> SealedBatch | None:
    if not orphan.numbered:
        orphan.number(await store.run(statements.last_batch, orphan.id))
    return orphan.sealed() or orphan.seal(0)


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
    if journal.remove():
        # After the file: a batch whose number the store has forgotten must not be found again.
        with suppress(StoreError):
            await store.run(statements.forget_journal, journal.id)
