"""Accounts as the operator makes them: the root, top-level accounts, and the terms that sub-accounts have from them.

There is one root account, made once; it can neither be replaced nor lose its role.  A plan without bearer tokens takes
those of the whole family out of use; a smaller plan keeps the proxies that were authorised first.  A plan that has room
again brings back what a plan took, and nothing that somebody put out of use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshd.accounts import entitlement, validate
from meshd.accounts.errors import Invalid, NotFound, NotYours
from meshd.accounts.ownership import ActorId, Operator, Subject, acting, locked, name_of, subaccount
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.trail import Changed, between, conclude
from meshd.accounts.usernames import ROOT_NAME, require_free
from meshd.model import Account, Role
from meshd.store.statements import accounts, proxies, tokens, usage, withheld
from meshd.store.unit import Unit
from meshd.topology import Plan, included_bytes
from meshd.values.times import day_of, end_of

ROOT_PLAN = "100"
DEFAULT_PLAN = "10"
"""The plan of an account whose maker names none: the smallest that has tokens and sub-accounts."""

JUDGED_BY = frozenset({"plan", "monthly_limit", "total_limit"})
"""Columns by which it is judged how full an account is."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator alone decides of a top-level account; None leaves a term as it is."""

    plan: str | None = None
    role: Role | None = None
    billing_day: int | None = None

    def columns(self) -> dict[str, Any]:
        """The terms that are given, by column."""
        given = {"plan": self.plan, "role": self.role, "billing_day": self.billing_day}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Edited:
    """An account after a change, what its new plan took away, and what it brought back that another had taken."""

    account: Account
    deactivated: tuple[int, ...] = ()
    """Ids of the tokens that the plan put out of use."""
    revoked: tuple[str, ...] = ()
    """Names of the proxies that the account may not use any more."""
    reactivated: tuple[int, ...] = ()
    """Ids of the tokens, put out of use by another plan, that are active again."""
    restored: tuple[str, ...] = ()
    """Names of the proxies, taken by another plan, that the account may use again."""


def bootstrap(
    password_hash: str, *, plans: Mapping[str, Plan], proxies: Sequence[str], now: int
) -> Unit[Account | None]:
    """Make the root account `admin`; None where there is a root account already."""
    if (yield from accounts.root()) is not None:
        return None
    new = NewAccount(username=ROOT_NAME, password_hash=password_hash)
    account = yield from added(new, parent=None, plan=ROOT_PLAN, role="root", billing_day=day_of(now), now=now)
    plan = plans.get(ROOT_PLAN)
    names = list(proxies) if plan is None else entitlement.first_proxies(plan, proxies)
    yield from authorize_first(account.id, names, now)
    yield from conclude("meshd", "account.create", account.id, "the root account", now)
    return account


def create(
    actor_id: ActorId,
    new: NewAccount,
    *,
    terms: Terms,
    plans: Mapping[str, Plan],
    proxies: Sequence[str],
    now: int,
) -> Unit[Account]:
    """Add a top-level account, authorised for the first proxies that its plan includes.

    The account bills from today's day of the month unless the terms name one.
    Raises: Invalid, Taken (field `username`); NotYours for a customer.
    """
    actor = yield from acting(actor_id, change=True)
    refuse_below_admin(actor, terms.role or "customer")
    account = yield from added_on_top(new, terms=terms, plans=plans, proxies=proxies, now=now)
    by = name_of(actor)
    yield from conclude(by, "account.create", account.id, account.username, now, made(account))
    return account


def added_on_top(
    new: NewAccount, *, terms: Terms, plans: Mapping[str, Plan], proxies: Sequence[str], now: int
) -> Unit[Account]:
    """Add a top-level account with its first proxies; the change is neither audited nor published yet."""
    new.require_valid()
    require_terms(terms, plans)
    if terms.plan is None:
        raise Invalid({"plan": ["This field is required."]})
    account = yield from added(
        new,
        parent=None,
        plan=terms.plan,
        role=terms.role or "customer",
        billing_day=terms.billing_day or day_of(now),
        now=now,
    )
    yield from authorize_first(account.id, entitlement.first_proxies(plans[terms.plan], proxies), now)
    return account


