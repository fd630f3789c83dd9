"""How long probes take through each exit, as the processes have measured it."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable

from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.unit import Row, Statement, Unit
from meshd.values.latencies import Latency, MeanLatency

FIELDS = Latency._fields
COLUMNS = ", ".join(FIELDS)
_MEAN = "select exit, sum(milliseconds), count(*), max(at) from exit_latencies where at >= :horizon"


def record(rows: Iterable[Latency]) -> Unit[None]:
    """Note what a process has measured, in place of what it had noted of the same exits."""
    for some in chunks(rows):
        yield Statement(
            f"""
            insert into exit_latencies ({COLUMNS}) values {placeholders(FIELDS, len(some))}
            on conflict (node, exit) do update set milliseconds = excluded.milliseconds, at = excluded.at
            """,
            numbered(FIELDS, some),
        )


def forget(node: str) -> Unit[None]:
    """Delete all that this process has noted."""
    yield Statement("delete from exit_latencies where node = :node", {"node": node})


def prune(horizon: int) -> Unit[None]:
    """Delete what was noted before the second `horizon`: the process is no more, or has not the exit any more."""
    yield Statement("delete from exit_latencies where at < :horizon", {"horizon": horizon})


def of(names: Iterable[str], horizon: int) -> Unit[list[MeanLatency]]:
    """Of these exits what was noted since the second `horizon`."""
    rows = yield from among(f"{_MEAN} and exit in {{0}} group by exit", names, {"horizon": horizon})
    return [_mean(row) for row in rows]


def of_all(horizon: int) -> Unit[list[MeanLatency]]:
    rows = yield Statement(f"{_MEAN} group by exit", {"horizon": horizon})
    return [_mean(row) for row in rows]


def _mean(row: Row) -> MeanLatency:
    exit_, total, count, at = row
    return MeanLatency(exit_, round(int(total) / int(count)), int(count), int(at))
