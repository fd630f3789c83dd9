"""Groups that an account puts its sub-users into."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from meshd.store.unit import Statement, Unit


class Group(NamedTuple):
    uuid: str
    """32 hexadecimal digits."""
    name: str
    description: str
    created_at: int
    size: int
    """How many sub-users are in it."""


_SELECT = """
select g.uuid, g.name, g.description, g.created_at,
    (select count(*) from sub_users as s where s.group_uuid = g.uuid)
from sub_user_groups as g
"""


def of_account(account_id: int, *, offset: int, limit: int) -> Unit[list[Group]]:
    """The account's groups, the oldest first."""
    sql = f"{_SELECT} where g.account_id = :account_id order by g.created_at, g.uuid limit :limit offset :offset"
    rows = yield Statement(sql, {"account_id": account_id, "limit": limit, "offset": offset})
    return [Group(*row) for row in rows]


def by_uuid(account_id: int, uuid: str) -> Unit[Group | None]:
    """The account's group of that uuid; None also for another's."""
    sql = f"{_SELECT} where g.uuid = :uuid and g.account_id = :account_id"
    rows = yield Statement(sql, {"account_id": account_id, "uuid": uuid})
    return Group(*rows[0]) if rows else None


def count(account_id: int) -> Unit[int]:
    rows = yield Statement(
        "select count(*) from sub_user_groups where account_id = :account_id", {"account_id": account_id}
    )
    return int(rows[0][0])


def create(account_id: int, name: str, description: str, now: int) -> Unit[str]:
    """Insert a group; its uuid."""
    uuid = uuid4().hex
    yield Statement(
        "insert into sub_user_groups (uuid, account_id, name, description, created_at)"
        " values (:uuid, :account_id, :name, :description, :now)",
        {"uuid": uuid, "account_id": account_id, "name": name, "description": description, "now": now},
    )
    return uuid


def edit(uuid: str, name: str, description: str) -> Unit[None]:
    yield Statement(
        "update sub_user_groups set name = :name, description = :description where uuid = :uuid",
        {"uuid": uuid, "name": name, "description": description},
    )


def hold(account_id: int, uuid: str) -> Unit[bool]:
    """Keep the account's group from being deleted until this unit ends; False where there is none."""
    rows = yield Statement(
        "update sub_user_groups set name = name where uuid = :uuid and account_id = :account_id returning uuid",
        {"account_id": account_id, "uuid": uuid},
    )
    return bool(rows)


def delete(uuid: str) -> Unit[None]:
    """Delete the group; its sub-users are in none from then on."""
    yield Statement("delete from sub_user_groups where uuid = :uuid", {"uuid": uuid})
