"""Accounts: one row each, a sub-account's pointing at its parent."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypedDict, Unpack
from uuid import UUID, uuid4

from meshd.model import Account, Role
from meshd.selection import stem
from meshd.store.statements.rows import among
from meshd.store.statements.texts import searchable, storable, username_key
from meshd.store.unit import Row, Statement, Unit

FIELDS = tuple(each.name for each in fields(Account))
COLUMNS = ", ".join(FIELDS)

EDITABLE = frozenset(FIELDS) - {"id", "username", "parent_id", "created_at"}

_FLAGS = ("active", "suspended")


def read(row: Row) -> Account:
    """The account in one row of COLUMNS."""
    active, suspended = bool(row[5]), bool(row[14])
    values: tuple[Any, ...] = (*row[:5], active, *row[6:14], suspended, *row[15:])
    return Account(*values)


def columns_of(alias: str) -> str:
    """COLUMNS, each with the alias of its table, for a join."""
    return ", ".join(f"{alias}.{name}" for name in FIELDS)


def by_id(account_id: int) -> Unit[Account | None]:
    if not storable(account_id):
        return None
    rows = yield Statement(f"select {COLUMNS} from accounts where id = :id", {"id": account_id})
    return read(rows[0]) if rows else None


def by_username(username: str) -> Unit[Account | None]:
    """The account of that username, whatever the case."""
    rows = yield Statement(f"select {COLUMNS} from accounts where username_key = :key", {"key": username_key(username)})
    return read(rows[0]) if rows else None


def uuid_of(account_id: int) -> Unit[str]:
    """What programs know the account by, with hyphens (RFC 9562); "" where there is no such account."""
    rows = yield Statement("select uuid from accounts where id = :id", {"id": account_id})
    return str(UUID(rows[0][0])) if rows else ""


def by_email(email: str, limit: int) -> Unit[list[Account]]:
    """At most `limit` accounts with that e-mail address, whatever the case; those that are no sub-accounts first."""
    rows = yield Statement(
        f"select {COLUMNS} from accounts where lower(email) = lower(:email) and email <> ''"
        " order by case when parent_id is null then 0 else 1 end limit :limit",
        {"email": searchable(email), "limit": limit},
    )
    return [read(row) for row in rows]


MOST_TWOFOLD = 10_000
TWOFOLD = "select username_key from accounts where twofold = 1 limit :limit"
"""The index for this statement has these rows only."""


def twofold() -> Unit[frozenset[str] | None]:
    """The keys of all usernames that may be read as a shorter one and a selection; None where those are too many."""
    rows = yield Statement(TWOFOLD, {"limit": MOST_TWOFOLD + 1})
    return frozenset(row[0] for row in rows) if len(rows) <= MOST_TWOFOLD else None


def staff(after_id: int, limit: int) -> Unit[list[Account]]:
    """The accounts with any role but that of customers that come after an id, by id."""
    rows = yield Statement(
        f"select {COLUMNS} from accounts where role <> 'customer' and id > :after_id order by id limit :limit",
        {"after_id": after_id, "limit": limit},
    )
    return [read(row) for row in rows]


def root() -> Unit[Account | None]:
    rows = yield Statement(f"select {COLUMNS} from accounts where role = 'root'", {})
    return read(rows[0]) if rows else None


def children(parent_id: int) -> Unit[list[Account]]:
    """The account's sub-accounts, in the order of their usernames."""
    sql = f"select {COLUMNS} from accounts where parent_id = :parent_id order by username_key"
    rows = yield Statement(sql, {"parent_id": parent_id})
    return [read(row) for row in rows]


def count_children(parent_id: int) -> Unit[int]:
    rows = yield Statement("select count(*) from accounts where parent_id = :parent_id", {"parent_id": parent_id})
    return int(rows[0][0])


def newest() -> Unit[int]:
    """The highest id; 0 where there is no account."""
    rows = yield Statement("select coalesce(max(id), 0) from accounts", {})
    return int(rows[0][0])


def plans_held(above: int, upto: int) -> Unit[list[tuple[str, int, str]]]:
    """Of the top-level accounts with ids in (above, upto]: each plan, how many have it, and one of their usernames."""
    rows = yield Statement(
        "select plan, count(*), min(username) from accounts"
        " where id > :above and id <= :upto and parent_id is null group by plan order by plan",
        {"above": above, "upto": upto},
    )
    return [(row[0], int(row[1]), row[2]) for row in rows]


