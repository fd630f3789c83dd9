"""An account with all that an operator may set of it: made, read and changed as a whole, each in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from meshd.accounts import subaccounts, toplevel
from meshd.accounts.errors import Invalid, NotYours, Stale
from meshd.accounts.ownership import ActorId, below, locked, operating, subaccount
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.restraint import set_bounds, set_rules
from meshd.accounts.terms import Agreed, agree, revise
from meshd.accounts.toplevel import Terms
from meshd.model import Account
from meshd.store.statements import accounts, secondfactors
from meshd.store.unit import Unit
from meshd.topology import Plan


class Dossier(NamedTuple):
    """What an operator sees of an account; what it has used is told elsewhere, since that changes by itself."""

    account: Account
    parent: str
    """The parent's username; "" for a top-level account."""
    second_factor: bool = False
    """Whether who signs in on pages is asked for a code beside the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an account is to be held to at the proxy; None leaves it as it is."""

    bounds: Mapping[str, Any] | None = None
    """By name, None for a bound that the plan decides from now on."""
    rules: Mapping[str, Any] | None = None
    """Destination rules as `values.rules.read` takes them; empty for none."""


AS_IT_IS = Held()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be changed of an account; None leaves it as it is."""

    profile: Profile
    terms: Terms
    agreed: Agreed
    held: Held = AS_IT_IS
    active: bool | None = None


def create(
    actor_id: ActorId,
    new: NewAccount,
    *,
    parent: str,
    terms: Terms,
    agreed: Agreed,
    held: Held = AS_IT_IS,
    plans: Mapping[str, Plan],
    proxies: Sequence[str],
    now: int,
) -> Unit[Dossier]:
    """Make a top-level account, or a sub-account of the parent that is named.  Raises: as the rules for either."""
    yield from operating(actor_id, change=True)
    if parent:
        if terms.columns():
            raise Invalid({name: ["A sub-account has its parent's."] for name in terms.columns()})
        made = (yield from subaccounts.create(actor_id, new, parent=parent, plans=plans, now=now)).account
    else:
        made = yield from toplevel.create(actor_id, new, terms=terms, plans=plans, proxies=proxies, now=now)
    yield from _hold(actor_id, made.username, held, now)
    return (yield from _of((yield from agree(actor_id, made.username, agreed, plans=plans, now=now))))


def read(actor_id: ActorId, username: str) -> Unit[Dossier]:
    """The account of that name.  Raises: NotYours, `absent` where there is none."""
    actor = yield from operating(actor_id, change=False)
    account = yield from accounts.by_username(username)
    if account is None:
        raise NotYours(absent=True)
    own = isinstance(actor, Account) and actor.id == account.id
    if not own and not (yield from below(actor, account, change=False)):
        raise NotYours("this account is an operator's; only the root account sees it")
    return (yield from _of(account))


def change(
    actor_id: ActorId,
    username: str,
    changes: Changes,
    *,
    expected: Callable[[Dossier], bool],
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[Dossier]:
    """Make all of the changes or none.  expected: whether the account is still as whoever asks has seen it.
    Raises: Stale where it is not; Invalid, NotYours and what else the rules of each change raise.
    """
    yield from operating(actor_id, change=True)
    yield from _require(actor_id, username, expected)
    if changes.active is not None:
        switch = subaccounts.activate if changes.active else subaccounts.deactivate
        yield from switch(actor_id, username, now=now)
    yield from _hold(actor_id, username, changes.held, now)
    revised = yield from revise(
        actor_id, username, changes.profile, changes.terms, changes.agreed, plans=plans, now=now
    )
    return (yield from _of(revised.account))


def delete(actor_id: ActorId, username: str, *, expected: Callable[[Dossier], bool], now: int) -> Unit[None]:
    """Remove the account and all that is its own.  Raises: Stale; what `subaccounts.delete` raises."""
    yield from operating(actor_id, change=True)
    yield from _require(actor_id, username, expected)
    yield from subaccounts.delete(actor_id, username, now=now)


def _hold(actor_id: ActorId, username: str, held: Held, now: int) -> Unit[None]:
    if held.bounds is not None:
        yield from set_bounds(actor_id, username, held.bounds, now=now)
    if held.rules is not None:
        yield from set_rules(actor_id, username, held.rules or None, now=now)


def _require(actor_id: ActorId, username: str, expected: Callable[[Dossier], bool]) -> Unit[None]:
    """Lock the account.  Raises: Stale where it is not as expected; NotYours."""
    subject = yield from locked((yield from subaccount(actor_id, username)))
    if not expected((yield from _of(subject.account))):
        raise Stale("the account has changed since it was read; read it again, then decide anew")


def _of(account: Account) -> Unit[Dossier]:
    parent = (yield from accounts.by_id(account.parent_id)) if account.parent_id else None
    factor = yield from secondfactors.of_account(account.id)
    return Dossier(account, parent.username if parent else "", factor is not None)
