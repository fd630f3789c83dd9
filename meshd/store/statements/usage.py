"""What was used: running totals that parents share in, and each journal's batches, added once.

All sums are additive and made by the database, so any number of writers agree.  Rows are written in the order of their
account ids, so that two nodes that flush the same accounts wait for each other instead of deadlocking.
"""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from types import MappingProxyType

from meshd.model import Standing, Usage, UsageEntry
from meshd.store.statements import changes, nearing, series, tokens
from meshd.store.statements.rows import among, chunks, numbered, placeholders
from meshd.store.unit import Row, Statement, Unit
from meshd.values import period


def current(account_id: int, billing_day: int, at: int, stored: Sequence[int | None]) -> Usage:
    """The stored columns of USED (None: never used) as they count at the second `at`.

    A period that is over counts nothing any more; one that lies ahead, since a clock stood wrong, is not taken back.
    """
    total_bytes, period_bytes, period_start, prepaid_bytes = stored
    begun = period.start(billing_day, at)
    if period_start is None or begun > period_start:
        return Usage(account_id, total_bytes or 0, 0, begun, prepaid_bytes or 0)
    return Usage(account_id, total_bytes or 0, period_bytes or 0, period_start, prepaid_bytes or 0)


USED = ("total_bytes", "period_bytes", "period_start", "prepaid_bytes")


def used_of(alias: str) -> str:
    """The columns that current() reads, each with the alias of its table."""
    return ", ".join(f"{alias}.{name}" for name in USED)


NOTHING_INCLUDED: Mapping[str, int] = MappingProxyType({})

LIMITS = "a.id, a.parent_id, a.monthly_limit, a.total_limit, coalesce(p.billing_day, a.billing_day), a.plan"
OF_ACCOUNTS = "from accounts as a left join accounts as p on p.id = a.parent_id"
THESE = "where a.id in {0}"
LIMITED = f"select {LIMITS} {OF_ACCOUNTS} {THESE}"
STANDINGS = f"select {LIMITS}, {used_of('u')} {OF_ACCOUNTS} left join usage as u on u.account_id = a.id {THESE}"
UNREAD = Usage(0, 0, 0, 0)
"""In the place of a usage that is not asked for."""


def _standing(row: Row, usage: Usage, included: Mapping[str, int]) -> Standing:
    account_id, parent_id, monthly_limit, total_limit, billing_day, plan = row[:6]
    if not monthly_limit and parent_id is None:
        monthly_limit = included.get(plan, 0)
    return Standing(account_id, parent_id, monthly_limit, total_limit, billing_day, usage)


def standings(ids: Iterable[int], at: int, included: Mapping[str, int] = NOTHING_INCLUDED) -> Unit[list[Standing]]:
    """The standings, at the second `at`, of those of these accounts that exist, by id.

    included: by plan, the monthly limit of accounts that have none of their own.
    """
    rows = yield from among(STANDINGS, sorted(set(ids)))
    found = [_standing(row, current(row[0], row[4], at, row[6:]), included) for row in rows]
    return sorted(found, key=lambda standing: standing.account_id)


def _limited(ids: Iterable[int], included: Mapping[str, int]) -> Unit[list[Standing]]:
    """Like standings(), but the usage is not read."""
    rows = yield from among(LIMITED, sorted(ids))
    return sorted((_standing(row, UNREAD, included) for row in rows), key=lambda standing: standing.account_id)


def standing(account_id: int, at: int, included: Mapping[str, int] = NOTHING_INCLUDED) -> Unit[Standing | None]:
    found = yield from standings([account_id], at, included)
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


def apply(
    journal_id: str,
    batch: int,
    at: int,
    entries: Sequence[UsageEntry],
    included: Mapping[str, int] = NOTHING_INCLUDED,
) -> Unit[Applied | None]:
    """Add one sealed batch to its accounts and to their parents; None when it was added before.

    Bytes of accounts that are gone are billed to the parent alone.  A limit that this very batch reached is published
    as a change of its account.  included: as standings() takes it.
    """
    if not (yield from _first_time(journal_id, batch, at)):
        return None
    before = yield from _limited(_added(entries), included)
    entries = _whose(entries, before)
    added = _added(entries)
    before = [standing for standing in before if standing.account_id in added]
    seen = {entry.account_id for entry in entries}
    after: list[Standing] = []
    reached: list[int] = []
    for full, total in (yield from _add_totals(before, added, seen, at)):
        settled = _settled(total, added[total.account_id])
        if (total.usage.prepaid_bytes, full) != (settled.usage.prepaid_bytes, settled.fullness):
            yield from _settle(settled)
        if nearing.reached(total, settled, added[total.account_id]):
            reached.append(total.account_id)
        if nearing.news(full, total, settled, added[total.account_id]):
            yield from nearing.judged(settled, at)
        after.append(settled)
    yield from series.add({standing.account_id for standing in before}, entries, at)
    yield from tokens.used({entry.token_id for entry in entries if entry.token_id}, at)
    for account_id in reached:
        yield from changes.publish(account_id)
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


