"""An account's holder as the API below `/v1` tells of her: who she is, and how many bytes she has left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshd.accounts import subscriptions
from meshd.accounts.errors import NotYours
from meshd.accounts.ownership import ActorId, own
from meshd.accounts.subscriptions import NOTHING
from meshd.model import Identity, monthly_limit
from meshd.store.statements import accounts, identities
from meshd.store.unit import Unit
from meshd.topology import Plan, included_bytes
from meshd.values import period


class Holder(NamedTuple):
    """Times are epoch seconds."""

    uuid: str
    name: str
    email: str
    plan: str
    """What brings bytes each period: a subscription that is paid for, or else the account's plan."""
    created_at: int
    regular: int
    """Bytes left of what was bought once."""
    subscription: int
    """Bytes left of what a period brings; 0 where no period brings any, or any number."""
    period_start: int
    period_end: int
    """0, as the begin, where no period brings any bytes."""


def read(actor_id: ActorId, *, at: int, plans: Mapping[str, Plan]) -> Unit[Holder]:
    """The actor as of the second `at`.  plans: by what they include it is told what a period brings."""
    subject = yield from own(actor_id, None, change=False)
    identity = yield from identities.load(subject.account.id, at)
    if identity is None:
        raise NotYours
    uuid = yield from accounts.uuid_of(subject.account.id)
    holder = _holder(identity, uuid, included_bytes(plans), at)
    paid = yield from subscriptions.at(subject.account.id, at)
    if paid is None:
        return holder
    return holder._replace(plan=paid.title, period_start=paid.starts_at, period_end=paid.ends_at)


def _holder(identity: Identity, uuid: str, included: Mapping[str, int], at: int) -> Holder:
    account, usage = identity.account, identity.usage
    limit = monthly_limit(account, included)
    brings = limit > NOTHING
    day = (identity.parent or account).billing_day
    return Holder(
        uuid=uuid,
        name=" ".join(part for part in (account.first_name, account.last_name) if part),
        email=account.email,
        plan=account.plan,
        created_at=account.created_at,
        regular=usage.prepaid_bytes,
        subscription=max(limit - usage.period_bytes, 0) if brings else 0,
        period_start=usage.period_start if brings else 0,
        period_end=period.following(day, at) if brings else 0,
    )
