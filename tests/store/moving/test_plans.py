"""How SQLite finds the rows that have changed: by an index, however many rows the table has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.moving import open as ends
from meshd.store.moving.end import End, Row
from meshd.store.open import BlockingStore
from tests.support import stores


class PlansTests(SynchronousTestCase):
    def setUp(self) -> None:
        url = f"sqlite:///{stores.sqlite_path(self)}"
        store = BlockingStore(url)
        store.migrate()
        store.close()
        opened = ends.opened(url)
        self.end: End = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.tables = [table for table in self.end.tables.values() if table.key]
        self.uniques = {table.name: list(self.end.uniques(table)) for table in self.tables}
        self.executed = self.end.execute
        self.plans: list[str] = []
        self.patch(self.end, "execute", self.explained)

    def explained(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        self.plans += [str(row[3]) for row in self.executed(f"explain query plan {sql}", params)]
        return []

    def test_no_table_is_scanned(self) -> None:
        """Rows of each table by the values of its key, and of each of its unique columns, two and many at a time."""
        self.assertGreater(len(self.tables), 30)
        for table in self.tables:
            for count in (2, 150):
                self.plans.clear()
                values = [(n,) * len(table.key) for n in range(count)]
                self.end.at(table, table.key, values)
                self.end.remove(table, [(n,) * len(table.names) for n in range(count)])
                for unique in self.uniques[table.name]:
                    self.end.at(table, unique.columns, [(n,) * len(unique.columns) for n in range(count)], unique.where)
                self.assertGreater(len(self.plans), 1)
                for plan in self.plans:
                    self.assertFalse(plan.startswith(f"SCAN {table.name}"), (table.name, plan))
