"""What an account's plan entitles it to.

A sub-account's plan is its parent's.  A rule of the form "at most N" holds only if nobody counts at the same time, so
`held` locks the row of whoever holds the plan before it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshd.accounts.errors import NotYours, PlanUnknown
from meshd.model import Account
from meshd.store.statements import accounts
from meshd.store.unit import Unit
from meshd.topology import Plan

WORLD = "world"
"""The proxy that only some plans include, of those that do not name theirs."""


def held(account: Account, plans: Mapping[str, Plan]) -> Unit[Plan]:
    """The plan that counts for this account, its holder locked until the unit ends.  PlanUnknown."""
    holder_id = account.parent_id or account.id
    yield from accounts.lock(holder_id)
    holder = yield from accounts.by_id(holder_id)
    if holder is None:
        raise NotYours
    return named(holder.plan, plans)


def named(name: str, plans: Mapping[str, Plan]) -> Plan:
    """The plan of that name.  PlanUnknown where the settings no longer have it."""
    plan = plans.get(name)
    if plan is None:
        raise PlanUnknown(f"plan {name!r} is not in the settings; try again later")
    return plan


def includes(plan: Plan, proxy: str) -> bool:
    """Whether the proxy may be among an account's."""
    return (plan.world or proxy != WORLD) if plan.includes is None else proxy in plan.includes


def first_proxies(plan: Plan, names: Iterable[str]) -> list[str]:
    """What a new account is authorised for: the file's first that the plan includes, as many as it allows."""
    return [name for name in names if includes(plan, name)][: plan.proxies]
