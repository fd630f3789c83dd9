"""Who acts on which account, and whether they may, decided inside the transaction that then makes the change.

A customer acts on itself and on its sub-accounts, and learns nothing of any other: NotYours for what is another's and
for what does not exist.  A sub-account acts on itself alone, and only where its parent does not decide for it.  Above
them, by role: `viewer` reads customers, and changes nothing of its own either but how it signs in; `admin` also changes
customers, `root` everyone; with a password alone, since a stolen token must not reach beyond its own account and those
below it.  A token that is confined (to some proxies, by a selection or by rules) changes nothing at all: it could make
itself an account that is not.  The operator at the command line is no account; nobody can sign in as one, and an id
never stands for it by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshd.accounts.errors import Forbidden, NotFound, NotYours
from meshd.model import Account
from meshd.store.statements import accounts, tokens
from meshd.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever may run the `meshd` command on this store."""

    name: str = "operator"


@dataclass(frozen=True, slots=True)
class ByToken:
    """An account that asks with a bearer token: what its role allows over others takes its password."""

    id: int
    token_id: int
    confined: bool = False
    """Whether the token is for less than its account may do."""
    whole: bool = False
    """Whether the token stands for the account's password too, as those of the API below `/v1` do."""


ActorId = int | ByToken | Operator
"""The id of the account that asks, or the operator."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The account that is acted upon, and by whom."""

    actor: Account | Operator
    account: Account
    token_id: int = 0
    """The id of the token that the actor asks with; 0 for no token."""

    @property
    def by(self) -> str:
        """The actor as the audit names it: `alice`, or `alice (token 3)`."""
        if isinstance(self.actor, Operator):
            return self.actor.name
        return f"{self.actor.username} (token {self.token_id})" if self.token_id else self.actor.username

    @property
    def origin(self) -> int:
        """The id of the token that the request was made with, or else that set the actor's password; 0 for none."""
        return self.token_id or (0 if isinstance(self.actor, Operator) else self.actor.password_by)

    @property
    def by_operator(self) -> bool:
        """Whether the actor acts as operator: at the command line, or by role on an account not its own or below it."""
        actor, account = self.actor, self.account
        return isinstance(actor, Operator) or actor.id not in (account.id, account.parent_id)

    @property
    def family_id(self) -> int:
        """The account's parent, or itself."""
        return self.account.parent_id or self.account.id


def acting(actor_id: ActorId, *, change: bool) -> Unit[Account | Operator]:
    """Who asks.
    Raises: NotYours where the account was deleted since; Forbidden for a token that may not change.
    """
    if isinstance(actor_id, Operator):
        return actor_id
    account = yield from accounts.by_id(actor_id.id if isinstance(actor_id, ByToken) else actor_id)
    if account is None:
        raise NotYours
    if not isinstance(actor_id, ByToken):
        return account
    if change:
        refuse_viewer(account)
        yield from _refuse_powerless(actor_id, account)
    return replace(account, role="customer")


def _refuse_powerless(by: ByToken, account: Account) -> Unit[None]:
    """Lock the token's row: whoever deletes the token then sees all that the token has made.  Raises: Forbidden.

    The rows of the account's parent and of the account are locked before: whoever sets a password locks the account and
    then deletes its tokens, and in another order each would wait for the other.
    """
    if by.confined:
        raise Forbidden(
            "this token is for some proxies, exits or destinations only, and changes nothing; use the password"
        )
    yield from lock_family(account)
    if not (yield from tokens.hold(by.token_id)):
        raise Forbidden("this token is no longer valid")


def operating(actor_id: ActorId, *, change: bool) -> Unit[Account | Operator]:
    """Who asks for what belongs to no single account, as lists of all of them.
    Raises: Forbidden for whoever is neither `root`, `admin` nor, to read, `viewer`, and for a token of theirs.
    """
    actor = yield from acting(actor_id, change=change)
    if isinstance(actor, Operator) or actor.role in ("root", "admin"):
        return actor
    if actor.role == "viewer":
        if change:
            refuse_viewer(actor)
        return actor
    raise Forbidden("this takes an account with the role admin or viewer, signed in by its password")


