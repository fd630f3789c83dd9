"""What a parent may do with its sub-accounts; the operator, with any account but the root's existence.

Sub-accounts are accounts: their names are unique over the installation, and what they use counts for the parent too.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshd.accounts import entitlement
from meshd.accounts.errors import Invalid, NotFound, NotYours, PlanLimitReached
from meshd.accounts.holders import added, require_free
from meshd.accounts.ownership import ActorId, Subject, managed, named_subaccount, subaccount
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.trail import concluded
from meshd.model import Account, Identity
from meshd.store.statements import accounts, audit, bans, identities, series, usage
from meshd.store.unit import Unit
from meshd.topology import Plan


def details(actor_id: ActorId, username: str, *, at: int) -> Unit[Identity]:
    """The sub-account with its usage at that time.  NotYours for foreign and absent alike."""
    subject = yield from subaccount(actor_id, username, change=False)
    return (yield from _seen(subject.account.id, at))


def create(
    actor_id: ActorId, new: NewAccount, *, parent: str | None = None, plans: Mapping[str, Plan], now: int
) -> Unit[Identity]:
    """Add a sub-account of the actor, or of the parent that is named.

    Invalid, Taken (field `username`), PlanLimitReached, NotYours.
    """
    subject = yield from managed(actor_id, parent)
    account = yield from added_below(subject.account, new, plans=plans, now=now)
    yield from concluded(subject.by, "account.create", account.id, account.username, now)
    return (yield from _seen(account.id, now))


def added_below(parent: Account, new: NewAccount, *, plans: Mapping[str, Plan], now: int) -> Unit[Account]:
    """The new sub-account, if the parent's plan has room for it; nothing is announced yet."""
    new.require_valid()
    plan = yield from _room(parent, plans)
    return (
        yield from added(new, parent=parent, plan=plan.name, role="customer", billing_day=parent.billing_day, now=now)
    )


def require_creatable(
    actor_id: ActorId, new: NewAccount, *, parent: str | None = None, plans: Mapping[str, Plan]
) -> Unit[None]:
    """Whether create() would pass now; it refuses in the same words."""
    subject = yield from managed(actor_id, parent)
    new.require_valid()
    yield from _room(subject.account, plans)
    yield from require_free(new.username)


def _room(parent: Account, plans: Mapping[str, Plan]) -> Unit[Plan]:
    if parent.parent_id is not None:
        raise Invalid({"parent": ["A sub-account has no sub-accounts."]})
    plan = yield from entitlement.held(parent, plans)
    if (yield from accounts.count_children(parent.id)) >= plan.sub_accounts:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.sub_accounts} sub-accounts")
    return plan


def edit(
    actor_id: ActorId, username: str, profile: Profile, *, password_hash: str | None = None, at: int
) -> Unit[Identity]:
    """Change what the profile names, and the password where a hash is given.  Invalid, NotYours, NotFound."""
    subject = yield from _editable(actor_id, username, profile)
    columns = profile.columns()
    if password_hash is not None:
        columns["password_hash"] = password_hash
    if columns:
        yield from _kept(subject, columns, "account.edit", ", ".join(sorted(columns)), at)
    return (yield from _seen(subject.account.id, at))


def require_editable(actor_id: ActorId, username: str, profile: Profile) -> Unit[None]:
    """Whether edit() would pass now; it refuses in the same words."""
    yield from _editable(actor_id, username, profile)


def activate(actor_id: ActorId, username: str, *, now: int) -> Unit[Identity]:
    """Let it pass again.  NotYours."""
    return (yield from _switched(actor_id, username, True, now))


def deactivate(actor_id: ActorId, username: str, *, now: int) -> Unit[Identity]:
    """Refuse its requests, and those of its sub-accounts.  NotYours; Invalid for the root account."""
    return (yield from _switched(actor_id, username, False, now))


def delete(actor_id: ActorId, username: str, *, now: int) -> Unit[None]:
    """Remove it, its sub-accounts and all that is theirs.  NotYours; Invalid for the root account.

    Of a sub-account stays its part of its parent's bill, and in the audit that one was deleted, without its name.
    """
    subject = yield from subaccount(actor_id, username)
    account = subject.account
    refuse_root(account, "deleted")
    gone = yield from accounts.children(account.id)
    if account.parent_id is not None:
        yield from usage.hold(account.id)
        yield from series.bequeath(account.id, account.parent_id)
        gone.append(account)
    yield from accounts.delete(account.id)  # waits for every change of it that is under way
    for each in gone:
        yield from _forgotten(each)
    name = account.username if account.parent_id is None else ""
    yield from concluded(subject.by, "account.delete", account.id, name, now)


def refuse_root(account: Account, done: str) -> None:
    """Invalid for the root account, without which nobody could sign in to set things right."""
    if account.role == "root":
        raise Invalid({"username": [f"The root account cannot be {done}."]})


def _switched(actor_id: ActorId, username: str, active: bool, now: int) -> Unit[Identity]:
    subject = yield from subaccount(actor_id, username)
    if not active:
        refuse_root(subject.account, "deactivated")
    action = "account.activate" if active else "account.deactivate"
    yield from _kept(subject, {"active": active}, action, subject.account.username, now)
    return (yield from _seen(subject.account.id, now))


def _editable(actor_id: ActorId, username: str, profile: Profile) -> Unit[Subject]:
    subject = yield from named_subaccount(actor_id, username)
    profile.require_valid()
    return subject


def _forgotten(account: Account) -> Unit[None]:
    """What no foreign key takes along."""
    yield from audit.forget(account.id)
    yield from bans.forget(account.username)


def _kept(subject: Subject, columns: Mapping[str, object], action: str, detail: str, now: int) -> Unit[None]:
    if (yield from accounts.edit(subject.account.id, **columns)) is None:
        raise NotFound("the account was deleted meanwhile")
    yield from concluded(subject.by, action, subject.account.id, detail, now)


def _seen(account_id: int, at: int) -> Unit[Identity]:
    identity = yield from identities.load(account_id, at)
    if identity is None:
        raise NotYours
    return identity
