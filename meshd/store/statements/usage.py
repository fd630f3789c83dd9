"""What was used: running totals that parents share in, and each journal's batches, added once.

All sums are additive and made by the database, so any number of writers agree.  Rows are written in the order of their
account ids, so that two nodes that flush the same accounts wait for each other instead of deadlocking.
"""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from meshd.model import Standing, Usage, UsageEntry
from meshd.store.statements import changes, series
from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.unit import Row, Statement, Unit
from meshd.values import period


def current(account_id: int, billing_day: int, at: int, stored: Sequence[int | None]) -> Usage:
    """The stored total_bytes, period_bytes and period_start (None: never used) as they count at the second `at`.

    A period that is over counts nothing any more; one that lies ahead, since a clock stood wrong, is not taken back.
    """
    total_bytes, period_bytes, period_start = stored
    begun = period.start(billing_day, at)
    if period_start is None or begun > period_start:
        return Usage(account_id, total_bytes or 0, 0, begun)
    return Usage(account_id, total_bytes or 0, period_bytes or 0, period_start)


STANDINGS = """
select a.id, a.parent_id, a.monthly_limit, a.total_limit, coalesce(p.billing_day, a.billing_day),
    u.total_bytes, u.period_bytes, u.period_start
from accounts as a
left join accounts as p on p.id = a.parent_id
left join usage as u on u.account_id = a.id
where a.id in {0}
"""


def _standing(row: Row, at: int) -> Standing:
    account_id, parent_id, monthly_limit, total_limit, billing_day = row[:5]
    usage = current(account_id, billing_day, at, row[5:])
    return Standing(account_id, parent_id, monthly_limit, total_limit, billing_day, usage)


def standings(ids: Iterable[int], at: int) -> Unit[list[Standing]]:
    """The standings, at the second `at`, of those of these accounts that exist, by id."""
    found = [_standing(row, at) for row in (yield from among(STANDINGS, sorted(set(ids))))]
    return sorted(found, key=lambda standing: standing.account_id)


def standing(account_id: int, at: int) -> Unit[Standing | None]:
    found = yield from standings([account_id], at)
    return found[0] if found else None


def of_account(account_id: int, at: int) -> Unit[Usage]:
    """The account's usage at the second `at`; nothing used for an account that is not there."""
    found = yield from standing(account_id, at)
    return found.usage if found else Usage(account_id, 0, 0, 0)


HOLD = """
insert into usage (account_id, total_bytes, period_bytes, period_start) values (:account_id, 0, 0, 0)
on conflict (account_id) do update set total_bytes = usage.total_bytes
"""


def hold(account_id: int) -> Unit[None]:
    """Let no batch be added to the account before this unit ends: what it was billed until now stands then."""
    yield Statement(HOLD, {"account_id": account_id})


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch that was added has led to."""

    standings: list[Standing]
    """Of every account and parent touched that exists, by id."""
    others: list[tuple[str, int]]
    """Ids of the other journals that were billed of late, with the number of the newest batch of each."""


def apply(journal_id: str, batch: int, at: int, entries: Sequence[UsageEntry]) -> Unit[Applied | None]:
    """Add one sealed batch to its accounts and to their parents; None when it was added before.

    Bytes of accounts that are gone are billed to the parent alone.  A limit that this very batch reached is published
    as a change of its account.
    """
    if not (yield from _first_time(journal_id, batch, at)):
        return None
    added = _added(entries)
    before = yield from standings(added, at)
    after = yield from _add_totals(before, added, at)
    yield from series.add({standing.account_id for standing in before}, entries, at)
    for standing in after:
        if _reached_a_limit(standing, added[standing.account_id]):
            yield from changes.publish(standing.account_id)
    return Applied(after, (yield from _others(journal_id, at)))


OTHERS = "select id, last_batch from journals where id <> :id and applied_at > :since limit :most"

OF_LATE = 24 * 3600
"""Seconds within which a journal was billed: more than clocks of nodes differ, too few for dead ones to pile up."""

MOST_OTHERS = 256
"""Other journals that are told of at most: with so many, whether one more spends makes no difference."""


def _others(journal_id: str, at: int) -> Unit[list[tuple[str, int]]]:
    rows = yield Statement(OTHERS, {"id": journal_id, "since": at - OF_LATE, "most": MOST_OTHERS})
    return [(row[0], row[1]) for row in rows]


def forget_journal(journal_id: str) -> Unit[None]:
    """Forget a journal whose file is gone, so that none of its batches can come again."""
    yield Statement("delete from journals where id = :id", {"id": journal_id})


FIRST_TIME = """
insert into journals (id, last_batch, applied_at) values (:id, :batch, :at)
on conflict (id) do update set last_batch = excluded.last_batch, applied_at = excluded.applied_at
where journals.last_batch < excluded.last_batch
returning last_batch
"""


def _first_time(journal_id: str, batch: int, at: int) -> Unit[bool]:
    rows = yield Statement(FIRST_TIME, {"id": journal_id, "batch": batch, "at": at})
    return bool(rows)


def last_batch(journal_id: str) -> Unit[int]:
    """The number of the newest batch of that journal that was added; 0 for none."""
    rows = yield Statement("select last_batch from journals where id = :id", {"id": journal_id})
    return int(rows[0][0]) if rows else 0


def _added(entries: Iterable[UsageEntry]) -> dict[int, int]:
    """Bytes by account; a sub-account's count for its parent as well."""
    added: dict[int, int] = defaultdict(int)
    for entry in entries:
        added[entry.account_id] += entry.up + entry.down
        if entry.parent_id:
            added[entry.parent_id] += entry.up + entry.down
    return added


TOTALS = ("account_id", "total_bytes", "period_bytes", "period_start")

# A period_start never goes back: bytes of a clock that stood wrong, or of an old journal, count in the newer period.
ADD_TOTALS = """
on conflict (account_id) do update set
    total_bytes = usage.total_bytes + excluded.total_bytes,
    period_bytes = excluded.period_bytes
        + case when excluded.period_start > usage.period_start then 0 else usage.period_bytes end,
    period_start = case when excluded.period_start > usage.period_start
        then excluded.period_start else usage.period_start end
returning account_id, total_bytes, period_bytes, period_start
"""


def _add_totals(before: Sequence[Standing], added: dict[int, int], at: int) -> Unit[list[Standing]]:
    """Add the bytes to the totals; the standings with the sums of the database: other nodes may have written too."""
    after: list[Standing] = []
    for chunk in chunks(before):
        sums = [(each.account_id, added[each.account_id], period.start(each.billing_day, at)) for each in chunk]
        values = [(account_id, total, total, begun) for account_id, total, begun in sums]
        sql = f"insert into usage ({', '.join(TOTALS)}) values {placeholders(TOTALS, len(values))} {ADD_TOTALS}"
        rows = yield Statement(sql, numbered(TOTALS, values))
        usages = {row[0]: Usage(*row) for row in rows}
        after += (replace(each, usage=usages[each.account_id]) for each in chunk)
    return after


def _reached_a_limit(standing: Standing, added: int) -> bool:
    """Whether a limit was reached by these `added` bytes: the totals that came back count them last."""
    usage = standing.usage
    return any(
        used - added < limit <= used
        for used, limit in (
            (usage.total_bytes, standing.total_limit),
            (usage.period_bytes, standing.monthly_limit),
        )
        if limit
    )