def edit(
    actor_id: ActorId, username: str, profile: Profile, terms: Terms, *, plans: Mapping[str, Plan], now: int
) -> Unit[Edited]:
    """Change what profile and terms give.  Raises: Invalid, NotYours, NotFound (to the operator)."""
    profile.require_valid()
    require_terms(terms, plans)
    subject = yield from locked((yield from subaccount(actor_id, username)))
    _refuse_terms(subject, terms)
    columns = restrained(subject, profile.columns()) | terms.columns()
    account = yield from accounts.edit(subject.account.id, **columns)
    if account is None:
        raise NotFound("the account was deleted meanwhile")
    edited = (yield from _replanned(account, plans[terms.plan], now)) if terms.plan else Edited(account)
    if JUDGED_BY & columns.keys():
        yield from usage.judged(account.id, now, included_bytes(plans))
    changed = between(subject.account, columns)
    yield from conclude(subject.by, "account.edit", account.id, _told(columns, edited), now, changed)
    return edited


def set_password(actor_id: ActorId, username: str, password_hash: str, *, now: int) -> Unit[None]:
    """Replace the password; "" takes the account's sign-in by password away.  Raises: NotYours, NotFound."""
    subject = yield from subaccount(actor_id, username)
    columns = {"password_hash": password_hash, "password_by": subject.origin}
    if (yield from accounts.edit(subject.account.id, **columns)) is None:
        raise NotFound("the account was deleted meanwhile")
    yield from tokens.end_access(subject.account.id)
    yield from end_keys(subject.account)
    yield from conclude(subject.by, "account.password", subject.account.id, "", now, {"password": None})


def end_keys(account: Account) -> Unit[None]:
    """Delete the API keys of a sub-account whose password somebody above has set: nobody there sees its keys, and
    whoever was not to have the password is not to have one either.
    """
    if account.parent_id is not None:
        yield from tokens.end_keys(account.id)


def made(account: Account) -> Changed:
    """What the audit says of a new account: the terms that it begins with."""
    names = ("plan", "role", "billing_day", "monthly_limit", "total_limit")
    return {name: (None, value) for name in names if (value := getattr(account, name))}


def added(
    new: NewAccount,
    *,
    parent: Account | None,
    plan: str,
    role: Role,
    billing_day: int,
    now: int,
    made_by: int = 0,
) -> Unit[Account]:
    """Insert the account's row.  made_by: the id of the token that the account goes back to; 0 for none.
    Raises: Taken (field `username`), also for the root's name before there is a root.
    """
    if role != "root" or new.username != ROOT_NAME:
        yield from require_free(new.username, below=parent is not None)
    return (
        yield from accounts.create(
            new.username,
            parent_id=None if parent is None else parent.id,
            role=role,
            plan=plan,
            password_hash=new.password_hash,
            billing_day=billing_day,
            now=now,
            made_by=made_by,
            **new.profile.columns(),
            **new.ceilings(),
        )
    )


def authorize_first(account_id: int, names: Sequence[str], now: int) -> Unit[None]:
    """Authorise the account for the proxies of these names, in their order."""
    for name in names:
        yield from proxies.authorize(account_id, name, now)


def require_terms(terms: Terms, plans: Mapping[str, Plan]) -> None:
    """Check the terms that are given.  Raises: Invalid for a plan or a day that there is not, and for a second root."""
    validate.require(
        plan=None if terms.plan is None else validate.plan(terms.plan, plans),
        billing_day=None if terms.billing_day is None else validate.billing_day(terms.billing_day),
        role="There is one root account only." if terms.role == "root" else None,
    )


def refuse_below_admin(actor: Account | Operator, role: Role) -> None:
    """Refuse an actor who may not make such a role: an admin makes customers, the root any.  Raises: NotYours."""
    if isinstance(actor, Operator) or actor.role == "root":
        return
    if actor.role != "admin" or role != "customer":
        raise NotYours("only the operator can do this")


