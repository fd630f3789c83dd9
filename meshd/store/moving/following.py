"""Bringing what has changed in the source since it was copied: the rows whose keys the source has written down.

The source's triggers write a key down in the transaction that changes its row.  Whoever reads the row after the key
reads the change, or a later one whose key is then written down too: so the target becomes equal once nothing is left,
whatever the order in which keys are taken, and however often.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from meshd.store.moving import keys, sums
from meshd.store.moving.copying import Copying
from meshd.store.moving.end import End
from meshd.store.moving.shape import Table
from meshd.store.unit import Row

CHANGES = 2_000
"""Changes that are taken at once."""


class Following:
    """Follows the source of one move, of which every table was copied."""

    def __init__(self, copying: Copying, target: End) -> None:
        self._copying = copying
        self._source = copying.source
        self._target = target

    def take(self, *, frozen: bool = False) -> int:
        """Bring up to CHANGES changes; how many.  frozen: whether the source is locked by the caller."""
        with ExitStack() as stack:
            if not frozen:
                stack.enter_context(self._source.snapshot())  # rows of one moment do not contradict each other
            found = self._source.changes(CHANGES)
            rows = {table: self._read(table, changed) for table, changed in self._by_table(found).items()}
        with self._target.transaction():
            for table, (changed, current) in rows.items():
                self._put(table, changed, current)
        self._source.forget([n for n, _, _ in found])
        return len(found)

    def _by_table(self, found: Sequence[tuple[int, str, str]]) -> dict[Table, list[Row]]:
        """The keys that have changed, each once."""
        changed: dict[Table, dict[str, None]] = {}
        for _, name, key in found:
            changed.setdefault(self._source.tables[name], {})[key] = None
        return {table: list(map(keys.read, texts)) for table, texts in changed.items()}

    def _read(self, table: Table, changed: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
        """The keys, and the rows that they have now; all rows of a table without a key."""
        current = self._source.at(table, table.key, changed) if table.key else self._source.page(table, (), 0)
        return changed, self._copying.fitting(table, current)

    def _put(self, table: Table, changed: Sequence[Row], current: Sequence[Row]) -> None:
        """Put rows in the place of those that the target has for the keys; its transaction is open."""
        target, record = self._target, self._copying.record
        held = record.read(table)
        if not table.key:
            target.wipe(table)
            target.insert(table, current)
            record.keep(table, held._replace(sum=sums.of(current)))
            return
        before = target.at(table, table.key, changed)
        target.remove(table, before)
        before += target.put(table, current)
        record.keep(table, held._replace(sum=held.sum.minus(sums.of(before)).plus(sums.of(current))))

    def catch_up(self, *, frozen: bool = False) -> None:
        """Bring all changes, as far as they do not come faster than they are brought."""
        while self.take(frozen=frozen) == CHANGES:
            pass
