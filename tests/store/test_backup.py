"""Backups: whole, of one moment, nobody else's to read; and what a restore refuses before it touches anything."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from meshd.accounts import hostaudit
from meshd.model import UsageEntry
from meshd.store import backup
from meshd.store.interface import SchemaError, StoreError
from meshd.store.open import BlockingStore
from meshd.store.postgres.blocking import BlockingPostgres
from meshd.store.statements import accounts, published, usage
from meshd.store.unit import Statement, Unit
from tests.support import postgres, stores

NOW = 1_732_276_800


def create(name: str) -> Unit[int]:
    facts: dict[str, Any] = {"role": "customer", "plan": "20", "password_hash": "hash", "billing_day": 1, "now": NOW}
    return (yield from accounts.create(name, parent_id=None, **facts)).id


def everything() -> Unit[list[Any]]:
    """What tells one store from another."""
    found = []
    tables = ("accounts", "usage", "usage_hours", "journals", "published", "hosts_audit", "schema_migrations")
    for table in tables:
        found.append(sorted((yield Statement(f"select * from {table} order by 1", {}))))
    return found


class _Contract:
    """What holds for either kind of store."""

    def setUp(self) -> None:
        self.folder = Path(stores.folder(self))
        self.file = self.folder / "backup"
        self.store = self.opened(self.fresh())
        self.store.migrate()
        self.anna = self.store.run(create, "anna")
        self.store.run(usage.apply, "j1", 7, NOW, [UsageEntry(self.anna, 0, 0, 10, 20, 1)])
        facts: dict[str, Any] = {
            "secret": b"\0sealed",
            "enabled": True,
            "owner_id": self.anna,
            "token_id": 0,
            "now": NOW,
        }
        self.store.run(published.create, "certificates", "{}", **facts)
        self.store.run(hostaudit.record, at=NOW, action="create")

    def opened(self, url: str) -> BlockingStore:
        self.url = url
        store = BlockingStore(url)
        self.addCleanup(store.close)
        return store

    def refused(self, kind: type[Exception], *words: str, url: str = "", file: Path | None = None) -> None:
        """By a restore, which changes nothing."""
        before = sorted(os.listdir(self.folder))
        with self.assertRaises(kind) as caught:
            backup.restore(url or self.url, file or self.file, stamp="now")
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_round(self) -> None:
        """What was there at the backup is there again, nothing that came since, and no id that was given since."""
        before = self.store.run(everything)
        self.assertEqual(backup.back_up(self.url, self.file), self.file.stat().st_size)
        later = self.store.run(create, "later")
        self.store.run(usage.apply, "j1", 8, NOW, [UsageEntry(self.anna, 0, 0, 1, 0, 1)])
        self.store.close()
        backup.restore(self.target(), self.file, stamp="now")
        restored = self.opened(self.target())
        self.assertEqual(restored.run(everything), before)
        self.assertGreater(restored.run(create, "newest"), later + 1000)
        self.assertIsNotNone(restored.run(usage.apply, "j1", 8, NOW, [UsageEntry(self.anna, 0, 0, 1, 0, 1)]))

    def test_nobody_else_reads_it(self) -> None:
        """Whatever the umask."""
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        backup.back_up(self.url, self.file)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_nothing_is_written_over(self) -> None:
        """Not a file, not a link, and nothing half-written is left."""
        for make in (lambda: self.file.write_text("mine"), lambda: self.file.symlink_to("nowhere")):
            make()
            with self.assertRaises(StoreError) as caught:
                backup.back_up(self.url, self.file)
            self.assertIn("is there already", str(caught.exception))
            self.file.unlink()
        with self.assertRaises(StoreError):
            backup.back_up(self.url, self.folder / "none" / "backup")

    def test_a_name_that_is_taken_meanwhile(self) -> None:
        """It stays the other's."""
        link = os.link

        def late(draft: Path, name: Path) -> None:
            name.write_text("somebody's")
            link(draft, name)

        self.patch(os, "link", late)
        self.assertRaises(StoreError, backup.back_up, self.url, self.file)
        self.assertEqual(self.file.read_text(), "somebody's")
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")], [])

    def test_a_file_system_without_links(self) -> None:
        """The name is taken all the same."""

        def none(*args: Any) -> None:
            raise PermissionError(1, "Operation not permitted")

        self.patch(os, "link", none)
        backup.back_up(self.url, self.file)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")], [])
        self.assertGreater(self.file.stat().st_size, 1000)

    def test_what_is_no_backup(self) -> None:
        """Refused by name."""
        self.refused(StoreError, "No such file", url=self.target())
        for content in (b"", b"hello" * 100, b"SQLite format 3\0" + b"x" * 5000, b"PGDMP" + b"x" * 5000):
            self.file.write_bytes(content)
            self.refused(StoreError, url=self.target())

    def test_one_that_was_cut_off(self) -> None:
        """At any place it is told before anything is changed."""
        backup.back_up(self.url, self.file)
        whole = self.file.read_bytes()
        for part in (0.3, 0.6, 0.95):
            self.file.write_bytes(whole[: int(len(whole) * part)])
            self.refused(StoreError, url=self.target())

    def test_one_of_a_newer_meshd(self) -> None:
        """It says so."""
        self.store.run(_add_migration)
        self.store.close()
        self.copy_by_hand()
        self.refused(SchemaError, "newer", url=self.target())
        self.assertRaises(SchemaError, backup.back_up, self.url, self.folder / "another")

    def test_one_of_another_program(self) -> None:
        """Though its tables are called as ours."""
        self.store.run(_spoil_migrations)
        self.store.close()
        self.copy_by_hand()
        self.refused(StoreError, "meshd's", url=self.target())
        self.assertRaises(StoreError, backup.back_up, self.url, self.folder / "another")


