"""Accounts whose last day is over: told once, by whichever process looks first."""

from __future__ import annotations

from meshd.store.statements import notices
from meshd.store.unit import Statement, Unit
from meshd.values.notices import ACCOUNT_EXPIRED
from meshd.values.times import DAY, today

WEEK = 7
"""Days for which an account that has expired is still told of, as nobody may have run meanwhile."""

FIND = """
select id, expires_on from accounts
where expires_on <> '' and id > :above and id <= :until and active = 1
    and expires_on >= :since and expires_on < :today
order by id
"""


def tell(above: int, until: int, now: int) -> Unit[int]:
    """Tell of accounts with ids in (above, until] whose last day is over, unless that was told; how many were."""
    if not (yield from notices.wanted(ACCOUNT_EXPIRED)):
        return 0
    days = {"since": today(now - WEEK * DAY), "today": today(now)}
    rows = yield Statement(FIND, {"above": above, "until": until, **days})
    told = 0
    for account_id, expires_on in rows:
        if (yield from notices.once(f"expired:{account_id}:{expires_on}", now + 2 * WEEK * DAY)):
            subject, data = f"account:{account_id}", {"expires_on": expires_on}
            yield from notices.tell(ACCOUNT_EXPIRED, subject, now, data, account_id=account_id)
            told += 1
    return told
