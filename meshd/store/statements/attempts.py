"""Orders of certificates that were begun of late, by the names that they were for."""

from __future__ import annotations

from collections.abc import Iterable

from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.unit import Statement, Unit


def of(names: Iterable[str]) -> Unit[dict[str, list[int]]]:
    """The seconds at which orders were begun, by each name that has any."""
    found: dict[str, list[int]] = {}
    for name, at in (yield from among("select name, at from acme_attempts where name in {0}", names)):
        found.setdefault(name, []).append(int(at))
    return found


def note(names: Iterable[str], now: int) -> Unit[None]:
    for chunk in chunks(names):
        columns = ("name", "at")
        sql = f"insert into acme_attempts (name, at) values {placeholders(columns, len(chunk))}"  # noqa: S608 (placeholders)
        yield Statement(sql, numbered(columns, [(name, now) for name in chunk]))


def forget(before: int) -> Unit[None]:
    """Drop what lies further back."""
    yield Statement("delete from acme_attempts where at <= :before", {"before": before})
