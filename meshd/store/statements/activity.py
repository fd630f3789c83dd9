"""The newest exchanges of each account, as its holder sees them: a few, for a while, and none of the bill."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit
from meshd.values.exchanges import Exchange, PastExchange

FIELDS = PastExchange._fields
COLUMNS = ", ".join(FIELDS)

ROWS = 50
"""Rows in one statement: of seventeen columns each, below the 999 parameters of some SQLite builds."""

SWEEP = 2_000
"""Rows that are deleted for their age at once: what a long standstill has left goes in several turns."""


FAMILIES = "select id, coalesce(parent_id, id) from accounts where id in {0}"


def of_exchange(exchange: Exchange, family_id: int) -> PastExchange:
    began = round(exchange.at * 1000)
    ended = began + round(exchange.seconds * 1000)
    host = searchable(exchange.host)
    same = exchange if host is exchange.host else exchange._replace(host=host)
    # token_id and what follows it, but for what the log alone has, are in both tuples.
    return PastExchange(exchange.account_id, ended, exchange.id, family_id, began, *same[5:-2])


def add(exchanges: Iterable[Exchange]) -> Unit[None]:
    """Insert the exchanges of accounts that exist; one that is there already is left as it is."""
    waiting = list(exchanges)
    families: dict[int, int] = dict((yield from among(FAMILIES, sorted({exchange.account_id for exchange in waiting}))))
    # One after the other: a unit that was begun as a reader is begun again at its first row.
    found = (of_exchange(each, families[each.account_id]) for each in waiting if each.account_id in families)
    for chunk in chunks(found, ROWS):
        yield Statement(
            f"insert into activity ({COLUMNS}) values {placeholders(FIELDS, len(chunk))} on conflict do nothing",
            numbered(FIELDS, chunk),
        )


def page(column: str, id_: int, before: tuple[int, str], since: int, limit: int) -> Unit[list[PastExchange]]:
    """The newest exchanges that ended before `before` (milliseconds, request id) and not before `since`.

    column is `account_id`, or `family_id` for sub-accounts too.
    """
    rows = yield Statement(
        f"""
        select {COLUMNS} from activity
        where {column} = :id and (ended, request) < (:ended, :request) and ended >= :since
        order by ended desc, request desc limit :limit
        """,
        {"id": id_, "ended": before[0], "request": before[1], "since": since, "limit": limit},
    )
    return [PastExchange(*row) for row in rows]


LONG = 3_600_000
"""Milliseconds: of exchanges that last longer, which are few, there is an index of their own."""

USERS = f"""
select {COLUMNS} from activity
where way in {{0}} and ended >= :since and ended <= :latest and began <= :until and ended - began <= {LONG}
order by ended desc, request desc limit :limit
"""

LONG_USERS = f"""
select {COLUMNS} from activity
where way in {{0}} and ended >= :since and began <= :until and ended - began > {LONG}
order by ended desc, request desc limit :limit
"""


def by_exit(ways: Sequence[str], since: int, until: int, limit: int) -> Unit[list[PastExchange]]:
    """The exchanges that were open by these exits at any time from `since` to `until`, in milliseconds.

    At most `limit` of those of up to an hour and of the longer ones each; the newest first.
    """
    span = {"since": since, "until": until, "latest": until + LONG, "limit": limit}
    known = [searchable(way) for way in ways]
    rows = yield from among(USERS, known, span)
    rows += yield from among(LONG_USERS, known, span)
    return sorted((PastExchange(*row) for row in rows), key=lambda row: (row.ended, row.request), reverse=True)


def oldest() -> Unit[int]:
    """When the oldest exchange that is kept ended, in milliseconds; 0 where none is."""
    rows = yield Statement("select ended from activity order by ended limit 1", {})
    return int(rows[0][0]) if rows else 0


KEEP = """
delete from activity where account_id = :account_id and (ended, request) <= (
    select ended, request from activity where account_id = :account_id
    order by ended desc, request desc limit 1 offset :keep
)
"""

DROP_OLD = """
delete from activity where (account_id, ended, request) in (
    select account_id, ended, request from activity where ended < :horizon order by ended limit :limit
)
returning account_id
"""


def prune(account_ids: Sequence[int], keep: int, horizon: int) -> Unit[bool]:
    """Delete all but the newest `keep` exchanges of these accounts, and any account's that ended before `horizon`.

    Of the latter at most SWEEP at once; whether more may be left.  horizon: milliseconds since the epoch.
    """
    for account_id in account_ids:
        yield Statement(KEEP, {"account_id": account_id, "keep": keep})
    dropped = yield Statement(DROP_OLD, {"horizon": horizon, "limit": SWEEP})
    return len(dropped) == SWEEP
