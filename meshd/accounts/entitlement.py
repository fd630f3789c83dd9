"""What an account's plan entitles it to.

A sub-account's plan is its parent's.  A rule of the form "at most N" holds only if nobody counts at the same time, so
`held` locks the row of the account that holds the plan before it reads that row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshd.accounts.errors import NotYours, PlanUnknown
from meshd.model import Account
from meshd.store.statements import accounts
from meshd.store.unit import Unit
from meshd.topology import Plan

WORLD = "world"
"""The name of the proxy that a plan without `includes` includes only where its `world` is true."""


def held(account: Account, plans: Mapping[str, Plan]) -> Unit[Plan]:
    """Lock the plan's holder (the account or its parent) until the unit ends; the plan.  Raises: PlanUnknown."""
    holder_id = account.parent_id or account.id
    yield from accounts.lock(holder_id)
    holder = yield from accounts.by_id(holder_id)
    if holder is None:
        raise NotYours
    return named(holder.plan, plans)


def named(name: str, plans: Mapping[str, Plan]) -> Plan:
    """The plan of that name.  Raises: PlanUnknown where the settings no longer have it."""
    plan = plans.get(name)
    if plan is None:
        raise PlanUnknown(f"plan {name!r} is not in the settings; try again later")
    return plan


def includes(plan: Plan, proxy: str) -> bool:
    """Whether an account with this plan may be authorised for the proxy."""
    return (plan.world or proxy != WORLD) if plan.includes is None else proxy in plan.includes


def first_proxies(plan: Plan, names: Iterable[str]) -> list[str]:
    """The first of these names that the plan includes, as many as it allows: what a new account is authorised for."""
    return [name for name in names if includes(plan, name)][: plan.proxies]
