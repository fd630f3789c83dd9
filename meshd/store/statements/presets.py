"""Presets: what programs keep under a name, and the preferences of an account, one text each."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from typing import NamedTuple

from meshd.store.statements.texts import storable
from meshd.store.unit import Statement, Unit


class Preset(NamedTuple):
    id: int
    account_id: int
    name: str
    content: str
    """An object as JSON."""
    created_at: int


COLUMNS = ", ".join(Preset._fields)


def of_account(account_id: int) -> Unit[list[Preset]]:
    """The account's presets, the oldest first."""
    sql = f"select {COLUMNS} from presets where account_id = :account_id order by id"
    return [Preset(*row) for row in (yield Statement(sql, {"account_id": account_id}))]


def find(account_id: int, preset_id: int) -> Unit[Preset | None]:
    """The account's preset of that id."""
    if not storable(preset_id):
        return None
    sql = f"select {COLUMNS} from presets where account_id = :account_id and id = :id"
    rows = yield Statement(sql, {"account_id": account_id, "id": preset_id})
    return Preset(*rows[0]) if rows else None


def count(account_id: int) -> Unit[int]:
    rows = yield Statement("select count(*) from presets where account_id = :account_id", {"account_id": account_id})
    return int(rows[0][0])


def create(account_id: int, name: str, content: str, now: int) -> Unit[Preset]:
    rows = yield Statement(
        "insert into presets (account_id, name, content, created_at) values (:account_id, :name, :content, :now)"
        f" returning {COLUMNS}",
        {"account_id": account_id, "name": name, "content": content, "now": now},
    )
    return Preset(*rows[0])


def edit(account_id: int, preset_id: int, name: str, content: str) -> Unit[Preset | None]:
    """Set name and content; None where the account has no such preset."""
    rows = yield Statement(
        "update presets set name = :name, content = :content where account_id = :account_id and id = :id"
        f" returning {COLUMNS}",
        {"account_id": account_id, "id": preset_id, "name": name, "content": content},
    )
    return Preset(*rows[0]) if rows else None


def delete(account_id: int, preset_id: int) -> Unit[bool]:
    """Delete a preset; False where the account has no such preset."""
    if not storable(preset_id):
        return False
    rows = yield Statement(
        "delete from presets where account_id = :account_id and id = :id returning id",
        {"account_id": account_id, "id": preset_id},
    )
    return bool(rows)


def preferences(account_id: int) -> Unit[str]:
    """The account's preferences, an object as JSON; "" where it has none."""
    rows = yield Statement("select content from preferences where account_id = :id", {"id": account_id})
    return str(rows[0][0]) if rows else ""


def prefer(account_id: int, content: str) -> Unit[None]:
    """Let these be the account's preferences."""
    yield Statement(
        "insert into preferences (account_id, content) values (:id, :content)"
        " on conflict (account_id) do update set content = excluded.content",
        {"id": account_id, "content": content},
    )