def name_of(actor: Account | Operator) -> str:
    """The actor as the audit names it where it acts on no single account."""
    return actor.name if isinstance(actor, Operator) else actor.username


def subject_of(actor_id: ActorId, actor: Account | Operator, account: Account) -> Subject:
    return Subject(actor, account, actor_id.token_id if isinstance(actor_id, ByToken) else 0)


def own(actor_id: ActorId, username: str | None, *, change: bool = True) -> Unit[Subject]:
    """The actor itself for None, else the account of that name.  Raises: NotYours where the actor may not; NotFound."""
    actor = yield from acting(actor_id, change=change)
    return subject_of(actor_id, actor, (yield from _chosen(actor, username, change)))


def managed(actor_id: ActorId, username: str | None, *, change: bool = True) -> Unit[Subject]:
    """As own(), for what a parent decides for its sub-accounts.  Raises: NotYours where a sub-account asks."""
    actor = yield from acting(actor_id, change=change)
    refuse_subaccount(actor)
    return subject_of(actor_id, actor, (yield from _chosen(actor, username, change)))


def subaccount(actor_id: ActorId, username: str, *, change: bool = True) -> Unit[Subject]:
    """The account of that name, which must be below the actor.  Raises: NotYours, also for the actor itself."""
    actor = yield from acting(actor_id, change=change)
    return subject_of(actor_id, actor, (yield from _named(actor, username, change)))


def locked(subject: Subject) -> Unit[Subject]:
    """The subject with its account read anew and locked until the unit ends.  Raises: NotFound if it was deleted."""
    yield from accounts.lock(subject.account.id)
    account = yield from accounts.by_id(subject.account.id)
    if account is None:
        raise NotFound("the account was deleted meanwhile")
    return replace(subject, account=account)


def lock_family(account: Account) -> Unit[None]:
    """Lock an account's row until the unit ends, that of its parent before: in the order of all who need both."""
    if account.parent_id is not None:
        yield from accounts.lock(account.parent_id)
    yield from accounts.lock(account.id)


def refuse_subaccount(actor: Account | Operator) -> None:
    """Refuse an actor that is a sub-account.  Raises: NotYours."""
    if isinstance(actor, Account) and actor.parent_id is not None:
        raise NotYours("a sub-account cannot do this; its parent account can")


def refuse_viewer(actor: Account) -> None:
    """Refuse an actor that is there to look, also where it is about the actor's own account.  Raises: Forbidden."""
    if actor.role == "viewer":
        raise Forbidden("a viewer changes nothing; an account with the role admin can")


def below(actor: Account | Operator, account: Account, *, change: bool) -> Unit[bool]:
    """Whether the actor may act on the account as its parent or by role; False for the actor's own account."""
    if isinstance(actor, Operator):
        return True
    if actor.id == account.id or actor.parent_id is not None or (change and actor.role == "viewer"):
        return False
    if account.parent_id == actor.id or actor.role == "root":
        return True
    if actor.role not in ("admin", "viewer"):
        return False
    holder = account if account.parent_id is None else (yield from accounts.by_id(account.parent_id))
    return holder is not None and holder.role == "customer"


def _chosen(actor: Account | Operator, username: str | None, change: bool) -> Unit[Account]:
    if username is not None:
        return (yield from _named(actor, username, change))
    if isinstance(actor, Operator):
        raise NotFound("name an account")
    if change:
        refuse_viewer(actor)
    return actor


def _named(actor: Account | Operator, username: str, change: bool) -> Unit[Account]:
    account = yield from accounts.by_username(username)
    if account is None:
        if isinstance(actor, Operator):
            raise NotFound(f"there is no account named {username!r}")
        raise NotYours(absent=True)
    if not (yield from below(actor, account, change=change)):
        raise NotYours
    return account
