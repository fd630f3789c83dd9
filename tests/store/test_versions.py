"""A store remembers which meshd made it what it is, and tells one that is too old for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from meshd.store import backup
from meshd.store.dialect import POSTGRES, SQLITE, Dialect
from meshd.store.interface import SchemaError
from meshd.store.migrate import ADDITIVE, VERSIONS, Migration, check, shipped, upgrade
from meshd.store.open import BlockingStore
from meshd.store.postgres.blocking import BlockingPostgres
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.unit import Statement, Unit
from meshd.store.url import PostgresURL, read
from meshd.values.version import version
from tests.support.stores import folder, postgres_url, sqlite_path

NEXT = len(shipped()) + 1
BREAKING = Migration(NEXT, f"{NEXT:04}_of_later.sql", "alter table accounts rename column notes to remarks;\n")
ADDED = Migration(NEXT + 1, f"{NEXT + 1:04}_more{ADDITIVE}", "create table more (id bigint);\n")
LATER = [*shipped(), BREAKING, ADDED]
BEFORE = next(at for at, each in enumerate(shipped()) if VERSIONS.removeprefix("schema_") in each.name)


def told() -> Unit[dict[int, str]]:
    return dict((yield Statement(f"select number, meshd from {VERSIONS}", {})))


class VersionTests(SynchronousTestCase):
    dialect: Dialect = SQLITE

    def setUp(self) -> None:
        self.url = f"sqlite:///{sqlite_path(self)}"  # type: ignore[arg-type]
        store = SQLiteFile(self.url.removeprefix("sqlite:///"))
        self.addCleanup(store.close)
        store._make()
        self.run_raw = lambda unit, *args: store._run(store._open(), unit, *args)

    def grown(self, migrations: list[Migration], by: str = "") -> None:
        with patch("meshd.store.migrate.version", return_value=by or version()):
            self.run_raw(upgrade, self.dialect, migrations, 1)

    def test_who_applied_what(self) -> None:
        """From the migration on that has the table; of what was applied before nobody knows."""
        self.grown(shipped()[:BEFORE], "0.0.9")
        self.grown(shipped(), "1.0")
        self.grown(LATER, "2.0")
        self.grown(LATER, "3.0")
        expected = {each.number: "1.0" for each in shipped()[BEFORE:]} | {NEXT: "2.0", NEXT + 1: "2.0"}
        self.assertEqual(self.run_raw(told), expected)

    def test_a_fresh_store(self) -> None:
        """All of it is this version's."""
        self.grown(shipped())
        self.assertEqual(self.run_raw(told), {each.number: version() for each in shipped()})

    def test_a_downgrade(self) -> None:
        """The version that can read it is that of the last change that an older one cannot bear."""
        self.grown([*shipped(), BREAKING], "2.0")
        self.grown(LATER, "3.0")
        said = "run meshd 2.0, which made it so, or a newer one"
        for refused in (upgrade, check):
            arguments = (self.dialect, shipped(), 1) if refused is upgrade else (self.dialect, shipped())
            error = self.assertRaises(SchemaError, self.run_raw, refused, *arguments)
            self.assertIn(said, str(error))
        blocking = BlockingStore(self.url)
        self.addCleanup(blocking.close)
        self.assertIn(said, str(self.assertRaises(SchemaError, blocking.migrate)))

    def test_a_backup_of_a_newer_one(self) -> None:
        """It is not restored, and who can is told; an addition counts here, as all that is there has to be known."""
        self.grown(LATER, "3.0")
        file = Path(folder(self), "backup")  # type: ignore[arg-type]
        with patch("meshd.store.migrate.shipped", return_value=LATER), patch(self.backs_up, return_value=LATER):
            backup.back_up(self.url, file)
        error = self.assertRaises(SchemaError, backup.restore, self.empty(), file, stamp="x")
        self.assertIn("run meshd 3.0, which made it so, or a newer one", str(error))

    backs_up = "meshd.store.sqlite.backup.shipped"

    def empty(self) -> str:
        return f"sqlite:///{sqlite_path(self)}"  # type: ignore[arg-type]

    run_raw: Any


class PostgresVersionTests(VersionTests):
    dialect = POSTGRES
    backs_up = "meshd.store.postgres.backup.shipped"

    def setUp(self) -> None:
        self.url = self.empty()
        target = read(self.url)
        assert isinstance(target, PostgresURL)
        store = BlockingPostgres(target)
        self.addCleanup(store.close)
        self.run_raw = store.look

    def empty(self) -> str:
        return postgres_url(self)  # type: ignore[arg-type]