def usernames(account_id: int) -> Unit[dict[int, str]]:
    """The usernames of the account and of its sub-accounts, by id."""
    rows = yield Statement("select id, username from accounts where id = :id or parent_id = :id", {"id": account_id})
    return dict(rows)


def names_of(ids: Iterable[int]) -> Unit[dict[int, str]]:
    """The usernames of those of these accounts that exist, by id."""
    return dict((yield from among("select id, username from accounts where id in {0}", sorted(ids))))


def page(after_id: int, limit: int) -> Unit[list[Account]]:
    """The accounts that come after an id, by id; 0 for the first page."""
    rows = yield Statement(
        f"select {COLUMNS} from accounts where id > :after_id order by id limit :limit",
        {"after_id": after_id, "limit": limit},
    )
    return [read(row) for row in rows]


def lock(account_id: int) -> Unit[None]:
    """Let no other unit pass its own lock of this account before this unit ends.

    A rule over several rows begins with this lock, since what was read before the lock may have changed.
    """
    yield Statement("update accounts set active = active where id = :id", {"id": account_id})


class Facts(TypedDict, total=False):
    """What an account need not have: "" and 0 where nothing is said, and active."""

    first_name: str
    last_name: str
    email: str
    monthly_limit: int
    total_limit: int
    monthly_ceiling: int
    total_ceiling: int
    active: bool
    suspended: bool
    made_by: int
    uuid: str


class Terms(Facts):
    """What each account has."""

    parent_id: int | None
    role: Role
    plan: str
    password_hash: str
    billing_day: int
    now: int


_NONE_SAID = dict.fromkeys(("first_name", "last_name", "email"), "") | dict.fromkeys(
    ("monthly_limit", "total_limit", "monthly_ceiling", "total_ceiling", "made_by"), 0
)


def inserted(username: str, **terms: Unpack[Terms]) -> dict[str, Any]:
    """A new account's row, by column: always the same columns, in the same order."""
    row: dict[str, Any] = {**_NONE_SAID, "active": True, "suspended": False, "created_at": 0, **terms}
    row["created_at"] = row.pop("now")
    for flag in _FLAGS:
        row[flag] = int(row[flag])
    return alike(row, username, row["password_hash"], terms.get("uuid") or uuid4().hex)


def alike(
    row: Mapping[str, Any], username: str, password_hash: str, uuid: str, person: tuple[str, str, str] | None = None
) -> dict[str, Any]:
    """A new account's row like another one's.  person: first name, last name and e-mail address; None for the same."""
    first_name, last_name, email = person or (row["first_name"], row["last_name"], row["email"])
    return {
        **row,
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "password_hash": password_hash,
        "username": username,
        "username_key": username_key(username),
        "twofold": int(stem(username) != username),
        "password_by": row["made_by"] if password_hash else 0,
        "uuid": uuid,
    }


def create(username: str, **terms: Unpack[Terms]) -> Unit[Account]:
    """Insert an account.  Raises: Conflict where the username is taken, or where it would be a second root."""
    row = inserted(username, **terms)
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    rows = yield Statement(f"insert into accounts ({names}) values ({marks}) returning {COLUMNS}", row)
    return read(rows[0])


def edit(account_id: int, **columns: Any) -> Unit[Account | None]:
    """Set the columns that are given (those of EDITABLE); None when the account is not there."""
    if unknown := columns.keys() - EDITABLE:
        raise TypeError(f"no such column: {', '.join(sorted(unknown))}")
    if not columns:
        return (yield from by_id(account_id))
    columns |= {name: int(columns[name]) for name in _FLAGS if name in columns}
    assignments = ", ".join(f"{name} = :{name}" for name in sorted(columns))
    sql = f"update accounts set {assignments} where id = :id returning {COLUMNS}"
    rows = yield Statement(sql, {"id": account_id, **columns})
    return read(rows[0]) if rows else None


def rename(account_id: int, username: str) -> Unit[Account]:
    """Set the username.  Raises: Conflict where the username is taken."""
    rows = yield Statement(
        f"update accounts set username = :username, username_key = :key, twofold = :twofold where id = :id"
        f" returning {COLUMNS}",
        {
            "id": account_id,
            "username": username,
            "key": username_key(username),
            "twofold": int(stem(username) != username),
        },
    )
    return read(rows[0])


def delete(account_id: int) -> Unit[None]:
    """Delete an account, its sub-accounts and all that was theirs.  What it used stays in its parent's usage."""
    yield Statement("delete from accounts where id = :id", {"id": account_id})
