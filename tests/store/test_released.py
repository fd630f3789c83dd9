"""Stores of all schemas that are out, brought up to date: each row as it was, and the same schema as a new one."""

from __future__ import annotations

import re
import sqlite3
from configparser import ConfigParser
from typing import Any

import psycopg2
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.migrate import shipped
from meshd.store.open import BlockingStore
from meshd.store.statements import accounts, tokens
from tests.store.formerly import APART, HASH, NEWEST, released
from tests.support.manual import ROOT
from tests.support.stores import postgres_url, sqlite_path

OURS = {"schema_migrations", "schema_versions"}
"""What migrations themselves write."""

Content = dict[str, list[dict[str, Any]]]


def surviving(before: Content, after: Content) -> tuple[Content, Content]:
    """The rows of both, with the columns that both have, of the tables that were there before."""
    pair: tuple[Content, Content] = ({}, {})
    for table in before.keys() - OURS - {"sqlite_sequence"}:
        for found, content in zip(pair, (before, after), strict=True):
            rows = content.get(table, [])
            names = {name for row in before[table] for name in row}
            if after.get(table):
                names &= after[table][0].keys()
            found[table] = sorted(({name: row[name] for name in sorted(names)} for row in rows), key=repr)
    return pair


class ReleasedTests(SynchronousTestCase):
    kind = "sqlite"

    def empty(self) -> str:
        self.path = sqlite_path(self)  # type: ignore[arg-type]
        return f"sqlite:///{self.path}"

    def load(self, text: str) -> None:
        """Into the store of `empty`."""
        database = sqlite3.connect(self.path)
        database.executescript(text)
        database.close()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(self.path)
        found = database.execute(sql).fetchall()
        database.close()
        return found

    def columns(self) -> set[tuple[Any, ...]]:
        return set(
            self.rows(
                'select m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk'
                " from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'"
            )
        )

    def indexes(self) -> set[tuple[Any, ...]]:
        return set(self.rows("select name, tbl_name, sql from sqlite_master where type = 'index'"))

    def content(self) -> Content:
        names: dict[str, list[str]] = {}
        for table, column, *_ in sorted(self.columns(), key=lambda row: row[:2]):
            names.setdefault(table, []).append(column)
        return {
            table: [
                {name: _plain(cell) for name, cell in zip(columns, row, strict=True)}
                for row in self.rows(f"select {', '.join(columns)} from {table}")
            ]
            for table, columns in names.items()
        }

    def test_each(self) -> None:
        """Whatever version somebody comes from."""
        url = self.empty()
        new = BlockingStore(url)
        new.migrate()
        new.close()
        schema = self.columns() - {("sqlite_sequence",)}, self.indexes()
        files = released(self.kind)
        self.assertEqual(list(files), list(range(1, NEWEST + 1)))
        for number, file in files.items():
            url = self.empty()
            self.load(file.read_text())
            before = self.content()
            store = BlockingStore(url)
            self.assertEqual(store.migrate(), [each.name for each in shipped()[number:]], number)
            after = self.content()
            self.assertEqual(*surviving(before, after), number)
            self.assertEqual((self.columns(), self.indexes()), schema, number)
            self.assertEqual(store.migrate(), [])
            self._works(store)
            store.close()

    def _works(self, store: BlockingStore) -> None:
        """It is a store like any other: who was in it is known, and what is added gets numbers of its own."""
        alice = store.run(accounts.by_username, "alice")
        assert alice is not None
        self.assertEqual((alice.username, alice.password_hash), ("alice", HASH))
        (token,) = store.run(tokens.of_account, alice.id)
        self.assertEqual(token.label, "laptop")

    def test_rows_are_in_each_table(self) -> None:
        """Else nothing of it would be tried."""
        self.empty()
        self.load(released(self.kind)[NEWEST].read_text())
        self.assertEqual({table for table, rows in self.content().items() if not rows}, set())
        self.assertLess(len(APART), 10)

    def test_a_file_that_was_changed(self) -> None:
        """Is told from one that is as it was: what people have is what is tried."""
        for number, file in released(self.kind).items():
            self.empty()
            self.load(file.read_text())
            found = self.rows("select number, sha256 from schema_migrations order by number")
            self.assertEqual(found, [(each.number, each.sha256) for each in shipped()[:number]])


class PostgresReleasedTests(ReleasedTests):
    kind = "postgres"

    def empty(self) -> str:
        self.url = postgres_url(self)  # type: ignore[arg-type]
        return self.url

    def load(self, text: str) -> None:
        self._asked(text)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._asked(sql)

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def columns(self) -> set[tuple[Any, ...]]:
        return set(
            self.rows(
                "select table_name, column_name, data_type, is_nullable, column_default, collation_name, is_identity"
                " from information_schema.columns where table_schema = 'public'"
            )
        )

    def indexes(self) -> set[tuple[Any, ...]]:
        return set(self.rows("select indexname, tablename, indexdef from pg_indexes where schemaname = 'public'"))


def _plain(cell: Any) -> Any:
    return bytes(cell) if isinstance(cell, memoryview) else cell


class ChangelogTests(SynchronousTestCase):
    """What an operator reads before an upgrade."""

    def test_every_migration_is_named(self) -> None:
        """In a section about migrations, with what it is for."""
        text = (ROOT / "CHANGELOG.md").read_text()
        told = "".join(re.findall(r"^### Migrations\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE))
        named = re.findall(r"^\| `(\d{4}_\w+\.sql)` \| \S", told, re.MULTILINE)
        self.assertEqual(named, [each.name for each in shipped()])

    def test_versions_and_schemas(self) -> None:
        """The manual's table ends with the last schema that is out, and the package is a later version."""
        table = (ROOT / "docs" / "upgrading.md").read_text().partition("| version | schemas |")[2]
        rows = re.findall(r"^\| (\d+)\.(\d+)\.(\d+) \| (\d+) to (\d+) \|", table, re.MULTILINE)
        self.assertEqual(int(rows[-1][4]), NEWEST)
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        released_last = tuple(int(part) for part in rows[-1][:3])
        self.assertGreater(tuple(int(part) for part in config["metadata"]["version"].split(".")), released_last)