def _refuse_terms(subject: Subject, terms: Terms) -> None:
    """Refuse any terms of a sub-account (its parent's hold), a role for the root, and terms that a customer sets."""
    given = terms.columns()
    if not given:
        return
    refuse_below_admin(subject.actor, terms.role or "customer")
    if subject.account.parent_id is not None:
        raise Invalid({name: ["A sub-account has its parent's."] for name in given})
    if subject.account.role == "root" and terms.role is not None:
        raise Invalid({"role": ["The root account keeps its role."]})


def restrained(subject: Subject, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns to set; a sub-account's limits become its ceilings too where the operator sets them.
    Raises: Invalid for a limit that a parent sets above the ceiling.
    """
    account = subject.account
    limits = {name: columns[f"{name}_limit"] for name in ("monthly", "total") if f"{name}_limit" in columns}
    if account.parent_id is None:
        return dict(columns)
    if subject.by_operator:
        return {**columns, **{f"{name}_ceiling": limit for name, limit in limits.items()}}
    ceilings = {"monthly": account.monthly_ceiling, "total": account.total_ceiling}
    above = {f"{name}_limit": validate.within(limit, ceilings[name]) for name, limit in limits.items()}
    validate.require(**above)
    return dict(columns)


def _replanned(account: Account, plan: Plan, now: int) -> Unit[Edited]:
    """Bring the family to a new plan: sub-accounts follow, tokens and proxies that it lacks go, others come back."""
    for child in (yield from accounts.children(account.id)):
        yield from accounts.edit(child.id, plan=plan.name)
    gone = [] if plan.bearer_tokens else (yield from tokens.deactivate_all(account.id))
    back = yield from reactivated(account, plan, now)
    revoked, restored = yield from _refitted(account, plan, now)
    return Edited(account, tuple(gone), tuple(revoked), tuple(back), tuple(restored))


def reactivated(account: Account, plan: Plan, now: int) -> Unit[list[int]]:
    """Activate tokens that another plan put out of use, oldest first, as many as this plan has room for; their ids."""
    back = []
    for token in (yield from tokens.ended_by_plan(account.id)) if plan.bearer_tokens else ():
        if now < end_of(token.expires_on) and (yield from tokens.count_active(token.account_id)) < plan.bearer_tokens:
            yield from tokens.set_active(token.id, True)
            back.append(token.id)
    return back


def _refitted(account: Account, plan: Plan, now: int) -> Unit[tuple[list[str], list[str]]]:
    """Revoke the proxies that the plan lacks, restore those that another plan took; the names of both."""
    held = yield from proxies.of_account(account.id)
    kept = entitlement.first_proxies(plan, held)
    revoked = [name for name in held if name not in kept]
    lapsed = yield from withheld.of_account(account.id, "proxy", "plan")
    restored = entitlement.first_proxies(plan, [*kept, *(each.name for each in lapsed)])[len(kept) :]
    for name in revoked:
        yield from proxies.revoke(account.id, name)
        yield from withheld.hold(account.id, "proxy", name, "plan", now, "")
    for name in restored:
        yield from proxies.authorize(account.id, name, now)
        yield from withheld.give_back(account.id, "proxy", name, "plan")
    return revoked, restored


def _told(columns: Mapping[str, Any], edited: Edited) -> str:
    """The audit's detail: of terms and limits their values, of personal fields only that they changed."""
    shown = ("plan", "role", "billing_day", "monthly_limit", "total_limit", "monthly_ceiling", "total_ceiling")
    facts = [f"{name}={columns[name]}" if name in shown else name for name in sorted(columns)]
    facts += [f"{len(edited.deactivated)} tokens deactivated"] if edited.deactivated else []
    facts += [f"{len(edited.reactivated)} tokens activated again"] if edited.reactivated else []
    facts += [f"proxies revoked: {', '.join(edited.revoked)}"] if edited.revoked else []
    facts += [f"proxies authorized again: {', '.join(edited.restored)}"] if edited.restored else []
    return "; ".join(facts)
