"""Operators see an account's pages as its holder sees them: who may, and that the audit says when they begin.

What is seen is read by the rules of the account's holder; that nothing can be changed meanwhile, the pages see to.
"""

from __future__ import annotations

from meshd.accounts.ownership import ActorId, acting, below, operating, subaccount
from meshd.model import Account, Identity
from meshd.store.statements import accounts, audit, identities
from meshd.store.unit import Unit

LOOKING = ("root", "admin", "viewer")
"""The roles that see others: the root everybody, admins and viewers customers alone."""


def begin(actor_id: ActorId, username: str, *, now: int) -> Unit[Account]:
    """Record that an operator begins to see what this account sees.
    Raises: Forbidden for whoever is no operator; NotYours, also for the actor's own account.
    """
    yield from operating(actor_id, change=False)
    subject = yield from subaccount(actor_id, username, change=False)
    yield from audit.record(now, subject.by, "account.seen_as", subject.account.id)
    return subject.account


def look(actor_id: ActorId, account_id: int, *, at: int) -> Unit[Identity | None]:
    """The account that an operator goes on to see; None where it is gone, or the actor may not see it any more."""
    actor = yield from acting(actor_id, change=False)
    account = yield from accounts.by_id(account_id)
    if account is None or not isinstance(actor, Account) or actor.role not in LOOKING:
        return None
    if not (yield from below(actor, account, change=False)):
        return None
    return (yield from identities.load(account_id, at))
