"""What a parent may do with its sub-accounts, and the operator with any account (but delete or deactivate the root).

Sub-accounts are accounts: their names are unique over the installation, and what they use counts for the parent too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from meshd.accounts import entitlement
from meshd.accounts.errors import Forbidden, Invalid, NotYours, PlanLimitReached
from meshd.accounts.ownership import ActorId, Subject, locked, managed, subaccount
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.published import billing
from meshd.accounts.toplevel import JUDGED_BY, added, end_keys, made, restrained
from meshd.accounts.trail import between, conclude
from meshd.accounts.usernames import require_free
from meshd.model import Account, Identity
from meshd.store.statements import accounts, audit, bans, claims, identities, series, tokens, tops, usage
from meshd.store.unit import Unit
from meshd.topology import Plan, included_bytes


def details(actor_id: ActorId, username: str, *, at: int) -> Unit[Identity]:
    """The sub-account with its usage at the second `at`.  Raises: NotYours for foreign and absent alike."""
    subject = yield from subaccount(actor_id, username, change=False)
    return (yield from _seen(subject.account.id, at))


def create(
    actor_id: ActorId, new: NewAccount, *, parent: str | None = None, plans: Mapping[str, Plan], now: int
) -> Unit[Identity]:
    """Add a sub-account of the actor, or of the parent that is named.
    Raises: Invalid, Taken (field `username`), PlanLimitReached, NotYours.
    """
    subject = yield from managed(actor_id, parent)
    new = new.limited() if subject.by_operator else new
    account = yield from add_below(subject.account, new, plans=plans, now=now, made_by=subject.origin)
    yield from conclude(subject.by, "account.create", account.id, account.username, now, made(account))
    return (yield from _seen(account.id, now))


def add_below(
    parent: Account, new: NewAccount, *, plans: Mapping[str, Plan], now: int, made_by: int = 0
) -> Unit[Account]:
    """Add a sub-account, if the parent's plan has room; the change is neither audited nor published yet."""
    new.require_valid()
    plan = yield from require_room(parent, plans)
    return (
        yield from added(
            new,
            parent=parent,
            plan=plan.name,
            role="customer",
            billing_day=parent.billing_day,
            now=now,
            made_by=made_by,
        )
    )


def require_creatable(
    actor_id: ActorId, new: NewAccount, *, parent: str | None = None, plans: Mapping[str, Plan]
) -> Unit[None]:
    """Raise what create() would raise now, and change nothing."""
    subject = yield from managed(actor_id, parent)
    new.require_valid()
    yield from require_room(subject.account, plans)
    yield from require_free(new.username, below=True)


def require_room(parent: Account, plans: Mapping[str, Plan]) -> Unit[Plan]:
    """The parent's plan, if it has room for one more sub-account.  Raises: Invalid, PlanLimitReached."""
    _refuse_below(parent)
    plan = yield from entitlement.held(parent, plans)
    _refuse_full(plan, (yield from accounts.count_children(parent.id)))
    return plan


def room_below(parent: Account, children: int, plans: Mapping[str, Plan]) -> Plan:
    """The same of a parent that is locked, with so many sub-accounts.  Raises: Invalid, PlanLimitReached."""
    _refuse_below(parent)
    plan = entitlement.named(parent.plan, plans)
    _refuse_full(plan, children)
    return plan


def _refuse_below(parent: Account) -> None:
    if parent.parent_id is not None:
        raise Invalid({"parent": ["A sub-account has no sub-accounts."]})


def _refuse_full(plan: Plan, children: int) -> None:
    if children >= plan.sub_accounts:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.sub_accounts} sub-accounts")


def edit(
    actor_id: ActorId,
    username: str,
    profile: Profile,
    *,
    password_hash: str | None = None,
    at: int,
    plans: Mapping[str, Plan] = MappingProxyType({}),
) -> Unit[Identity]:
    """Change what the profile names, and the password where a hash is given.

    plans: by what they include it is judged how full a top-level account is.
    Raises: Invalid, NotYours, NotFound for one that was deleted meanwhile
    """
    subject = yield from locked((yield from _editable(actor_id, username, profile)))
    columns = restrained(subject, profile.columns())
    told = ", ".join(sorted(columns) if password_hash is None else sorted((*columns, "password")))
    if password_hash is not None:
        columns |= {"password_hash": password_hash, "password_by": subject.origin}
        yield from tokens.end_access(subject.account.id)
        yield from end_keys(subject.account)
    if columns:
        yield from accounts.edit(subject.account.id, **columns)
        if JUDGED_BY & columns.keys():
            yield from usage.judged(subject.account.id, at, included_bytes(plans))
        changed = between(subject.account, columns)
        yield from conclude(subject.by, "account.edit", subject.account.id, told, at, changed)
    return (yield from _seen(subject.account.id, at))


