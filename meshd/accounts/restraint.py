"""What an account, or a token, is held to at the proxy: bounds and destination rules, and who may set them.

The operator sets those of top-level accounts, which hold for the family together.  A parent sets those of its
sub-accounts: they hold beside its own, so that none of them lets a sub-account do more.  What the operator has set of a
sub-account, its parent cannot change.  A token's rules are set by whoever may make tokens for the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshd.accounts.errors import Forbidden, Invalid, NotFound
from meshd.accounts.ownership import ActorId, Subject, locked, subaccount
from meshd.accounts.tokens import activate, deactivate, edit, found
from meshd.accounts.trail import conclude
from meshd.model import Account, Token
from meshd.store.statements import accounts, tokens
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values import rules as destinations
from meshd.values.bounds import Bounds, BoundsError, parsed
from meshd.values.bounds import read as read_bounds
from meshd.values.rules import Rules, RulesError
from meshd.values.rules import read as read_rules

TOLD = 20
"""Entries of a list that the audit names; further ones are counted."""


def set_bounds(actor_id: ActorId, username: str, given: Mapping[str, Any], *, now: int) -> Unit[Account]:
    """Change the bounds that are given, by name; None for one that the level below decides from now on.
    Raises: Invalid (by bound), NotYours, NotFound; Forbidden to a parent, where the operator has set them.
    """
    _bounds(given)
    subject = yield from locked((yield from subaccount(actor_id, username)))
    before = parsed(subject.account.bounds)
    after = _bounds({**before.given(), **given})
    if after == before:
        return subject.account
    return (yield from _kept(subject, "bounds", after.render(), (before.render(), after.render()), now))


def set_rules(actor_id: ActorId, username: str, given: Mapping[str, Any] | None, *, now: int) -> Unit[Account]:
    """Replace the destination rules, as `values.rules.read` takes them; None for no rules.
    Raises: Invalid (by part), NotYours, NotFound; Forbidden to a parent, where the operator has set them.
    """
    rules = _rules(given)
    subject = yield from locked((yield from subaccount(actor_id, username)))
    before, after = subject.account.rules, rules.render() if rules else ""
    if after == before:
        return subject.account
    return (yield from _kept(subject, "rules", after, (_told(before), _told(after)), now))


def set_token_rules(
    actor_id: ActorId, token_id: int, given: Mapping[str, Any] | None, username: str | None = None, *, now: int
) -> Unit[Token]:
    """Replace a token's destination rules; None for no rules.
    username: the sub-account that must hold the token; None for any holder.  Raises: Invalid (by part), NotFound.
    """
    rules = _rules(given)
    subject, token = yield from found(actor_id, token_id, username)
    after = rules.render() if rules else ""
    if after == token.rules:
        return token
    changed = yield from tokens.set_rules(token.id, after)
    if changed is None:
        raise NotFound("there is no such token")
    told = _told(token.rules), _told(after)
    detail = f"token {token.id}: {_change(*told)}"
    yield from conclude(subject.by, "token.rules", subject.account.id, detail, now, {"rules": told})
    return changed


def revise_token(
    actor_id: ActorId,
    token_id: int,
    username: str | None = None,
    *,
    label: str | None = None,
    expires_on: str | None = None,
    active: bool | None = None,
    rules: Mapping[str, Any] | None = None,
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[Token]:
    """Change all that is given of a token, or nothing; empty rules are none.
    Raises: what set_token_rules() and the changes of `accounts.tokens` raise.
    """
    token = yield from edit(actor_id, token_id, username, label=label, expires_on=expires_on, now=now)
    if rules is not None:
        token = yield from set_token_rules(actor_id, token_id, rules or None, username, now=now)
    if active is True:
        token = yield from activate(actor_id, token_id, username, plans=plans, now=now)
    elif active is False:
        token = (yield from deactivate(actor_id, token_id, username, now=now)).token
    return token


def _kept(subject: Subject, name: str, text: str, told: tuple[str, str], now: int) -> Unit[Account]:
    """Set the text; told: what it was and is, for the audit.  Raises: Forbidden, NotFound."""
    account = subject.account
    below = account.parent_id is not None
    if below and not subject.by_operator and getattr(account, f"{name}_by") == "operator":
        raise Forbidden(f"the operator has set the {name} of this account, and alone can change them")
    by = "operator" if below and subject.by_operator and text else ""
    changed = yield from accounts.edit(account.id, **{name: text, f"{name}_by": by})
    if changed is None:
        raise NotFound("the account was deleted meanwhile")
    yield from conclude(subject.by, f"account.{name}", account.id, _change(*told), now, {name: told})
    return changed


def _bounds(given: Mapping[str, Any]) -> Bounds:
    try:
        return read_bounds(given)
    except BoundsError as error:
        raise Invalid({error.name: [f"This bound {error.text}."]}) from None


def _rules(given: Mapping[str, Any] | None) -> Rules | None:
    try:
        return None if given is None else read_rules(given)
    except RulesError as error:
        raise Invalid({error.name: [f"{error.text}."]}) from None


def _change(before: str, after: str) -> str:
    return f"{before or 'none'} -> {after or 'none'}"


def _told(text: str) -> str:
    """Rules for the audit: the first entries, the number of others, and how a refusal is told."""
    if not text:
        return ""
    rules = destinations.parsed(text)
    more = len(rules.entries) - TOLD
    parts = [f"{rules.kind} {', '.join(rules.entries[:TOLD])}" + (f" and {more:,} more" if more > 0 else "")]
    parts += ["observed"] if rules.observe else []
    parts += [f'saying "{rules.words}"'] if rules.words else []
    return ", ".join(parts)
