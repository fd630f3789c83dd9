"""Many accounts at once: found and inserted some dozens in a statement, where each by itself takes several of them."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from secrets import token_hex
from typing import Any

from meshd.model import Account
from meshd.store.statements.accounts import COLUMNS, read
from meshd.store.statements.rows import among, chunks, insert_alike, numbered
from meshd.store.statements.texts import username_key
from meshd.store.unit import Statement, Unit

MOST_PARAMETERS = 999
"""In one statement: the bound of some SQLite builds."""

PROXIES = 400
"""Authorisations in one statement, of two parameters each."""

TEXTS = 64
"""Texts of 10 KB that are kept."""

_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def neighbours(count: int) -> list[str]:
    """So many new UUIDs of version 4 (RFC 9562), without hyphens, whose first 24 bits are alike and the rest random.

    They stand side by side in their index, so that a transaction writes few of its pages and not one for each row.
    """
    alike, digits = token_hex(3), token_hex(13 * count)
    rest = (digits[at : at + 26] for at in range(0, len(digits), 26))
    return [f"{alike}{each[:6]}4{each[7:10]}{_VARIANT[each[10]]}{each[11:]}" for each in rest]


def named(usernames: Iterable[str]) -> Unit[dict[str, Account]]:
    """The accounts of these usernames that exist, whatever the case, by their key."""
    keys = sorted({username_key(name) for name in usernames})
    rows = yield from among(f"select {COLUMNS} from accounts where username_key in {{0}}", keys)
    found = map(read, rows)
    return {username_key(account.username): account for account in found}


def count_children(ids: Iterable[int]) -> Unit[dict[int, int]]:
    """How many sub-accounts each of these has, by id; those without any are left out."""
    sql = "select parent_id, count(*) from accounts where parent_id in {0} group by parent_id"
    return dict((yield from among(sql, sorted(ids))))


def lock(ids: Iterable[int]) -> Unit[None]:
    """Lock many accounts, as `accounts.lock` does one."""
    yield from among("update accounts set active = active where id in {0}", sorted(ids))


UNLESS_TAKEN = "on conflict (username_key) do nothing returning username_key, id"

_OWN = ("username", "username_key", "uuid")
_ALIKE = (
    ("parent_id",),
    ("email",),
    ("first_name", "last_name"),
    ("password_hash", "password_by"),
    ("monthly_limit", "total_limit"),
    ("monthly_ceiling", "total_ceiling"),
)
"""Columns in which all rows of a batch may well say the same, each group by itself; those in no group are another.

By groups, as each set of columns that differ is a text of its own.  The parent is one by itself: PostgreSQL takes a
column of `values` that has nothing but nulls for one of texts.
"""


def create(rows: Sequence[Mapping[str, Any]]) -> Unit[dict[str, int]]:
    """Insert the rows, each made by `accounts.inserted`, but those whose username is taken, by one of them too; the
    accounts' ids by username key.
    """
    ids: dict[str, int] = {}
    own = _differing(rows)
    shared = {name: value for name, value in rows[0].items() if name not in own} if rows else {}
    cells = itemgetter(*own)
    for chunk in chunks(rows, (MOST_PARAMETERS - len(shared)) // len(own)):
        params = {**shared, **numbered(own, list(map(cells, chunk)))}
        ids.update((yield Statement(f"{_insert(own, tuple(shared), len(chunk))} {UNLESS_TAKEN}", params)))
    return ids


def _differing(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The columns whose values are given row by row; all other columns are the same in all rows."""
    if len(rows) < 2:
        return _OWN
    columns = tuple(name for name in rows[0] if name not in _OWN)
    values = zip(*map(itemgetter(*columns), rows), strict=True)
    differ = {name for name, column in zip(columns, values, strict=True) if column.count(column[0]) < len(column)}
    rest = tuple(name for name in columns if not any(name in group for group in _ALIKE))
    return (*_OWN, *(name for group in (*_ALIKE, rest) if differ.intersection(group) for name in group))


@lru_cache(TEXTS)
def _insert(own: tuple[str, ...], shared: tuple[str, ...], count: int) -> str:
    return insert_alike("accounts", own, shared, count)


def authorize(proxies: Sequence[tuple[int, str]], now: int) -> Unit[None]:
    """Authorise new accounts for proxies: pairs of account id and name, in the order of authorisation."""
    own, shared = ("account_id", "proxy"), {"created_at": now, "token_id": 0}
    for chunk in chunks(proxies, PROXIES):
        text = insert_alike("proxy_authorizations", own, tuple(shared), len(chunk))
        yield Statement(text, {**shared, **numbered(own, chunk)})
