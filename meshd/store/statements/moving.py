"""A sub-account that moves from one parent to another: every row that is kept by family."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from meshd.model import Account
from meshd.store.statements import accounts, claims, series, subusers, usage
from meshd.store.unit import Statement, Unit

ZERO = """
update usage set total_bytes = 0, period_bytes = 0, period_start = 0, fullness = 0 where account_id = :account_id
"""

CLAIMED = """
select address from authorized_ips where account_id = :account_id
union select address from hostname_addresses where account_id = :account_id
order by address
"""


def move(account: Account, former_id: int, parent: Account, now: int) -> Unit[Account]:
    """Put the sub-account below the parent.

    What it used goes to the former parent, which was billed for it; the newest exchanges are nobody's to look at any
    more; each address that it claims is claimed by the new family after all others.
    """
    account_id = account.id
    yield from usage.hold(account_id)
    yield from series.bequeath(account_id, former_id)
    for table in ("usage_hours", "usage_days", "activity"):
        yield Statement(f"delete from {table} where account_id = :account_id", {"account_id": account_id})
    yield Statement(ZERO, {"account_id": account_id})
    yield from subusers.moved(account_id)
    rows = yield Statement(
        f"update accounts set parent_id = :parent_id, plan = :plan, billing_day = :day where id = :account_id"
        f" returning {accounts.COLUMNS}",
        {"account_id": account_id, "parent_id": parent.id, "plan": parent.plan, "day": parent.billing_day},
    )
    for (address,) in (yield Statement(CLAIMED, {"account_id": account_id})):
        yield from claims.stake(address, parent.id, now)
    yield from claims.release(former_id)
    return accounts.read(rows[0])
