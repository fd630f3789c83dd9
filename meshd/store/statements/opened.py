"""What all processes have open, as each of them tells every few seconds, and what somebody wants to have ended."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from meshd.store.unit import Statement, Unit
from meshd.values.exchanges import OpenExchange
from meshd.values.times import DAY

MOST_NODES = 256
"""Processes that are read at most: 500 exchanges of each are 30 MB."""
MOST_ENDINGS = 1_000
"""Endings that are read, or swept, at once."""
ENDING_SECONDS = 300
"""Seconds that an ending is kept: much longer than a process takes to hear of it."""


class Snapshot(NamedTuple):
    """What one process had open."""

    node: str
    at: int
    total: int
    """How many exchanges were open; `exchanges` may be fewer."""
    exchanges: list[OpenExchange]


class Ending(NamedTuple):
    """An exchange that is to end."""

    account_id: int
    exchange: str
    reason: str


WRITE = """
insert into open_exchanges (node, at, total, content) values (:node, :at, :total, :content)
on conflict (node) do update set at = excluded.at, total = excluded.total, content = excluded.content
"""


def write(node: str, at: int, total: int, exchanges: Iterable[OpenExchange]) -> Unit[None]:
    """Put a process's snapshot in the place of its last one; those that are a day old are dropped."""
    content = json.dumps([list(each) for each in exchanges], separators=(",", ":"))
    yield Statement(WRITE, {"node": node, "at": at, "total": total, "content": content})
    yield Statement("delete from open_exchanges where at < :horizon", {"horizon": at - DAY})


def clear(node: str) -> Unit[None]:
    """Forget a process's snapshot, since the process has nothing open."""
    yield Statement("delete from open_exchanges where node = :node", {"node": node})


def read(since: int) -> Unit[list[Snapshot]]:
    """The snapshots that were written at or after the second `since`, by node."""
    rows = yield Statement(
        "select node, at, total, content from open_exchanges where at >= :since order by node limit :limit",
        {"since": since, "limit": MOST_NODES},
    )
    return [Snapshot(row[0], row[1], row[2], _read(row[3])) for row in rows]


def read_totals(since: int) -> Unit[int]:
    """How many exchanges are open in all, by the snapshots that were written at or after the second `since`."""
    rows = yield Statement("select coalesce(sum(total), 0) from open_exchanges where at >= :since", {"since": since})
    return int(rows[0][0])


def _read(content: str) -> list[OpenExchange]:
    """The exchanges in a snapshot's text; those of another version of this program, with other facts, are left out."""
    width = len(OpenExchange._fields)
    return [OpenExchange(*each) for each in json.loads(content) if len(each) == width]


def ask_to_end(ending: Ending, at: int) -> Unit[None]:
    """Note that an exchange is to end, and sweep endings that everybody has heard of."""
    yield Statement(
        """
        insert into endings (account_id, exchange, reason, at) values (:account_id, :exchange, :reason, :at)
        on conflict (account_id, exchange) do nothing
        """,
        {**ending._asdict(), "at": at},
    )
    yield Statement(
        """
        delete from endings where (account_id, exchange) in (
            select account_id, exchange from endings where at < :horizon order by at limit :limit
        )
        """,
        {"horizon": at - ENDING_SECONDS, "limit": MOST_ENDINGS},
    )


def endings(account_id: int) -> Unit[list[Ending]]:
    """The exchanges of an account that are to end; of all accounts for 0."""
    whose = "where account_id = :account_id" if account_id else ""
    rows = yield Statement(
        f"select account_id, exchange, reason from endings {whose} order by at desc limit :limit",  # noqa: S608
        {"account_id": account_id, "limit": MOST_ENDINGS},
    )
    return [Ending(*row) for row in rows]
