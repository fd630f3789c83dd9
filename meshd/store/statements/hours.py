"""What was used, hour by hour: an account's own bytes, by token, its sub-accounts' not among them."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, NamedTuple

from meshd.model import UsageEntry
from meshd.store.statements.rows import chunks, numbered, placeholders
from meshd.store.unit import Statement, Unit

HOUR = 3600

NO_TOKEN = 0
DELETED = -1
"""In the place of a token: what sub-accounts used that have been deleted since.  Their parent was billed for it."""

Grouping = Literal["total", "account", "token"]

_COLUMNS: dict[Grouping, str] = {
    "total": f"0, {NO_TOKEN}",
    "account": f"account_id, case when token_id = {DELETED} then {DELETED} else {NO_TOKEN} end",
    "token": "account_id, token_id",
}


class UsageHours(NamedTuple):
    """Bytes within one span of time."""

    at: int
    """Its first second."""
    account_id: int
    """0 for all of a family together."""
    token_id: int
    """NO_TOKEN, DELETED, or a token's; NO_TOKEN also where tokens are not told apart."""
    up: int
    down: int
    exchanges: int


def series(account_id: int, since: int, until: int, *, width: int, by: Grouping, limit: int) -> Unit[list[UsageHours]]:
    """The account and its sub-accounts in [since, until), oldest first, in spans of width seconds from the epoch on.

    The hours that begin within; limit is of rows.
    """
    rows = yield Statement(
        f"""
        select hour - hour % :width, {_COLUMNS[by]}, sum(up), sum(down), sum(exchanges)
        from usage_hours
        where account_id in (select id from accounts where id = :account_id or parent_id = :account_id)
        and hour >= :since and hour < :until
        group by 1, 2, 3 order by 1, 2, 3 limit :limit
        """,
        {"account_id": account_id, "since": since, "until": until, "width": width, "limit": limit},
    )
    return [UsageHours(*map(int, row)) for row in rows]


COLUMNS = ("account_id", "hour", "token_id", "up", "down", "exchanges")

ADD = """
on conflict (account_id, hour, token_id) do update set
    up = usage_hours.up + excluded.up,
    down = usage_hours.down + excluded.down,
    exchanges = usage_hours.exchanges + excluded.exchanges
"""


def add(present: set[int], entries: Iterable[UsageEntry], at: int) -> Unit[None]:
    """Add to the hour of that time.  present: the accounts and parents that exist."""
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in entries:
        owner = _owner(entry, present)
        if owner is not None:
            cell = sums[owner]
            cell[0] += entry.up
            cell[1] += entry.down
            cell[2] += entry.exchanges
    hour = at - at % HOUR
    for chunk in chunks(sorted(sums.items())):
        values = [(account_id, hour, token_id, *cell) for (account_id, token_id), cell in chunk]
        sql = f"insert into usage_hours ({', '.join(COLUMNS)}) values {placeholders(COLUMNS, len(values))} {ADD}"
        yield Statement(sql, numbered(COLUMNS, values))


def _owner(entry: UsageEntry, present: set[int]) -> tuple[int, int] | None:
    """Whose hour it is; the last bytes of a deleted sub-account are its parent's, as on the bill."""
    if entry.account_id in present:
        return entry.account_id, entry.token_id
    return (entry.parent_id, DELETED) if entry.parent_id in present else None


BEQUEATH = f"""
insert into usage_hours ({", ".join(COLUMNS)})
select :parent_id, hour, {DELETED}, sum(up), sum(down), sum(exchanges)
from usage_hours where account_id = :account_id group by hour
{ADD}
"""


def bequeath(account_id: int, parent_id: int) -> Unit[None]:
    """Give the hours of a sub-account that is about to be deleted to its parent, as DELETED."""
    yield Statement(BEQUEATH, {"account_id": account_id, "parent_id": parent_id})
