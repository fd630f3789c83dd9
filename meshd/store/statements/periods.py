"""What every account has used in a span of days, read page by page along the accounts' ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meshd.model import Usage
from meshd.store.statements import usage
from meshd.store.statements.rows import among
from meshd.store.unit import Row, Statement, Unit


class Holder(NamedTuple):
    """An account, as far as a report of what it used speaks of it."""

    account_id: int
    username: str
    parent: str
    """The parent's username; "" for an account without parent."""
    role: str
    """The role, and the plan, of the parent for a sub-account."""
    plan: str
    active: bool
    monthly_limit: int
    billing_day: int
    """The day that counts: the parent's for a sub-account."""
    usage: Usage


# The accounts of the page first, along the index, and then what is known of each.
PAGE = """
select a.id, a.username, coalesce(p.username, ''), coalesce(p.role, a.role), coalesce(p.plan, a.plan), a.active,
    a.monthly_limit, coalesce(p.billing_day, a.billing_day),
    u.total_bytes, u.period_bytes, u.period_start, u.prepaid_bytes
from (
    select id, username, parent_id, role, plan, active, monthly_limit, billing_day from accounts
    where id > :after{which} order by id limit :limit
) as a
left join accounts as p on p.id = a.parent_id
left join usage as u on u.account_id = a.id
order by a.id
"""

WITHOUT_SUBS = " and parent_id is null"


def page(after: int, limit: int, at: int, *, subs: bool, included: Mapping[str, int]) -> Unit[list[Holder]]:
    """The accounts that come after an id, by id, with their usage at the second `at`; subs: sub-accounts too.

    included: by plan, the monthly limit of accounts without a parent that have none of their own.
    """
    rows = yield Statement(PAGE.format(which="" if subs else WITHOUT_SUBS), {"after": after, "limit": limit})
    return [_holder(row, at, included) for row in rows]


def before_the_next(after: int, count: int) -> Unit[int]:
    """What to ask with for the accounts that follow the next `count` ones after an id; 0 where none follow."""
    rows = yield Statement(
        "select id - 1 from accounts where id > :after order by id limit 1 offset :count",
        {"after": after, "count": count},
    )
    return int(rows[0][0]) if rows else 0


def _holder(row: Row, at: int, included: Mapping[str, int]) -> Holder:
    account_id, username, parent, role, plan, active, monthly_limit, billing_day = row[:8]
    used = usage.current(account_id, billing_day, at, row[8:])
    limit = monthly_limit or (0 if parent else included.get(plan, 0))
    return Holder(account_id, username, parent, role, plan, bool(active), limit, billing_day, used)


OWN = """
select account_id, sum(up), sum(down), sum(exchanges) from usage_days
where account_id in {0} and day >= :since and day < :until group by account_id
"""

SUBS = """
select a.parent_id, sum(d.up), sum(d.down), sum(d.exchanges)
from accounts as a join usage_days as d on d.account_id = a.id
where a.parent_id in {0} and d.day >= :since and d.day < :until group by a.parent_id
"""


def moved(ids: Iterable[int], since: int, until: int) -> Unit[dict[int, tuple[int, int, int]]]:
    """Bytes up and down, and exchanges, of each account with its sub-accounts, in the days in [since, until)."""
    known = list(ids)
    sums: dict[int, tuple[int, int, int]] = {}
    for sql in (OWN, SUBS):
        for row in (yield from among(sql, known, {"since": since, "until": until})):
            account_id, up, down, exchanges = map(int, row)
            before = sums.get(account_id, (0, 0, 0))
            sums[account_id] = (before[0] + up, before[1] + down, before[2] + exchanges)
    return sums
