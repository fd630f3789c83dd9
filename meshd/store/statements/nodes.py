"""Which processes there are: by what each tells of itself, and by what else they tell the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from meshd.store.statements.opened import MOST_NODES
from meshd.store.unit import Statement, Unit
from meshd.values.times import DAY

KEPT = DAY
"""Seconds after which one that has told nothing is forgotten: it has died, and took no leave."""


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
    version: str = ""
    """Of its program; "" of one that does not tell, as before there was this column."""
    listeners: tuple[str, ...] = ()
    """What it listens at, each a proxy's name or `api`, a blank and an endpoint."""
    started_at: int = 0
    """0 where it does not tell."""


SEEN = """
insert into nodes (name, version, listeners, started_at, seen_at)
values (:name, :version, :listeners, :started_at, :seen_at)
on conflict (name) do update set version = excluded.version, listeners = excluded.listeners,
    started_at = excluded.started_at, seen_at = excluded.seen_at
"""


def seen(name: str, version: str, listeners: Sequence[str], started_at: int, now: int) -> Unit[int]:
    """Put a process's word in the place of its last one, and drop those of which nothing was heard for a day; when the
    process had started that told the last one, 0 for none.
    """
    rows = yield Statement("select started_at from nodes where name = :name", {"name": name})
    told = {"name": name, "version": version, "listeners": json.dumps(listeners), "started_at": started_at}
    yield Statement(SEEN, {**told, "seen_at": now})
    yield Statement("delete from nodes where seen_at < :horizon", {"horizon": now - KEPT})
    return int(rows[0][0]) if rows else 0


def gone(name: str) -> Unit[None]:
    """Forget a process, since it ends."""
    yield Statement("delete from nodes where name = :name", {"name": name})


def listing(since: int, now: int) -> Unit[list[Node]]:
    """The processes by name: those that tell of themselves, and those of before that told of open exchanges at or after
    the second `since`, or in which an exit rests.
    """
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
    found = {row[0]: Node(row[0], int(row[1]), None if row[2] is None else int(row[2]), int(row[3])) for row in rows}
    own = yield Statement(
        "select name, version, listeners, started_at, seen_at from nodes order by seen_at desc, name limit :limit",
        {"limit": MOST_NODES},
    )
    for name, version, listeners, started_at, seen_at in own:
        node = found.get(name, Node(name, 0, None, 0))
        found[name] = node._replace(
            seen_at=max(node.seen_at, seen_at),
            version=version,
            listeners=tuple(json.loads(listeners)),
            started_at=started_at,
        )
    return [found[name] for name in sorted(found)]


def billed(since: int) -> Unit[tuple[int, int]]:
    """How many journals of usage were billed at or after the second `since`, and when the last one was; 0 for never."""
    rows = yield Statement(
        "select count(*), coalesce(max(applied_at), 0) from journals where applied_at >= :since", {"since": since}
    )
    return int(rows[0][0]), int(rows[0][1])
