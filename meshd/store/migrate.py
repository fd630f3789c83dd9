"""The schema: numbered files, applied in one transaction under a lock, each remembered with its checksum.

A schema that is newer than this program is refused, unless all that is new in it is additive, as the files' names say:
then a program from before works on it, so that nodes are upgraded one after the other.  Whom it refuses it tells which
version can read the store, since each migration is remembered with the version that applied it.  A file that was edited
after it was applied is refused.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import resources
from typing import NamedTuple

from meshd.store import marks
from meshd.store.dialect import Dialect
from meshd.store.interface import SchemaBehind, SchemaError, StoreError
from meshd.store.unit import Row, Statement, Unit
from meshd.values.version import version

LEDGER = """
create table if not exists schema_migrations (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at bigint not null
)
"""

APPLIED = "select number, sha256, name from schema_migrations order by number"

RECORD = "insert into schema_migrations (number, name, sha256, applied_at) values (:number, :name, :sha256, :now)"

VERSIONS = "schema_versions"
"""The table of who has applied what, which stores have since migration 22."""

OF_NUMBER = "select meshd from schema_versions where number = :number"

REMEMBER = "insert into schema_versions (number, meshd) values (:number, :meshd)"

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

ADDITIVE = "_additive.sql"
"""The end of the name of a migration that adds tables, indices, or columns with a default, and nothing else."""


class Migration(NamedTuple):
    """One migration file, as it is written."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def shipped() -> list[Migration]:
    """The migrations that this program brings, in their order."""
    folder = resources.files("meshd.store.migrations")
    return ordered((file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".sql"))


def ordered(files: Iterable[tuple[str, str]]) -> list[Migration]:
    """The migrations in files (name, text) by number.  Raises: SchemaError for a bad name, a gap, a double number."""
    found = []
    for name, text in sorted(files):
        match = _NAME.fullmatch(name)
        if match is None:
            raise SchemaError(f"migration {name}: not named 0001_like_this.sql")
        found.append(Migration(int(match[1]), name, text))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise SchemaError("migrations: a number is missing or given twice")
    return found


def pending(applied: Mapping[int, str], known: Sequence[Migration], version: str = "") -> list[Migration]:
    """The migrations to apply still; applied: SHA-256 by number.  Raises: SchemaError where these are not as known.

    version: of the meshd that has applied the last of them, "" where that is not known.
    """
    if applied and max(applied) > len(known):
        who = f"meshd {version}, which made it so, or a newer one" if version else "a newer meshd"
        raise SchemaError(f"the store's schema ({max(applied)}) is newer than this program's ({len(known)}): run {who}")
    for migration in known:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise SchemaError(f"{migration.name} was changed after it was applied: put the file back as it was")
    return [migration for migration in known if migration.number not in applied]


def understood(applied: Sequence[Row], known: Sequence[Migration]) -> dict[int, str]:
    """SHA-256 by number of what was applied, but for the newest as far as they are additive and not known here."""
    rows = list(applied)
    while rows and rows[-1][0] > len(known) and str(rows[-1][2]).endswith(ADDITIVE):
        rows.pop()
    return {number: digest for number, digest, _ in rows}


def cut(script: str) -> Iterator[str]:
    """The statements of a script, whatever stands in its strings, comments and triggers.  Raises: SchemaError."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise SchemaError("a migration ends inside a statement")


def upgrade(dialect: Dialect, known: Sequence[Migration], now: int) -> Unit[list[str]]:
    """Apply the pending migrations in one transaction; the names of the applied files.  Raises: SchemaError.

    Each is remembered with this program's version, as far as the store has a place for it.
    """
    if dialect.lock:
        yield Statement(dialect.lock, {})
    yield Statement(LEDGER, {})
    applied = yield Statement(APPLIED, {})
    marks.require_none(applied)
    missing = yield from _pending(dialect, understood(applied, known), known)
    for migration in missing:
        for statement in cut(dialect.written(migration.text)):
            yield Statement(statement, {})
        yield Statement(
            RECORD,
            {"number": migration.number, "name": migration.name, "sha256": migration.sha256, "now": now},
        )
    if missing and (VERSIONS,) in (yield Statement(dialect.tables, {})):
        for migration in missing:
            yield Statement(REMEMBER, {"number": migration.number, "meshd": version()})
    return [migration.name for migration in missing]


def _pending(dialect: Dialect, applied: Mapping[int, str], known: Sequence[Migration]) -> Unit[list[Migration]]:
    """As `pending`; the version is asked of the store.  Raises: SchemaError."""
    rows: list[Row] = []
    if applied and max(applied) > len(known) and (VERSIONS,) in (yield Statement(dialect.tables, {})):
        rows = yield Statement(OF_NUMBER, {"number": max(applied)})
    return pending(applied, known, str(rows[0][0]) if rows else "")


def recognise(dialect: Dialect, known: Sequence[Migration]) -> Unit[None]:
    """Check that the store is meshd's, with the schema that this program has or an older one.  Raises: SchemaError.

    Whoever copies a store has to know all that is in it.
    """
    tables = yield Statement(dialect.tables, {})
    applied: list[Row] = []
    if ("schema_migrations",) in tables:
        try:
            applied = yield Statement(APPLIED, {})
        except StoreError as error:  # other programs have such a table too
            raise SchemaError("it is no store of meshd's") from error
    if not applied:
        raise SchemaError("it is no store of meshd's")
    marks.require_none(applied)
    yield from _pending(dialect, {number: digest for number, digest, _ in applied}, known)


def check(dialect: Dialect, known: Sequence[Migration]) -> Unit[None]:
    """Check that the schema is the one that this program needs, with nothing but additions.
    Raises: SchemaError, SchemaBehind.
    """
    tables = yield Statement(dialect.tables, {})
    applied = (yield Statement(APPLIED, {})) if ("schema_migrations",) in tables else []
    marks.require_none(applied)
    if missing := (yield from _pending(dialect, understood(applied, known), known)):
        raise SchemaBehind(f"the store's schema lacks {missing[0].name}: run `meshd migrate`")
