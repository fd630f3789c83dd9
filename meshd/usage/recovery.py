"""The journals of dead processes, brought to the store and to the log.

A dead process's journal is finished as the process would have done: seal, apply, acknowledge.  The store ignores a
batch that it has already.  So recovery may itself die at any point, and be begun again.

Of a damaged journal all that can be read is billed in the same way, from memory: the file stays as it was found, so
that the file yields the same batches whenever it is found again.  No fault of one journal stops others or the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from twisted.logger import Logger

from meshd.store.interface import Store, StoreError
from meshd.store.statements import usage as statements
from meshd.usage.batches import SealedBatch
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.journal import Journal, orphans

_log = Logger()


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What a recovery has found and done."""

    journals: int = 0
    """Journals that were finished, and removed where the log could take their lines."""
    waiting: int = 0
    """Journals that are left for later, since the store is away."""
    up: int = 0
    down: int = 0
    """Bytes (up, down) that were billed: the store did not have them before."""
    lines: int = 0
    """Remainders that got a line in the exchange log."""


async def recover(
    store: Store, directory: Path, log: ExchangeLog, included: Callable[[], Mapping[str, int]] = dict
) -> RecoveryReport:
    """Finish the journal of every dead process in the directory.  included: what plans include, as bill() takes it."""
    report = RecoveryReport()
    for orphan in _found(directory, log):
        try:
            report = await _finish(store, orphan, log, report, included)
        except StoreError as error:
            orphan.release()
            report = replace(report, waiting=report.waiting + 1)
            _log.warn("journal {journal} of a dead process waits: {error}", journal=orphan.id, error=str(error))
        # A bug that one journal meets must not keep the others from being billed.
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


async def _finish(
    store: Store,
    orphan: Journal,
    log: ExchangeLog,
    report: RecoveryReport,
    included: Callable[[], Mapping[str, int]],
) -> RecoveryReport:
    up = down = 0
    while (batch := await _next(store, orphan)) is not None:
        if await bill(store, orphan, batch, included()) is not None:
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


async def bill(
    store: Store, journal: Journal, batch: SealedBatch, included: Mapping[str, int]
) -> statements.Applied | None:
    """Apply one batch and acknowledge it; None where the store had the batch already.

    included: by plan, the monthly limit of accounts that have none of their own.
    Raises: StoreError.
    """
    applied = await store.run(statements.apply, journal.id, batch.number, batch.at, batch.entries, included)
    journal.acknowledge(batch.number)
    return applied


async def finish(store: Store, journal: Journal) -> None:
    """Remove a settled journal's file, then its row in the store; release another one, to be replayed later."""
    if not journal.settled:
        journal.release()
        return
    if journal.remove():
        # After the file: while a file exists, the store must know its batches, or they would be billed twice.
        with suppress(StoreError):
            await store.run(statements.forget_journal, journal.id)
