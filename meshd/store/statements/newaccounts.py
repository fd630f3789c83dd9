"""Many accounts at once: found and inserted some dozens in a statement, where each by itself takes several of them."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from secrets import token_hex
from typing import Any

from meshd.model import Account
from meshd.store.statements.accounts import COLUMNS, read
from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.statements.texts import username_key
from meshd.store.unit import Statement, Unit

MOST_PARAMETERS = 999
"""In one statement: the bound of some SQLite builds."""


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


def create(rows: Sequence[Mapping[str, Any]]) -> Unit[dict[str, int]]:
    """Insert the rows, each made by `accounts.inserted`, but those whose username is taken, by one of them too; the
    accounts' ids by username key.
    """
    ids: dict[str, int] = {}
    for chunk in chunks(rows, MOST_PARAMETERS // len(rows[0]) if rows else 1):
        columns = tuple(chunk[0])
        cells = itemgetter(*columns)
        text = f"insert into accounts ({', '.join(columns)}) values {placeholders(columns, len(chunk))}"
        made = yield Statement(f"{text} {UNLESS_TAKEN}", numbered(columns, list(map(cells, chunk))))
        ids.update(made)
    return ids


def authorize(proxies: Sequence[tuple[int, str]], now: int) -> Unit[None]:
    """Authorise new accounts for proxies: pairs of account id and name, in the order of authorisation."""
    columns = ("account_id", "proxy", "created_at", "token_id")
    for chunk in chunks(proxies):
        rows = [(account_id, name, now, 0) for account_id, name in chunk]
        text = f"insert into proxy_authorizations ({', '.join(columns)}) values {placeholders(columns, len(rows))}"
        yield Statement(text, numbered(columns, rows))
