"""Bearer tokens: each account has as many as its plan allows; managed by the account or by its parent.

The secret itself never comes here: a token is created from its digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from meshd.accounts import entitlement, validate
from meshd.accounts.errors import Forbidden, Invalid, NotFound, PlanLimitReached
from meshd.accounts.ownership import (
    ActorId,
    Subject,
    acting,
    below,
    lock_family,
    managed,
    refuse_subaccount,
    refuse_viewer,
    subaccount,
    subject_of,
)
from meshd.accounts.proxies import recognised
from meshd.accounts.trail import between, conclude
from meshd.model import Account, EndedBy, Token
from meshd.selection import read_selection, render
from meshd.store.statements import accounts, planted
from meshd.store.statements import proxies as authorizations
from meshd.store.statements import tokens as stored
from meshd.store.unit import Unit
from meshd.topology import Plan, ProxyHost
from meshd.values.times import end_of
from meshd.values.traces import Made


def listing(actor_id: ActorId, username: str | None) -> Unit[list[Token]]:
    """The account's tokens, oldest first."""
    subject = yield from managed(actor_id, username, change=False)
    return (yield from stored.of_account(subject.account.id))


def shown(actor_id: ActorId, token_id: int) -> Unit[Token]:
    """One token, of the actor's own or of an account below.  Raises: NotFound for any other."""
    actor = yield from acting(actor_id, change=False)
    refuse_subaccount(actor)
    token = yield from stored.by_id(token_id)
    holder = (yield from accounts.by_id(token.account_id)) if token is not None else None
    if token is None or holder is None or token.kind:
        raise _absent()
    own = isinstance(actor, Account) and actor.id == holder.id
    if not own and not (yield from below(actor, holder, change=False)):
        raise _absent()
    return token


def create(
    actor_id: ActorId,
    username: str | None,
    *,
    digest: bytes,
    label: str,
    expires_on: str,
    plans: Mapping[str, Plan],
    now: int,
    selection: str = "",
    proxies: Sequence[str] = (),
    known: Mapping[str, ProxyHost] = MappingProxyType({}),
) -> Unit[Token]:
    """Add a token.

    selection: what the token asks of the exit where its user does not; proxies: those that the token is for, () for
    all; known: the proxies of the settings.
    Raises: PlanLimitReached, Invalid (fields `label`, `expires_at`, `selection`, `proxies`), NotYours.
    """
    validate.require(
        label=validate.label(label),
        expires_at=validate.expiry(expires_on, now),
        selection=validate.selection(selection),
    )
    subject = yield from managed(actor_id, username)
    plan = yield from entitlement.held(subject.account, plans)
    refuse_without_tokens(plan)
    if (yield from stored.count(subject.account.id)) >= plan.bearer_tokens:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.bearer_tokens} bearer tokens an account")
    names = yield from _confined(subject.account, proxies, known)
    default = render(read_selection(selection))
    token = yield from stored.create(
        subject.account.id, digest, label, expires_on, now, selection=default, proxies=names
    )
    yield from conclude(subject.by, "token.create", subject.account.id, f"token {token.id}", now, begun(token))
    return token


def activate(
    actor_id: ActorId, token_id: int, username: str | None = None, *, plans: Mapping[str, Plan], now: int
) -> Unit[Token]:
    """Let a token be used again.  username: the sub-account that must hold the token; None for any holder.
    Raises: NotFound, Invalid for an expired token, PlanLimitReached after a downgrade, Forbidden for a token that the
    operator put out of use.
    """
    subject, token = yield from found(actor_id, token_id, username)
    if now >= end_of(token.expires_on):
        raise Invalid({"id": ["An expired token cannot be activated."]})
    plan = yield from entitlement.held(subject.account, plans)
    if token.ended_by == "operator" and not subject.by_operator:
        raise Forbidden("the operator has put this token out of use, and alone can activate it")
    refuse_without_tokens(plan)
    others = [each for each in (yield from stored.of_account(subject.account.id)) if each.id != token_id]
    if sum(each.active for each in others) >= plan.bearer_tokens:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.bearer_tokens} bearer tokens an account")
    return (yield from _switched(subject, token, True, now))


def edit(
    actor_id: ActorId,
    token_id: int,
    username: str | None = None,
    *,
    label: str | None = None,
    expires_on: str | None = None,
    now: int,
) -> Unit[Token]:
    """Change the label and the end of a token; None leaves them as they are.  username: as in activate().
    Raises: NotFound, Invalid (fields `label`, `expires_at`), Forbidden for a token that may not change anything.
    """
    validate.require(
        label=validate.label(label or ""),
        expires_at=validate.expiry(expires_on or "", now),
    )
    subject, token = yield from found(actor_id, token_id, username)
    given = {"label": label, "expires_on": expires_on}
    columns = {name: value for name, value in given.items() if value is not None and value != getattr(token, name)}
    if not columns:
        return token
    changed = yield from stored.edit(token_id, **columns)
    if changed is None:
        raise _absent()
    detail = f"token {token_id}: {', '.join(sorted(columns))}"
    yield from conclude(subject.by, "token.edit", subject.account.id, detail, now, between(token, columns))
    return changed


