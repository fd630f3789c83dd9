"""Who acts on what is published, which belongs to no single account: admins change, viewers read, customers do neither.

A token of the API of published hosts has the rights that its account's role has at that moment.  Any other token has
none: it was made for its account alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshd.accounts.errors import Forbidden, NotYours
from meshd.accounts.ownership import ActorId, ByToken, Operator, name_of
from meshd.model import Account, Role
from meshd.store.statements import accounts, tokens
from meshd.store.unit import Unit
from meshd.values.tokens import HOSTS

READERS: frozenset[Role] = frozenset({"root", "admin", "viewer"})
CHANGERS: frozenset[Role] = frozenset({"root", "admin"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks, and is allowed to."""

    account: Account | Operator
    token_id: int = 0
    """The id of the token that was used; 0 for none."""

    @property
    def by(self) -> str:
        """As the audit names the actor: `alice`, or `alice (token 3)`."""
        return f"{name_of(self.account)} (token {self.token_id})" if self.token_id else name_of(self.account)

    @property
    def account_id(self) -> int:
        """The account's id; 0 for the operator at the command line."""
        return 0 if isinstance(self.account, Operator) else self.account.id


def acting(
    actor_id: ActorId, *, change: bool, own: bool = False, roles: frozenset[Role] | None = None, other: int = 0
) -> Unit[Actor]:
    """Who asks, if that is allowed.

    own: what is changed is the actor's own, as a token, so that it takes no more than to read; roles: those that may,
    where not all who may change or read; other: the id of an account that is to be changed.
    Raises: NotYours where the account was deleted since; Forbidden.
    """
    if isinstance(actor_id, Operator):
        return Actor(actor_id)
    account_id, token_id = (actor_id.id, actor_id.token_id) if isinstance(actor_id, ByToken) else (actor_id, 0)
    if token_id:
        yield from _hold(token_id, account_id, change=change or own, other=other)
    account = yield from accounts.by_id(account_id)
    if account is None:
        raise NotYours
    if not account.active or account.role not in READERS:
        raise Forbidden("this takes an account with the role admin or viewer")
    if change and account.role not in CHANGERS:
        raise Forbidden("a viewer changes nothing; an account with the role admin can")
    if roles is not None and account.role not in roles:
        raise Forbidden("this takes an account with the role admin")
    return Actor(account, token_id)


def person(actor: Actor) -> Account:
    """The account that asks.  Raises: Forbidden for the operator at the command line, who is none."""
    if isinstance(actor.account, Operator):
        raise Forbidden("this takes an account that has signed in")
    return actor.account


def _hold(token_id: int, account_id: int, *, change: bool, other: int) -> Unit[None]:
    """Make sure of the token; for a change it is locked, so that nobody revokes it before the change is made, and the
    accounts before it, as those do who set a password and then end what was begun with the old one.  Raises: Forbidden.
    """
    for each in sorted({account_id, other} - {0}) if change else ():
        yield from accounts.lock(each)
    token = yield from tokens.locked(token_id) if change else tokens.by_id(token_id)
    if token is None or not token.active or token.account_id != account_id:
        raise Forbidden("this token is no longer valid")
    if token.kind not in HOSTS or token.confined:
        raise Forbidden("this takes a token that was made for published hosts")
