"""Sums of what exchanges moved, by names of which there may be any number: the largest are kept, others are one row.

The sum of all rows of one owner and one span of time is exact.  A name's own row is what it moved since it was last
among the largest, so at least that much.  All sums are made by the database, so any number of processes add at once.
"""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.unit import Statement, Unit
from meshd.values.times import DAY

OTHER = "(other)"
"""The name of the row that stands for all names without one; no host and no exit can be called so."""

HOUR = 3600
NEVER = 2**62
"""A second that is later than all."""
SLACK = 2
"""So many times as many rows as are kept may be there before the smallest are added to OTHER."""
SWEEP = 2_000
"""Rows that are deleted for their age at once: what a long standstill has left goes in several turns."""


class Top(NamedTuple):
    """A table of such sums."""

    table: str
    owner: str
    """The column that tells whose sums they are."""
    at: str
    """The column of the first second of the span."""
    most: int
    """The names that are kept for one owner and span."""


DOMAINS = Top("usage_domains", "account_id", "day", 100)
HOURS = Top("traffic_hours", "kind", "hour", 1_000)
DAYS = Top("traffic_days", "kind", "day", 1_000)

EXIT, OUTCOME = "exit", "outcome"
"""The kinds that own sums in HOURS and DAYS."""

Key = tuple[int | str, int, str]
"""Owner, span and name."""
Sums = Sequence[int]
"""Bytes up and down, exchanges, failures."""

SUMS = ("up", "down", "exchanges", "failures")


class Sum(NamedTuple):
    """What one name moved."""

    name: str
    up: int
    down: int
    exchanges: int
    failures: int
    """Exchanges that did not go well; of an exit those that failed by the exit."""


def record(domains: Iterable[tuple[Key, Sums]], traffic: Iterable[tuple[Key, Sums]]) -> Unit[None]:
    """Add sums by domain, of accounts that exist, and sums by hour of exits and outcomes, to their days as well."""
    waiting = list(domains)
    there = yield from among("select id from accounts where id in {0}", sorted({key[0] for key, _ in waiting}))
    present = {row[0] for row in there}
    yield from add(DOMAINS, [(key, sums) for key, sums in waiting if key[0] in present])
    hours = list(traffic)
    yield from add(HOURS, hours)
    days: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (kind, hour, name), sums in hours:
        cell = days[kind, hour - hour % DAY, name]
        for i, each in enumerate(sums):
            cell[i] += each
    yield from add(DAYS, days.items())


def add(top: Top, rows: Iterable[tuple[Key, Sums]]) -> Unit[None]:
    """Add the sums, then keep the table within its bound for each owner and span that was touched."""
    found = yield from _worth_a_row(top, rows)
    columns = (top.owner, top.at, "name", *SUMS)
    for chunk in chunks(found):
        sql = f"insert into {top.table} ({', '.join(columns)}) values {placeholders(columns, len(chunk))}"
        yield Statement(f"{sql} {_upsert(top)}", numbered(columns, chunk))
    owners: dict[int, set[int | str]] = defaultdict(set)
    for owner, at, *_ in found:
        owners[int(at)].add(owner)
    for at, some in sorted(owners.items()):
        yield from _bound(top, at, sorted(some, key=str))


def _worth_a_row(top: Top, rows: Iterable[tuple[Key, Sums]]) -> Unit[list[tuple[Any, ...]]]:
    """The rows in order; where an owner has many more new names in a span than are kept, all but the largest as OTHER.

    `_fold` would delete those right after their insertion, which costs twenty times as much: whoever asks for a new
    name each time has thousands of them in a few seconds.
    """
    spans: dict[tuple[int | str, int], dict[str, Sums]] = defaultdict(dict)
    for (owner, at, name), sums in rows:
        spans[owner, at][name] = sums
    for (owner, at), names in spans.items():
        if len(names) > top.most * SLACK:
            sql = f"select name from {top.table} where {top.owner} = :owner and {top.at} = :at"
            there = {row[0] for row in (yield Statement(sql, {"owner": owner, "at": at}))} | {OTHER}
            new = sorted((-sums[0] - sums[1], -sums[2], name) for name, sums in names.items() if name not in there)
            small = [names.pop(name) for *_, name in new[top.most :]] if len(new) > top.most * SLACK else []
            if small:
                names[OTHER] = [sum(column) for column in zip(names.get(OTHER, (0, 0, 0, 0)), *small, strict=True)]
    return sorted((owner, at, name, *sums) for (owner, at), names in spans.items() for name, sums in names.items())


def _upsert(top: Top) -> str:
    sums = ", ".join(f"{name} = {top.table}.{name} + excluded.{name}" for name in SUMS)
    return f"on conflict ({top.owner}, {top.at}, name) do update set {sums}"