def _add_migration() -> Unit[None]:
    yield Statement("insert into schema_migrations values (9999, '9999_later.sql', 'x', 0)", {})


def _spoil_migrations() -> Unit[None]:
    yield Statement("drop table schema_migrations", {})
    yield Statement("create table schema_migrations (version text)", {})
    yield Statement("insert into schema_migrations values ('20240101')", {})


class SQLiteTests(_Contract, TestCase):
    def fresh(self) -> str:
        self.path = self.folder / "meshd.sqlite3"
        return f"sqlite:///{self.path}"

    def target(self) -> str:
        return f"sqlite:///{self.path}"

    def copy_by_hand(self) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            database.execute("pragma journal_mode = delete")
        shutil.copy(self.path, self.file)

    def test_what_was_there_is_kept(self) -> None:
        """With all that was in it, for nobody else to read, and never over another one."""
        backup.back_up(self.url, self.file)
        self.store.run(create, "later")
        self.path.chmod(0o644)
        self.store.close()
        kept = [backup.restore(self.url, self.file, stamp="now") for _ in range(2)]
        self.assertEqual(
            [path.name for path in kept if path], ["meshd.sqlite3.replaced-now", "meshd.sqlite3.replaced-now-2"]
        )
        for path in (self.path, *kept):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(len(self.opened(f"sqlite:///{kept[0]}").run(everything)[0]), 2)

    def test_where_nothing_was(self) -> None:
        """A fresh machine."""
        backup.back_up(self.url, self.file)
        self.assertIsNone(backup.restore(f"sqlite:///{self.folder}/new.sqlite3", self.file, stamp="now"))
        self.assertEqual(len(self.opened(f"sqlite:///{self.folder}/new.sqlite3").run(everything)[0]), 1)

    def test_a_store_in_use(self) -> None:
        """By a process of another data folder, say."""
        backup.back_up(self.url, self.file)
        self.store.run(create, "later")
        self.refused(StoreError, "in use")
        self.assertEqual(len(self.store.run(everything)[0]), 2)

    def test_the_store_itself(self) -> None:
        """And a copy that was made of one in use."""
        self.refused(StoreError, "the store itself", file=self.path)
        for end in ("", "-wal"):
            shutil.copy(f"{self.path}{end}", f"{self.file}{end}")
        self.refused(StoreError, "in use")

    def test_a_damaged_store_makes_room(self) -> None:
        """It is kept with what lies beside it."""
        backup.back_up(self.url, self.file)
        self.store.run(create, "later")
        self.store.close()
        for end in ("", "-wal"):
            Path(f"{self.path}{end}").write_bytes(b"rubbish" * 1000)
        kept = backup.restore(self.url, self.file, stamp="now")
        assert kept is not None
        self.assertEqual(kept.read_bytes(), b"rubbish" * 1000)
        self.assertTrue(Path(f"{kept}-wal").exists())
        self.assertFalse(Path(f"{self.path}-wal").exists())
        self.assertEqual(len(self.opened(self.url).run(everything)[0]), 1)

    def test_rows_that_contradict_each_other(self) -> None:
        """A file that SQLite can read, but no store."""
        backup.back_up(self.url, self.file)
        with contextlib.closing(sqlite3.connect(self.file)) as database, database:
            database.execute(
                "insert into usage (account_id, total_bytes, period_bytes, period_start) values (4711, 1, 1, 1)"
            )
        self.refused(StoreError, "damaged")

    def test_a_backup_by_sqlite3_itself(self) -> None:
        """The recipe of earlier days: its file is taken too."""
        with (
            contextlib.closing(sqlite3.connect(self.path)) as source,
            contextlib.closing(sqlite3.connect(self.file)) as target,
        ):
            source.backup(target)
        self.store.close()
        self.assertIsNotNone(backup.restore(self.url, self.file, stamp="now"))

    def test_a_server_s_dump(self) -> None:
        """It says of which kind it is."""
        self.file.write_bytes(b"PGDMP" + bytes(100))
        self.refused(StoreError, "the other kind of store")