def require_editable(actor_id: ActorId, username: str, profile: Profile) -> Unit[None]:
    """Refuse, as edit() would, an account that the actor may not change and an invalid profile; change nothing."""
    yield from _editable(actor_id, username, profile)


def activate(actor_id: ActorId, username: str, *, now: int) -> Unit[Identity]:
    """Let the account pass again.  Raises: NotYours; Forbidden for a sub-account that the operator deactivated."""
    return (yield from _switched(actor_id, username, True, now))


def deactivate(actor_id: ActorId, username: str, *, now: int) -> Unit[Identity]:
    """Refuse the account's requests, and its sub-accounts'.  Raises: NotYours; Invalid for the root account."""
    return (yield from _switched(actor_id, username, False, now))


def delete(actor_id: ActorId, username: str, *, now: int) -> Unit[None]:
    """Remove the account, its sub-accounts and all that is theirs.

    Of a sub-account stays its part of its parent's bill, and in the audit that one was deleted, without its name.
    Raises: NotYours; Invalid for the root account; Forbidden for a sub-account that the operator deactivated, since it
    would be active if it were made anew.
    """
    subject = yield from locked((yield from subaccount(actor_id, username)))
    account = subject.account
    refuse_root(account, "deleted")
    _refuse_suspended(subject)
    yield from removed(account, now)
    name = account.username if account.parent_id is None else ""
    yield from conclude(subject.by, "account.delete", account.id, name, now, username=name)


def removed(account: Account, now: int) -> Unit[None]:
    """Delete an account that is locked, with its sub-accounts; the change is neither audited nor published yet.

    What it has published is the root's from then on.
    """
    yield from billing.pass_on(account.id, now)
    gone = yield from accounts.children(account.id)
    if account.parent_id is not None:
        yield from usage.hold(account.id)
        yield from series.bequeath(account.id, account.parent_id)
        yield from tops.bequeath(account.id, account.parent_id)
        gone.append(account)
    yield from accounts.delete(account.id)
    if account.parent_id is not None:
        yield from claims.release(account.parent_id)
    for each in gone:
        yield from _forget_rows(each)


def refuse_root(account: Account, done: str) -> None:
    """Refuse the root account, without which nobody could sign in to set things right.  Raises: Invalid."""
    if account.role == "root":
        raise Invalid({"username": [f"The root account cannot be {done}."]})


def _switched(actor_id: ActorId, username: str, active: bool, now: int) -> Unit[Identity]:
    subject = yield from locked((yield from subaccount(actor_id, username)))
    account = subject.account
    if not active:
        refuse_root(account, "deactivated")
    else:
        _refuse_suspended(subject)
    suspended = not active and (account.suspended or (subject.by_operator and account.parent_id is not None))
    if (active, suspended) != (account.active, account.suspended):
        action = "account.activate" if active else "account.deactivate"
        columns = {"active": active, "suspended": suspended}
        yield from _kept(subject, columns, action, account.username, now)
    return (yield from _seen(subject.account.id, now))


def _editable(actor_id: ActorId, username: str, profile: Profile) -> Unit[Subject]:
    subject = yield from managed(actor_id, username)
    profile.require_valid()
    return subject


def _forget_rows(account: Account) -> Unit[None]:
    """Delete those rows of the account that no foreign key deletes with it."""
    yield from audit.forget(account.id)
    yield from bans.forget(account.username)


def _kept(subject: Subject, columns: Mapping[str, object], action: str, detail: str, now: int) -> Unit[None]:
    yield from accounts.edit(subject.account.id, **columns)
    yield from conclude(subject.by, action, subject.account.id, detail, now, between(subject.account, columns))


def _refuse_suspended(subject: Subject) -> None:
    if subject.account.suspended and not subject.by_operator:
        raise Forbidden("the operator has deactivated this account, and alone can activate it")


def _seen(account_id: int, at: int) -> Unit[Identity]:
    identity = yield from identities.load(account_id, at)
    if identity is None:
        raise NotYours
    return identity
