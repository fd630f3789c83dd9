"""Whose is it: who acts, and on which account, decided inside the transaction that then acts.

A customer acts on itself and on its sub-accounts, and learns nothing of any other: NotYours for what is another's and
for what does not exist.  A sub-account acts on itself alone, and only where its parent does not decide for it.  Above
them, by role: `viewer` reads customers, `admin` also changes them, `root` everyone; with a password alone, since a
stolen token must not reach beyond its own account and those below it.  The operator at the command line is no account;
nobody can sign in as one, and an id never stands for it by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshd.accounts.errors import NotFound, NotYours
from meshd.model import Account
from meshd.store.statements import accounts
from meshd.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever may run the `meshd` command on this store."""

    name: str = "operator"


@dataclass(frozen=True, slots=True)
class ByToken:
    """An account that asks with a bearer token: what its role allows over others takes its password."""

    id: int


ActorId = int | ByToken | Operator
"""The id of the account that asks, or the operator."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The account that is acted upon, and by whom."""

    actor: Account | Operator
    account: Account

    @property
    def by(self) -> str:
        """The actor as the audit names it."""
        return self.actor.name if isinstance(self.actor, Operator) else self.actor.username


def acting(actor_id: ActorId) -> Unit[Account | Operator]:
    """Who asks.  NotYours for one that was deleted since it signed in."""
    if isinstance(actor_id, Operator):
        return actor_id
    by_token = isinstance(actor_id, ByToken)
    account = yield from accounts.by_id(actor_id.id if isinstance(actor_id, ByToken) else actor_id)
    if account is None:
        raise NotYours
    return replace(account, role="customer") if by_token else account


def own(actor_id: ActorId, username: str | None, *, change: bool = True) -> Unit[Subject]:
    """The actor itself where username is None, else the account of that name: its sub-account, or by role."""
    return (yield from _chosen((yield from acting(actor_id)), username, change))


def managed(actor_id: ActorId, username: str | None, *, change: bool = True) -> Unit[Subject]:
    """As own(), for what a parent decides: NotYours where a sub-account asks for itself."""
    actor = yield from acting(actor_id)
    refuse_subaccount(actor)
    return (yield from _chosen(actor, username, change))


def subaccount(actor_id: ActorId, username: str, *, change: bool = True) -> Unit[Subject]:
    """The account of that name, which must be below the actor; NotYours for the actor itself."""
    return (yield from _named((yield from acting(actor_id)), username, change))


def named_subaccount(actor_id: ActorId, username: str) -> Unit[Subject]:
    """As subaccount(), for `sub/edit`, whose document has another answer for what is not there: NotFound."""
    actor = yield from acting(actor_id)
    refuse_subaccount(actor)
    if (yield from accounts.by_username(username)) is None:
        raise NotFound("there is no such sub-account")
    return (yield from _named(actor, username, True))


def refuse_subaccount(actor: Account | Operator) -> None:
    """NotYours where the one who acts is a sub-account."""
    if isinstance(actor, Account) and actor.parent_id is not None:
        raise NotYours("a sub-account cannot do this; its parent account can")


def below(actor: Account | Operator, account: Account, *, change: bool) -> Unit[bool]:
    """Whether the actor is set over the account, as parent or by role: its own, and its parent's."""
    if isinstance(actor, Operator):
        return True
    if actor.id == account.id or actor.parent_id is not None:
        return False
    if account.parent_id == actor.id or actor.role == "root":
        return True
    if actor.role != "admin" and (actor.role != "viewer" or change):
        return False
    holder = account if account.parent_id is None else (yield from accounts.by_id(account.parent_id))
    return holder is not None and holder.role == "customer"


def _chosen(actor: Account | Operator, username: str | None, change: bool) -> Unit[Subject]:
    if username is not None:
        return (yield from _named(actor, username, change))
    if isinstance(actor, Operator):
        raise NotFound("name an account")
    return Subject(actor, actor)


def _named(actor: Account | Operator, username: str, change: bool) -> Unit[Subject]:
    account = yield from accounts.by_username(username)
    if account is None and isinstance(actor, Operator):
        raise NotFound(f"there is no account named {username!r}")
    if account is None or not (yield from below(actor, account, change=change)):
        raise NotYours
    return Subject(actor, account)
