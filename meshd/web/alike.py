"""What several dialects let a caller do in the same way, once each has read its own form: sub-accounts and orders.

The rules are asked before a password is hashed too, since hashing is expensive.
"""

from __future__ import annotations

from dataclasses import replace

from meshd.accounts import orders, subaccounts
from meshd.accounts.orders import Order
from meshd.accounts.profile import NewAccount, Profile
from meshd.model import Identity
from meshd.values.offers import Offer
from meshd.web.room import Caller
from meshd.web.services import Services


async def subaccount_made(services: Services, caller: Caller, new: NewAccount, password: str) -> Identity:
    """Make a sub-account of the caller's.  password: "" for none.
    Raises: what subaccounts.create() raises; TooMany, Busy.
    """
    perform, plans = services.accounts.perform, services.live.topology.plans
    with services.bounds.naming(caller.account, new.username):
        if password:
            await perform(subaccounts.require_creatable, caller.actor, new, plans=plans)
            new = replace(new, password_hash=await services.hash(password))
        return await perform(subaccounts.create, caller.actor, new, plans=plans, now=services.now())


async def subaccount_edited(
    services: Services, caller: Caller, username: str, profile: Profile, password: str
) -> Identity:
    """Change a sub-account of the caller's.  password: "" for the one it has.
    Raises: what subaccounts.edit() raises; Busy.
    """
    perform, plans = services.accounts.perform, services.live.topology.plans
    hashed: str | None = None
    if password:
        await perform(subaccounts.require_editable, caller.actor, username, profile)
        hashed = await services.hash(password)
    return await perform(
        subaccounts.edit, caller.actor, username, profile, password_hash=hashed, at=services.now(), plans=plans
    )


async def ordered(services: Services, caller: Caller, offer: Offer, coupon: str) -> Order:
    """Order something for the caller.  coupon: a code; "" for none.  Raises: what orders.create() raises; TooMany."""
    topology = services.live.topology
    with services.bounds.coupons.guessing(caller.id, coupon):
        return await services.accounts.perform(
            orders.create,
            caller.actor,
            None,
            offer,
            coupon=coupon,
            plans=topology.plans,
            selling=topology.selling,
            now=services.now(),
        )
