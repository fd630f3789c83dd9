"""Which exits the operator drains, and which ones rest in which process."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable

from meshd.model import DrainedExit, RestingExit
from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.unit import Statement, Unit

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


def record(node: str, rests: Iterable[RestingExit], back: Iterable[str]) -> Unit[None]:
    """Note for one process (node) which exits rest, or rest for longer, and the names of those that rest no more."""
    for some in chunks(rests):
        yield Statement(
            f"""
            insert into exit_health ({COLUMNS}) values {placeholders(FIELDS, len(some))}
            on conflict (node, exit) do update set
                until = excluded.until, failures = excluded.failures, reason = excluded.reason, at = excluded.at
            """,
            numbered(FIELDS, some),
        )
    yield from among("delete from exit_health where node = :node and exit in {0}", back, {"node": node})


def forget(node: str) -> Unit[None]:
    """Delete all rests that this process has noted."""
    yield Statement("delete from exit_health where node = :node", {"node": node})


def prune(horizon: int) -> Unit[None]:
    """Delete what processes that are no more have left: rests that ended before the second `horizon`."""
    yield Statement("delete from exit_health where until < :horizon", {"horizon": horizon})