class Ended(NamedTuple):
    """A token that was deactivated or deleted."""

    token: Token
    made: Made
    """What the token had made, and what is there still."""


def deactivate(actor_id: ActorId, token_id: int, username: str | None = None, *, now: int) -> Unit[Ended]:
    """Stop a token from being used; if the operator does, its holder cannot activate it again.  Raises: NotFound."""
    subject, token = yield from found(actor_id, token_id, username)
    made = yield from planted.of_token(token_id, subject.family_id)
    return Ended((yield from _switched(subject, token, False, now)), made)


def delete(actor_id: ActorId, token_id: int, username: str | None = None, *, now: int) -> Unit[Ended]:
    """Remove a token for good.  Raises: NotFound."""
    subject, token = yield from found(actor_id, token_id, username)
    made = yield from planted.of_token(token_id, subject.family_id)
    yield from stored.delete(token_id)
    changed = {name: (value, None) for name, (_, value) in begun(token).items()}
    yield from conclude(subject.by, "token.delete", subject.account.id, f"token {token_id}", now, changed)
    return Ended(token, made)


def made(actor_id: ActorId, token_id: int, username: str | None = None) -> Unit[Made]:
    """What a token, also one that was deleted, has made of this account and its sub-accounts; nothing of others'."""
    subject = yield from managed(actor_id, username, change=False)
    return (yield from planted.of_token(token_id, subject.account.id))


def begun(token: Token) -> dict[str, tuple[object, object]]:
    """What the audit says of a new token."""
    facts = {
        "label": token.label,
        "expires_on": token.expires_on,
        "selection": token.selection,
        "proxies": list(token.proxies),
    }
    return {name: (None, value) for name, value in facts.items() if value}


def refuse_without_tokens(plan: Plan) -> None:
    """Refuse a plan that has no tokens at all.  Raises: PlanLimitReached."""
    if plan.bearer_tokens == 0:
        raise PlanLimitReached(f"plan {plan.name} does not support bearer tokens")


def _confined(account: Account, asked: Sequence[str], known: Mapping[str, ProxyHost]) -> Unit[list[str]]:
    """The names of the proxies that are asked for, each once.  Raises: Invalid for one that the account may not use."""
    found: dict[str, None] = {}
    held = (yield from authorizations.of_account(account.parent_id or account.id)) if asked else []
    for text in asked:
        proxy = recognised(text, known)
        if proxy is None or proxy.name not in held:
            raise Invalid({"proxies": [f"The account is not authorized for a proxy {text[:100]!r}."]})
        found[proxy.name] = None
    return list(found)


def found(actor_id: ActorId, token_id: int, username: str | None) -> Unit[tuple[Subject, Token]]:
    """The bearer token, its row locked: a change that is made by the token meanwhile is done before, or refused.
    Raises: NotFound where neither the actor nor a sub-account (`username`, if given) holds such a token.
    """
    actor = yield from acting(actor_id, change=True)
    refuse_subaccount(actor)
    named = (yield from subaccount(actor_id, username)).account if username is not None else None
    token = yield from stored.by_id(token_id)
    holder = (yield from accounts.by_id(token.account_id)) if token is not None else None
    if token is None or holder is None or token.kind or (named is not None and named.id != holder.id):
        raise _absent()
    own = isinstance(actor, Account) and actor.id == holder.id
    if own and isinstance(actor, Account):
        refuse_viewer(actor)
    if not own and not (yield from below(actor, holder, change=True)):
        raise _absent()
    yield from lock_family(holder)  # before the token's row, as those do who act by it
    token = yield from stored.locked(token_id)
    if token is None:
        raise _absent()
    return subject_of(actor_id, actor, holder), token


def _switched(subject: Subject, token: Token, active: bool, now: int) -> Unit[Token]:
    """Set whether the token is active; one that is so already is neither changed nor audited."""
    ended_by = "" if active else _ended_by(subject, token)
    if (active, ended_by) == (token.active, token.ended_by):
        return token
    changed = yield from stored.set_active(token.id, active, ended_by)
    if changed is None:
        raise _absent()
    action = "token.activate" if active else "token.deactivate"
    was = {"active": (token.active, active), "ended_by": (token.ended_by, ended_by)}
    yield from conclude(subject.by, action, subject.account.id, f"token {token.id}", now, was)
    return changed


def _ended_by(subject: Subject, token: Token) -> EndedBy:
    """Whose doing a deactivation is: the operator's remains the operator's, a plan's becomes the holder's own ("")."""
    return "operator" if subject.by_operator or token.ended_by == "operator" else ""


def _absent() -> NotFound:
    return NotFound("there is no such token")
