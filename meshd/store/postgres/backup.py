"""A PostgreSQL store through the server's own programs, `pg_dump` and `pg_restore`.

Both get a password by their environment, since every user of the machine can read command lines.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from meshd.store.dialect import POSTGRES
from meshd.store.interface import StoreError
from meshd.store.migrate import VERSIONS, pending, recognise, shipped
from meshd.store.open import postgres
from meshd.store.unit import Statement, Unit
from meshd.store.url import OPTIONS, PostgresURL

HEAD = b"PGDMP"
"""The first bytes of a file in pg_dump's custom format."""

VARIABLES = {name: f"PG{name.replace('_', '').upper()}" for name in OPTIONS - {"sslpassword"}}
VARIABLES |= {"dbname": "PGDATABASE", "application_name": "PGAPPNAME"}
"""The environment variable of the programs for each setting of a store's URL; `sslpassword` has none."""

_OURS = ("--no-owner", "--no-privileges")
"""Options by which whoever restores owns what is restored."""

_OCCUPIED = """
select n.nspname || '.' || c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname <> 'information_schema'
and n.nspname not like 'pg!_%' escape '!' order by 1 limit 3
"""

_MOVE_ON = """
select setval(pg_get_serial_sequence(:name, 'id'), nextval(pg_get_serial_sequence(:name, 'id')) + :apart)
"""

_COPIED = r"^COPY \S*{} \({}\) FROM stdin;\n(.*?)^\\\.$"
"""A table and its columns, which another program's table of that name has not."""


def back_up(target: PostgresURL, draft: Path) -> None:
    """Write a backup of the store to the file `draft`.  Raises: StoreError, SchemaError."""
    with _looking(target) as look:
        look(recognise, POSTGRES, shipped())
    with draft.open("wb") as out:
        _call(target, "pg_dump", "--format=custom", *_OURS, "--no-password", to=out)


def restore(target: PostgresURL, file: Path, *, apart: int) -> None:
    """Restore into an empty database.  apart: how many ids the sequences skip.  Raises: StoreError, SchemaError."""
    applied = _applied(target, file)
    pending(applied, shipped(), _version(target, file, max(applied)))
    _call(
        target, "pg_restore", "--file=/dev/null", str(file)
    )  # reads the whole file, so that a truncated one is refused now
    with _looking(target) as look:
        if occupied := look(_occupied):
            raise StoreError(
                f"the database is not empty ({', '.join(occupied)}): make another one, and name it in store.url"
            )
    database = target.settings["dbname"].replace("\\", "\\\\").replace("'", "\\'")
    options = ("--single-transaction", "--exit-on-error", *_OURS, "--no-password", f"--dbname=dbname='{database}'")
    _call(target, "pg_restore", *options, str(file))
    with _looking(target) as look:
        look(_move_on, apart)


def _applied(target: PostgresURL, file: Path) -> dict[int, str]:
    """The SHA-256 of each migration that the backup's schema has, by number.  Raises: StoreError where it has none."""
    rows = _rows(target, file, "schema_migrations", "number, name, sha256, applied_at")
    if not rows:
        raise StoreError(f"{file} is no backup of meshd's")
    return {int(number): sha256 for number, _, sha256, _ in rows}


def _version(target: PostgresURL, file: Path, number: int) -> str:
    """The meshd that had applied the migration of that number, "" where the backup does not say."""
    return dict(_rows(target, file, VERSIONS, "number, meshd")).get(str(number), "")


def _rows(target: PostgresURL, file: Path, table: str, columns: str) -> list[list[str]]:
    """The cells of a small table in the backup; none where it has no such table."""
    text = _call(target, "pg_restore", "--data-only", f"--table={table}", "--file=-", str(file))
    copied = re.search(_COPIED.format(table, columns), text, re.MULTILINE | re.DOTALL)
    return [line.split("\t") for line in copied[1].splitlines()] if copied else []


def _occupied() -> Unit[list[str]]:
    """The names of up to three tables, views or sequences that are in the database."""
    rows = yield Statement(_OCCUPIED, {})
    return [str(name) for (name,) in rows]


def _move_on(apart: int) -> Unit[None]:
    for name in ("accounts", "tokens"):
        yield Statement(_MOVE_ON, {"name": name, "apart": apart})


@contextmanager
def _looking(target: PostgresURL) -> Iterator[Any]:
    """Give a function that runs units on the database whatever its schema is."""
    opened = postgres("blocking").BlockingPostgres(target)
    try:
        yield opened.look
    finally:
        opened.close()


def _call(target: PostgresURL, program: str, *words: str, to: IO[bytes] | int = subprocess.PIPE) -> str:
    """Run a program to its end; its output, "" if that goes to a file (to).  Raises: StoreError with its last line."""
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": to, "stderr": subprocess.PIPE}
    try:
        done = subprocess.run([program, *words], env=_environment(target), check=False, **streams)  # noqa: S603
    except FileNotFoundError:
        raise StoreError(f"{program} is missing: install PostgreSQL's client programs") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise StoreError(said[-1] if program in said[-1] else f"{program}: {said[-1]}")
    return (done.stdout or b"").decode(errors="replace")


def _environment(target: PostgresURL) -> dict[str, str]:
    if untold := target.settings.keys() - VARIABLES.keys():
        raise StoreError(f"{', '.join(sorted(untold))} of the store's URL cannot be told to PostgreSQL's programs")
    return {**os.environ, **{VARIABLES[name]: value for name, value in target.settings.items()}}