def _bound(top: Top, at: int, owners: Sequence[int | str]) -> Unit[None]:
    counted = f"select {top.owner} from {top.table} where {top.at} = :at and {top.owner} in {{0}}"
    sql = f"{counted} group by {top.owner} having count(*) > :most order by {top.owner}"
    for (owner,) in (yield from among(sql, owners, {"at": at, "most": top.most * SLACK})):
        yield from _fold(top, owner, at)


def _fold(top: Top, owner: int | str, at: int) -> Unit[None]:
    """Make one row of all but the largest."""
    mine = f"{top.owner} = :owner and {top.at} = :at and name <> :other"
    rows = yield Statement(
        f"""
        delete from {top.table} where {mine} and name not in (
            select name from {top.table} where {mine} order by up + down desc, exchanges desc, name limit :most
        ) returning {", ".join(SUMS)}
        """,
        {"owner": owner, "at": at, "other": OTHER, "most": top.most},
    )
    if rows:
        columns = (top.owner, top.at, "name", *SUMS)
        values = [(owner, at, OTHER, *(int(sum(column)) for column in zip(*rows, strict=True)))]
        sql = f"insert into {top.table} ({', '.join(columns)}) values {placeholders(columns, 1)} {_upsert(top)}"
        yield Statement(sql, numbered(columns, values))


_TOTALS = ", ".join(f"sum({name})" for name in SUMS)


def traffic(top: Top, kind: str, since: int, limit: int, until: int = NEVER) -> Unit[list[Sum]]:
    """What each name of that kind moved in the spans that begin in [since, until), those with most exchanges first."""
    rows = yield Statement(
        f"""
        select name, {_TOTALS} from {top.table} where kind = :kind and {top.at} >= :since and {top.at} < :until
        group by name order by sum(exchanges) desc, name limit :limit
        """,
        {"kind": kind, "since": since, "until": until, "limit": limit},
    )
    return [Sum(row[0], *map(int, row[1:])) for row in rows]


class Moved(NamedTuple):
    """What all names of a kind moved in one hour or day."""

    at: int
    """Its first second."""
    up: int
    down: int
    exchanges: int
    failures: int


def series(top: Top, kind: str, since: int) -> Unit[list[Moved]]:
    """What was moved in each span from `since` on, in their order; a span in which nothing was has no entry."""
    rows = yield Statement(
        f"""
        select {top.at}, {_TOTALS} from {top.table} where kind = :kind and {top.at} >= :since
        group by {top.at} order by {top.at}
        """,
        {"kind": kind, "since": since},
    )
    return [Moved(*map(int, row)) for row in rows]


def domains(account_id: int, since: int, until: int, *, family: bool, most: int) -> Unit[list[Sum] | None]:
    """What an account moved, with its sub-accounts where `family` says so, in the days that begin in [since, until).

    Those with most bytes first, OTHER last; None where more than `most` rows would have to be read.
    """
    whose = "(select id from accounts where id = :account_id or parent_id = :account_id)" if family else "(:account_id)"
    rows = yield Statement(
        f"""
        select name, {_TOTALS}, count(*) from (
            select name, {", ".join(SUMS)} from usage_domains
            where account_id in {whose} and day >= :since and day < :until limit :limit
        ) as found
        group by name order by case when name = :other then 1 else 0 end, sum(up + down) desc, name
        """,
        {"account_id": account_id, "since": since, "until": until, "limit": most + 1, "other": OTHER},
    )
    if sum(int(row[-1]) for row in rows) > most:
        return None
    return [Sum(row[0], *map(int, row[1:-1])) for row in rows]


def bequeath(account_id: int, parent_id: int) -> Unit[None]:
    """Give what a sub-account moved, which is about to be deleted, to its parent, as OTHER."""
    columns = ", ".join(("account_id", "day", "name", *SUMS))
    yield Statement(
        f"""
        insert into usage_domains ({columns})
        select :parent_id, day, :other, {_TOTALS} from usage_domains
        where account_id = :account_id group by day order by day
        {_upsert(DOMAINS)}
        """,
        {"account_id": account_id, "parent_id": parent_id, "other": OTHER},
    )


def prune(domains_before: int, hours_before: int, days_before: int) -> Unit[bool]:
    """Delete sums of spans that began before these seconds, at most SWEEP of each kind; whether more may be left."""
    more = yield from _drop(DOMAINS, "", domains_before)
    for top, horizon in ((HOURS, hours_before), (DAYS, days_before)):
        for kind in (EXIT, OUTCOME):
            more |= yield from _drop(top, kind, horizon)
    return more


def _drop(top: Top, owner: str, horizon: int) -> Unit[bool]:
    key = f"{top.owner}, {top.at}, name"
    only = f"{top.owner} = :owner and " if owner else ""
    rows = yield Statement(
        f"""
        delete from {top.table} where ({key}) in (
            select {key} from {top.table} where {only}{top.at} < :horizon order by {top.at} limit :limit
        ) returning name
        """,
        {"owner": owner, "horizon": horizon, "limit": SWEEP},
    )
    return len(rows) == SWEEP
