"""Which processes there are, as far as what they tell the others shows."""

from __future__ import annotations

from typing import NamedTuple

from meshd.store.statements.opened import MOST_NODES
from meshd.store.unit import Statement, Unit


class Node(NamedTuple):
    """One process, by what it has told."""

    name: str
    """The process: `host:data folder`."""
    seen_at: int
    """When it last told something."""
    open: int | None
    """The exchanges that it had open then; None where it has told of none."""
    resting: int
    """The exits that rest in it."""


def listing(since: int, now: int) -> Unit[list[Node]]:
    """The processes that told of open exchanges at or after the second `since`, or in which an exit rests, by name."""
    rows = yield Statement(
        """
        select node, max(at), max(total), max(resting) from (
            select node, at, total, 0 as resting from open_exchanges where at >= :since
            union all
            select node, max(at), null, sum(case when until > :now then 1 else 0 end) from exit_health
            group by node having max(until) > :now
        ) as told
        group by node order by node limit :limit
        """,
        {"since": since, "now": now, "limit": MOST_NODES},
    )
    return [Node(row[0], int(row[1]), None if row[2] is None else int(row[2]), int(row[3])) for row in rows]


def billed(since: int) -> Unit[tuple[int, int]]:
    """How many journals of usage were billed at or after the second `since`, and when the last one was; 0 for never."""
    rows = yield Statement(
        "select count(*), coalesce(max(applied_at), 0) from journals where applied_at >= :since", {"since": since}
    )
    return int(rows[0][0]), int(rows[0][1])