class PostgresTests(_Contract, TestCase):
    _target = ""

    def fresh(self) -> str:
        return stores.postgres_url(self)

    def target(self) -> str:
        self._target = self._target or stores.postgres_url(self)
        return self._target

    def copy_by_hand(self) -> None:
        name = self.url.partition("@/")[2].partition("?")[0]
        server = postgres.server()
        words = [
            "pg_dump",
            "-Fc",
            "-h",
            server.folder,
            "-p",
            str(server.port),
            "-U",
            "meshd",
            "-f",
            str(self.file),
            name,
        ]
        subprocess.run(words, check=True)

    def test_a_database_that_is_not_empty(self) -> None:
        """Nothing of it is touched."""
        backup.back_up(self.url, self.file)
        before = self.store.run(everything)
        self.refused(StoreError, "not empty")
        self.assertEqual(self.store.run(everything), before)

    def test_the_password_is_on_no_command_line(self) -> None:
        """The programs are told by their environment."""
        recorded = self.recorder("pg_dump", "pg_restore")
        backup.back_up(self.url.replace("meshd@", "meshd:hunter2@"), self.file)
        backup.restore(self.target().replace("meshd@", "meshd:hunter2@"), self.file, stamp="now")
        said = recorded.read_text()
        self.assertIn("pg_dump", said)
        self.assertIn("pg_restore", said)
        self.assertNotIn("hunter2", said)

    def recorder(self, *programs: str) -> Path:
        """Have these note their command lines and go on."""
        folder = Path(stores.folder(self))
        for program in programs:
            script = folder / program
            script.write_text(f'#!/bin/sh\necho {program} "$@" >> {folder}/said\nexec {shutil.which(program)} "$@"\n')
            script.chmod(0o755)
        self.patch(os, "environ", {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
        return folder / "said"

    def test_without_the_programs(self) -> None:
        """It says what to install."""
        self.patch(os, "environ", {**os.environ, "PATH": "/nonexistent"})
        with self.assertRaises(StoreError) as caught:
            backup.back_up(self.url, self.file)
        self.assertIn("pg_dump is missing", str(caught.exception))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_program_that_fails(self) -> None:
        """Its last word is told, and no password."""
        name = self.url.partition("@/")[2].partition("?")[0]
        url = postgres.server().url(name, tcp=True).replace("meshd@", "meshd:hunter2@") + "?sslmode=require"
        self.patch(BlockingPostgres, "look", lambda *args: None)
        with self.assertRaises(StoreError) as caught:
            backup.back_up(url, self.file)
        self.assertIn("SSL", str(caught.exception))
        self.assertNotIn("hunter2", str(caught.exception))

    def test_what_cannot_be_told(self) -> None:
        """There is no variable for it."""
        with self.assertRaises(StoreError) as caught:
            backup.back_up(self.url + "&sslpassword=hunter2", self.file)
        self.assertIn("sslpassword", str(caught.exception))
        self.assertNotIn("hunter2", str(caught.exception))

    def test_a_file_of_sqlite(self) -> None:
        """It says of which kind it is."""
        self.file.write_bytes(b"SQLite format 3\0" + bytes(100))
        self.refused(StoreError, "the other kind of store", url=self.target())
