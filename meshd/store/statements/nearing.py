"""What an account's use comes near to, or has reached: found where batches are booked, told once for each limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshd.model import Standing
from meshd.store.statements import notices
from meshd.store.unit import Statement, Unit
from meshd.values.notices import ACCOUNT_QUOTA
from meshd.values.times import iso

LEVELS = (80, 95, 100)
"""Percent of a limit that are told."""


class Nearing(NamedTuple):
    """A level of one limit."""

    scope: str
    """`month` or `total`."""
    level: int
    limit: int
    """Bytes that the limit allows."""
    used: int
    period_start: int
    """0 for a limit that no period ends."""


def reached(total: Standing, settled: Standing, added: int) -> bool:
    """Whether these `added` bytes reached a limit: the totals count them last; settled: with the prepaid bytes left."""
    usage = total.usage
    if total.total_limit and settled.total_left <= 0 < total.total_left + added:
        return True
    if not total.monthly_limit:
        return False
    return settled.monthly_left(usage.period_bytes) <= 0 < total.monthly_left(usage.period_bytes - added)


def news(fullness: int, total: Standing, settled: Standing, added: int) -> bool:
    """Whether there may be a level to tell of; fullness: as it was stored before; the others: as reached() takes them.

    Limits may also have come down to what is used, by a reload of plans.
    """
    if settled.fullness < LEVELS[0]:
        return False
    return fullness != settled.fullness or passed(total, settled, added)


def passed(total: Standing, settled: Standing, added: int) -> bool:
    """Whether these `added` bytes passed a level of a limit; total and settled: as reached() takes them."""
    usage, steps = total.usage, []
    if total.monthly_limit:
        before = max(usage.period_bytes - added, 0)
        was = _percent(before, total.monthly_left(before))
        steps.append((was, _percent(usage.period_bytes, settled.monthly_left(usage.period_bytes))))
    if total.total_limit:
        was = _percent(usage.total_bytes - added, total.total_left + added)
        steps.append((was, _percent(usage.total_bytes, settled.total_left)))
    return any(was < level <= now for was, now in steps for level in LEVELS)


def stands(standing: Standing) -> Iterator[Nearing]:
    """The levels of its limits at or above which an account is, the lowest first."""
    usage = standing.usage
    if standing.monthly_limit:
        now = _percent(usage.period_bytes, standing.monthly_left(usage.period_bytes))
        yield from (_of_month(standing, level) for level in LEVELS if level <= now)
    if standing.total_limit:
        now = _percent(usage.total_bytes, standing.total_left)
        yield from (_of_total(standing, level) for level in LEVELS if level <= now)


def _percent(used: int, left: int) -> int:
    """Whole percent that are used, 100 only where nothing is left; prepaid bytes count as a part of the limit."""
    return 100 * used // (used + left) if left > 0 else 100


def _of_month(standing: Standing, level: int) -> Nearing:
    usage = standing.usage
    return Nearing("month", level, standing.monthly_limit, usage.period_bytes, usage.period_start)


def _of_total(standing: Standing, level: int) -> Nearing:
    return Nearing("total", level, standing.total_limit, standing.usage.total_bytes, 0)


HIGHER = """
insert into quota_levels (account_id, scope, limit_bytes, period_start, level)
values (:account_id, :scope, :limit, :period_start, :level)
on conflict (account_id, scope, limit_bytes) do update set
    period_start = excluded.period_start, level = excluded.level
where quota_levels.period_start < excluded.period_start or (
    quota_levels.period_start = excluded.period_start and quota_levels.level < excluded.level
)
returning level
"""

OVER = "delete from quota_levels where account_id = :account_id and scope = 'month' and period_start < :period_start"

KEPT = 10
"""Other limits of an account whose levels are remembered, so that going back to one of them tells nothing anew: those
nearest to the present one, since whoever buys more has a new limit each time.
"""
OTHERS = """
delete from quota_levels where account_id = :account_id and scope = :scope and limit_bytes <> :limit
and limit_bytes not in (
    select limit_bytes from quota_levels where account_id = :account_id and scope = :scope and limit_bytes <> :limit
    order by abs(limit_bytes - :limit), limit_bytes limit :kept
)
"""


def _tell(standing: Standing, nearing: Nearing, at: int) -> Unit[None]:
    """Tell of a level, unless that or a higher one was told of the same limit in the same period."""
    account_id, prepaid = standing.account_id, standing.usage.prepaid_bytes
    what = {"account_id": account_id, **nearing._asdict()}
    if not (yield Statement(HIGHER, what)):
        return
    if nearing.scope == "month":
        yield Statement(OVER, {"account_id": account_id, "period_start": nearing.period_start})
    yield Statement(OTHERS, {"account_id": account_id, "scope": nearing.scope, "limit": nearing.limit, "kept": KEPT})
    data: dict[str, object] = {
        "limit": nearing.scope,
        "percent": nearing.level,
        "limit_bytes": nearing.limit,
        "used_bytes": nearing.used,
    }
    if nearing.scope == "month":
        data |= {"prepaid_bytes": prepaid, "period_start": iso(nearing.period_start) + "Z"}
    yield from notices.tell(ACCOUNT_QUOTA, f"account:{account_id}", at, data, account_id=account_id)


def judged(standing: Standing, at: int) -> Unit[None]:
    """Tell of the levels at which an account is now, each once in a period and for a limit."""
    nearings = list(stands(standing))
    if nearings and (yield from notices.wanted(ACCOUNT_QUOTA)):
        for nearing in nearings:
            yield from _tell(standing, nearing, at)


def forget_month(account_id: int) -> Unit[None]:
    """Let levels of the month be told again, since there are more bytes for it."""
    yield Statement(
        "delete from quota_levels where account_id = :account_id and scope = 'month'", {"account_id": account_id}
    )
