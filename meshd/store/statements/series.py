"""What was used, hour by hour and day by day: an account's own bytes, by token, its sub-accounts' not among them."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from typing import Literal, NamedTuple, TypeVar

from meshd.model import UsageEntry
from meshd.store.statements.rows import among, chunks, listed, numbered, placeholders
from meshd.store.unit import Statement, Unit

T = TypeVar("T")

NO_TOKEN = 0
DELETED = -1
"""In the place of a token's id: what sub-accounts that are deleted now have used; their parent was billed for it."""

Grouping = Literal["total", "account", "token"]

_COLUMNS: dict[Grouping, str] = {
    "total": f"0, {NO_TOKEN}",
    "account": f"account_id, case when token_id = {DELETED} then {DELETED} else {NO_TOKEN} end",
    "token": "account_id, token_id",
}


class Span(NamedTuple):
    """A length of time with a table of its own."""

    column: str
    seconds: int

    @property
    def table(self) -> str:
        return f"usage_{self.column}s"


HOUR = Span("hour", 3600)
DAY = Span("day", 86_400)


class UsageSpan(NamedTuple):
    """Bytes within one span of time."""

    at: int
    """The first second of the span."""
    account_id: int
    """0 for all of a family together."""
    token_id: int
    """NO_TOKEN, DELETED, or a token's id; NO_TOKEN also where tokens are not told apart."""
    up: int
    down: int
    exchanges: int


PIECE = 250
"""Rows that one statement is to give: what they are made into on the reactor takes a millisecond."""

READ = 8
"""Times as many rows of the table are read by it at most, where it is about more than one span."""

NARROWER = 16
"""A statement that would read more is about so many times less."""


def read(
    account_id: int, since: int, until: int, *, span: Span, by: Grouping, most: int, made: Callable[[UsageSpan], T]
) -> Unit[list[T] | None]:
    """Usage of the account and its sub-accounts, by the spans that begin in [since, until), oldest first, each made
    into what is wanted.  None where more than `most` rows of the table would have to be read.

    It is read piece by piece, since a store on the reactor does something else only between two statements.
    """
    found: list[T] = []
    count, begin, width = 0, since, PIECE
    while begin < until:
        end = min(until, begin + width * span.seconds)
        room = most - count
        bound = room if width == 1 else min(room, READ * PIECE)
        params = {"account_id": account_id, "since": begin, "until": end, "limit": bound + 1}
        rows = yield Statement(_read(span, by), params)
        read = sum(int(row[-1]) for row in rows)
        if read > room:
            return None
        if read > bound:  # after much time in which nothing was used
            width = max(1, width // NARROWER)
            continue
        count += read
        found += [made(UsageSpan(*map(int, row[:-1]))) for row in rows]
        begin = end
        # As wide as both allow: what is given, and what is read for that, which may be many rows for each.
        width = max(1, min(width * PIECE // max(1, len(rows)), width * READ * PIECE // max(1, 2 * read)))
    return found


@cache
def _read(span: Span, by: Grouping) -> str:
    return f"""
        select at, {_COLUMNS[by]}, sum(up), sum(down), sum(exchanges), count(*)
        from (
            select {span.column} as at, account_id, token_id, up, down, exchanges from {span.table}
            where account_id in (select id from accounts where id = :account_id or parent_id = :account_id)
            and {span.column} >= :since and {span.column} < :until
            limit :limit
        ) as found
        group by 1, 2, 3 order by 1, 2, 3
        """


OF_TOKENS = """
select token_id, sum(up), sum(down), sum(exchanges) from usage_days
where account_id = :account_id and day in {days} and token_id in {{0}} group by token_id
"""


def of_tokens(account_id: int, tokens: Iterable[int], since: int, days: int) -> Unit[dict[int, tuple[int, int, int]]]:
    """By token of the account's, bytes up and down, and exchanges, in so many days from the one that begins then.

    Each day is named, so that a token is looked for in each by the primary key, however many others the account has.
    """
    begins = [(since + number * DAY.seconds,) for number in range(days)]
    params = {"account_id": account_id, **numbered(("day",), begins)}
    rows = yield from among(OF_TOKENS.format(days=listed("day", days)), tokens, params)
    return {int(token): (int(up), int(down), int(exchanges)) for token, up, down, exchanges in rows}


def add(present: set[int], entries: Iterable[UsageEntry], at: int) -> Unit[None]:
    """Add entries to the hour and the day of the second `at`.  present: ids of the accounts and parents that exist."""
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in entries:
        owner = _owner(entry, present)
        if owner is not None:
            cell = sums[owner]
            cell[0] += entry.up
            cell[1] += entry.down
            cell[2] += entry.exchanges
    for span in (HOUR, DAY):
        begin = at - at % span.seconds
        for chunk in chunks(sorted(sums.items())):
            yield from _add(span, [(account_id, begin, token, *cell) for (account_id, token), cell in chunk])


def _add(span: Span, values: list[tuple[int, ...]]) -> Unit[None]:
    columns = _columns(span)
    sql = f"insert into {span.table} ({', '.join(columns)}) values {placeholders(columns, len(values))} {_upsert(span)}"
    yield Statement(sql, numbered(columns, values))


def _columns(span: Span) -> tuple[str, ...]:
    return ("account_id", span.column, "token_id", "up", "down", "exchanges")


def _upsert(span: Span) -> str:
    table = span.table
    return f"""
    on conflict (account_id, {span.column}, token_id) do update set
        up = {table}.up + excluded.up,
        down = {table}.down + excluded.down,
        exchanges = {table}.exchanges + excluded.exchanges
    """


def _owner(entry: UsageEntry, present: set[int]) -> tuple[int, int] | None:
    """The account and token to count the entry for; a deleted sub-account's last bytes are its parent's, as billed."""
    if entry.account_id in present:
        return entry.account_id, entry.token_id
    return (entry.parent_id, DELETED) if entry.parent_id in present else None


def bequeath(account_id: int, parent_id: int) -> Unit[None]:
    """Give what a sub-account used, which is about to be deleted, to its parent, as DELETED."""
    for span in (HOUR, DAY):
        yield Statement(
            f"""
            insert into {span.table} ({", ".join(_columns(span))})
            select :parent_id, {span.column}, {DELETED}, sum(up), sum(down), sum(exchanges)
            from {span.table} where account_id = :account_id group by {span.column} order by {span.column}
            {_upsert(span)}
            """,
            {"account_id": account_id, "parent_id": parent_id},
        )