def _whose(entries: Sequence[UsageEntry], standings: Iterable[Standing]) -> Sequence[UsageEntry]:
    """The entries, of which those of accounts that have another parent by now are as of accounts that are gone."""
    parents = {each.account_id: each.parent_id or 0 for each in standings}
    if all(parents.get(entry.account_id, entry.parent_id) == entry.parent_id for entry in entries):
        return entries
    return [
        entry if parents.get(entry.account_id, entry.parent_id) == entry.parent_id else entry._replace(account_id=0)
        for entry in entries
    ]


def _added(entries: Iterable[UsageEntry]) -> dict[int, int]:
    """Bytes by account; a sub-account's count for its parent as well."""
    added: dict[int, int] = defaultdict(int)
    for entry in entries:
        added[entry.account_id] += entry.up + entry.down
        if entry.parent_id:
            added[entry.parent_id] += entry.up + entry.down
    return added


TOTALS = ("account_id", "total_bytes", "period_bytes", "period_start", "seen_at")

SEEN_EVERY = 60
"""Seconds by which an account's `seen_at` may be old while it is busy: so seldom is the column's index written."""

# A period_start never goes back: bytes of a clock that stood wrong, or of an old journal, count in the newer period.
ADD_TOTALS = f"""
on conflict (account_id) do update set
    total_bytes = usage.total_bytes + excluded.total_bytes,
    period_bytes = excluded.period_bytes
        + case when excluded.period_start > usage.period_start then 0 else usage.period_bytes end,
    period_start = case when excluded.period_start > usage.period_start
        then excluded.period_start else usage.period_start end,
    seen_at = case when excluded.seen_at >= usage.seen_at + {SEEN_EVERY}
        then excluded.seen_at else usage.seen_at end
returning account_id, {", ".join(USED)}, fullness
"""


def _add_totals(
    before: Sequence[Standing], added: Mapping[int, int], seen: Set[int], at: int
) -> Unit[list[tuple[int, Standing]]]:
    """Add the bytes to the totals; the standings with the sums of the database, as other nodes may have written too.

    seen: the accounts that used some themselves.  With each standing comes the fullness that is stored.
    """
    after: list[tuple[int, Standing]] = []
    for chunk in chunks(before):
        values = []
        for each in chunk:
            account_id, begun = each.account_id, period.start(each.billing_day, at)
            size = added[account_id]
            values.append((account_id, size, size, begun, at if account_id in seen else 0))
        sql = f"insert into usage ({', '.join(TOTALS)}) values {placeholders(TOTALS, len(values))} {ADD_TOTALS}"
        rows = yield Statement(sql, numbered(TOTALS, values))
        stored = {row[0]: row for row in rows}
        for each in chunk:
            *used, fullness = stored[each.account_id]
            limits = each.monthly_limit, each.total_limit, each.billing_day
            # `replace` of dataclasses would take five times as long.
            after.append((fullness, Standing(each.account_id, each.parent_id, *limits, Usage(*used))))
    return after


def _settled(standing: Standing, added: int) -> Standing:
    """The standing after the prepaid bytes have paid for what, of these `added` bytes, is beyond the monthly limit."""
    usage = standing.usage
    if not usage.prepaid_bytes or not standing.monthly_limit:
        return standing
    beyond = min(max(usage.period_bytes - standing.monthly_limit, 0), added)
    return replace(standing, usage=replace(usage, prepaid_bytes=max(usage.prepaid_bytes - beyond, 0)))


SETTLE = "update usage set prepaid_bytes = :prepaid_bytes, fullness = :fullness where account_id = :account_id"


def _settle(standing: Standing) -> Unit[None]:
    """Store the prepaid bytes and the fullness of an account whose row this unit has written, and so has locked."""
    usage = standing.usage
    yield Statement(
        SETTLE,
        {
            "account_id": usage.account_id,
            "prepaid_bytes": usage.prepaid_bytes,
            "fullness": standing.fullness,
        },
    )


def judged(account_id: int, at: int, included: Mapping[str, int]) -> Unit[None]:
    """Store the fullness of an account anew after its limits or its prepaid bytes were changed."""
    rows = yield Statement(
        "update usage set fullness = fullness where account_id = :account_id returning account_id",
        {"account_id": account_id},
    )
    found = (yield from standing(account_id, at, included)) if rows else None
    if found is not None:
        yield from _settle(found)
        yield from nearing.judged(found, at)


def prepay(account_id: int, size: int) -> Unit[None]:
    """Add prepaid bytes to the account."""
    yield from hold(account_id)
    yield from nearing.forget_month(account_id)
    yield Statement(
        "update usage set prepaid_bytes = prepaid_bytes + :size where account_id = :account_id",
        {"account_id": account_id, "size": size},
    )
