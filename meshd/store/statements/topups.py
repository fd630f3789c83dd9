"""Bytes that were added to accounts, each with the reference under which it counts once."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from typing import NamedTuple

from meshd.store.statements.texts import LARGEST, searchable
from meshd.store.unit import Statement, Unit


class Stored(NamedTuple):
    """One top-up."""

    id: int
    account_id: int
    reference: str
    bytes: int
    note: str
    at: int
    by: str
    """Who added it, as the audit names people."""


COLUMNS = ", ".join(Stored._fields)


def find(account_id: int, reference: str) -> Unit[Stored | None]:
    """The account's top-up of that reference."""
    rows = yield Statement(
        f"select {COLUMNS} from topups where account_id = :account_id and reference = :reference",
        {"account_id": account_id, "reference": searchable(reference)},
    )
    return Stored(*rows[0]) if rows else None


def add(account_id: int, reference: str, size: int, note: str, now: int, by: str) -> Unit[Stored]:
    """Insert a top-up.  Raises: Conflict where the account has one of that reference."""
    rows = yield Statement(
        "insert into topups (account_id, reference, bytes, note, at, by)"
        f" values (:account_id, :reference, :bytes, :note, :at, :by) returning {COLUMNS}",
        {"account_id": account_id, "reference": reference, "bytes": size, "note": note, "at": now, "by": by},
    )
    return Stored(*rows[0])


def page(account_id: int, before: int | None, limit: int) -> Unit[list[Stored]]:
    """The account's top-ups with an id below `before` (None: all), at most `limit`, the newest first."""
    rows = yield Statement(
        f"select {COLUMNS} from topups where account_id = :account_id and id < :before order by id desc limit :limit",
        {"account_id": account_id, "before": before if before is not None else LARGEST, "limit": limit},
    )
    return [Stored(*row) for row in rows]
