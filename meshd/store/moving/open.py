"""The ends of a move by their URLs, and whether they may be its ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from meshd.store import marks
from meshd.store import url as urls
from meshd.store.dialect import POSTGRES, SQLITE, Dialect
from meshd.store.interface import SchemaError, StoreError, StoreUnavailable
from meshd.store.migrate import APPLIED, check, pending, shipped
from meshd.store.moving.end import End, quoted
from meshd.store.moving.shape import SEEDED
from meshd.store.open import BlockingStore, postgres
from meshd.store.sqlite.moving import SQLiteEnd
from meshd.store.unit import Row, Statement, Unit

ALIVE = 60
"""Seconds after its last word for which a process is taken to be alive."""


@contextmanager
def opened(url: str) -> Iterator[End]:
    """A store, whatever its schema is.  Raises: StoreError where it cannot be reached."""
    match urls.read(url):
        case urls.SQLiteURL(path):
            if not os.path.exists(path):
                raise StoreUnavailable(f"there is no store at {path}")
            end: End = SQLiteEnd(path, urls.place(url))
        case urls.PostgresURL() as target:
            end = cast(End, postgres("moving").PostgresEnd(target, urls.place(url)))
    try:
        yield end
    finally:
        end.close()


def mark(end: End, url: str) -> tuple[int, str] | None:
    """The mark of a store and the other store's place; None for none, and for an empty database."""
    return end.run(marks.read()) if _applied(end, url) else None


def make(url: str) -> None:
    """Make a store where none is, or bring an empty one up to date.  Raises: SchemaError, StoreError."""
    store = BlockingStore(url)
    try:
        store.migrate()
    finally:
        store.close()


def require_current(end: End, url: str) -> None:
    """Raises: SchemaError where the schema of a store is not this program's, or the store is marked."""
    try:
        end.run(check(_dialect(url), shipped()))
        applied = end.run(_read_applied())
        pending({number: digest for number, digest, _ in applied}, shipped())
    except marks.Marked:
        raise
    except SchemaError as error:
        raise SchemaError(f"{end.place}: {error}") from error


def require_same(source: End, target: End) -> None:
    """Raises: SchemaError where other migrations were applied to one than to the other."""
    source_rows, target_rows = (
        {row[:2] for row in end.run(_read_applied()) if row[0] < marks.FILLING} for end in (source, target)
    )
    if source_rows != target_rows:
        raise SchemaError(
            f"the schemas of {source.place} and {target.place} are not the same: run `meshd migrate` of this version"
        )


def require_empty(end: End) -> None:
    """Raises: StoreError where anybody has used the store."""
    for name, table in end.tables.items():
        if name not in SEEDED and (count := end.count(table)):
            raise StoreError(
                f"{end.place} is not empty: {count} rows in {quoted(name)}: name a store that nobody has used"
            )


def living(end: End, now: int) -> list[str]:
    """The names of the processes that work on a store, by what they told of themselves within a minute."""
    rows = end.execute("select name from nodes where seen_at >= :since order by name", {"since": now - ALIVE})
    return [str(name) for (name,) in rows]


def _applied(end: End, url: str) -> list[Row]:
    if ("schema_migrations",) not in end.execute(_dialect(url).tables):
        return []
    return end.run(_read_applied())


def _read_applied() -> Unit[list[Row]]:
    return (yield Statement(APPLIED, {}))


def _dialect(url: str) -> Dialect:
    return SQLITE if isinstance(urls.read(url), urls.SQLiteURL) else POSTGRES
