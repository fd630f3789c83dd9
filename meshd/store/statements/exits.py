"""Which exits the operator drains, and which ones rest in which process."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshd.model import DrainedExit, RestingExit
from meshd.store.statements import notices
from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.unit import Statement, Unit
from meshd.values.notices import EXIT_BACK, EXIT_RESTING
from meshd.values.times import DAY

FIELDS = RestingExit._fields
COLUMNS = ", ".join(FIELDS)


def names_drained() -> Unit[frozenset[str]]:
    """The names of the drained exits, which every process asks for twice a second."""
    rows = yield Statement("select name from drained_exits", {})
    return frozenset(name for (name,) in rows)


def drained() -> Unit[list[DrainedExit]]:
    rows = yield Statement("select name, at, by from drained_exits order by name", {})
    return [DrainedExit(*row) for row in rows]


def drain(name: str, at: int, by: str) -> Unit[bool]:
    """Note that an exit is drained; whether it was not before."""
    rows = yield Statement(
        "insert into drained_exits (name, at, by) values (:name, :at, :by) on conflict do nothing returning name",
        {"name": name, "at": at, "by": by},
    )
    return bool(rows)


def undrain(name: str) -> Unit[bool]:
    """Note that an exit is drained no more; whether it was."""
    return bool((yield Statement("delete from drained_exits where name = :name returning name", {"name": name})))


def resting(horizon: int) -> Unit[list[RestingExit]]:
    """The rests that end after the second `horizon`, by the exit's name."""
    sql = f"select {COLUMNS} from exit_health where until > :horizon order by exit, node"
    rows = yield Statement(sql, {"horizon": horizon})
    return [RestingExit(*row) for row in rows]


def record(node: str, rests: Iterable[RestingExit], back: Iterable[str], now: int = 0) -> Unit[None]:
    """Note for one process (node) which exits rest, or rest for longer, and the names of those that rest no more.

    The operator is told of an exit that rests in the first process, and of one that rests in none any more.
    """
    yield from _lock()
    for some in chunks(rests):
        yield Statement(
            f"""
            insert into exit_health ({COLUMNS}) values {placeholders(FIELDS, len(some))}
            on conflict (node, exit) do update set
                until = excluded.until, failures = excluded.failures, reason = excluded.reason, at = excluded.at
            """,
            numbered(FIELDS, some),
        )
        for each in some:
            if (yield from notices.once(_mark(each.exit), now + REMEMBERED)):
                data = {"exit": each.exit, "node": node, "reason": each.reason, "failures": each.failures}
                yield from notices.tell(EXIT_RESTING, _mark(each.exit), each.at, data)
    names = list(back)
    yield from among("delete from exit_health where node = :node and exit in {0}", names, {"node": node})
    yield from _back(dict.fromkeys(names, node), now)


REMEMBERED = 30 * DAY
"""Seconds after which an exit that still rests may be told of again."""

LOCK = """
insert into notice_marks (mark, until) values ('exits', :until)
on conflict (mark) do update set until = notice_marks.until
"""
"""One mark for all exits, which is never unmarked."""
ALWAYS = 2**62


def _lock() -> Unit[None]:
    """Let no other unit change or judge rests before this unit ends: of two processes in which an exit is back at
    once, the second one sees that it is the last.
    """
    yield Statement(LOCK, {"until": ALWAYS})


def _mark(name: str) -> str:
    return f"exit:{name}"


def _back(nodes: Mapping[str, str], now: int) -> Unit[None]:
    """Tell of those of these exits, which rested in these processes, that rest in none any more; from now on they may
    be told of again.
    """
    rows = yield from among("select exit from exit_health where exit in {0}", sorted(nodes))
    well = nodes.keys() - {name for (name,) in rows}
    for mark in sorted((yield from notices.unmark(sorted(map(_mark, well))))):
        name = mark.partition(":")[2]
        yield from notices.tell(EXIT_BACK, mark, now, {"exit": name, "node": nodes[name]})


def forget(node: str, now: int) -> Unit[None]:
    """Delete all rests that this process has noted, since it ends or has died: the next one tries anew."""
    yield from _lock()
    rows = yield Statement("delete from exit_health where node = :node returning exit, node", {"node": node})
    yield from _back(dict(rows), now)


def prune(horizon: int, now: int) -> Unit[None]:
    """Delete what processes that are no more have left: rests that ended before the second `horizon`."""
    yield from _lock()
    rows = yield Statement("delete from exit_health where until < :horizon returning exit, node", {"horizon": horizon})
    yield from _back(dict(rows), now)
