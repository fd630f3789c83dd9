"""Users of the API of published hosts: accounts with the role admin or viewer, as that API calls and changes them.

The root account is told among them, and is changed elsewhere.  Customers are no users here, and are never told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hmac import compare_digest
from secrets import token_hex
from typing import Any

from meshd.accounts import entitlement, validate
from meshd.accounts.errors import Forbidden, Invalid, NotFound, Taken
from meshd.accounts.ownership import ActorId
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.published.rights import Actor, acting
from meshd.accounts.subaccounts import removed
from meshd.accounts.toplevel import DEFAULT_PLAN, added, authorize_first, made
from meshd.accounts.trail import between, conclude
from meshd.accounts.usernames import require_unused
from meshd.auth import sessions
from meshd.model import Account, Role
from meshd.store.statements import accounts, changes, refreshes
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.times import day_of

LEAST_PASSWORD = 8
"""Characters of a password, which is measured by whoever hashes it."""
ROLES: frozenset[Role] = frozenset({"admin", "viewer"})
LONGEST_NAME = 2 * validate.NAME + 1
"""Characters of a user's name, which is kept as a first and a last name."""


def name_of(account: Account) -> str:
    """What a user is called: by the name that was given, else by the account's."""
    return f"{account.first_name} {account.last_name}".strip() or account.username


def role_of(account: Account) -> str:
    """The role that a user is told to have: the root's is that of an admin."""
    return "viewer" if account.role == "viewer" else "admin"


def listing(actor_id: ActorId, *, after: int = 0, limit: int = 1000) -> Unit[list[Account]]:
    """The users that come after an id, by id.  Raises: Forbidden."""
    yield from acting(actor_id, change=False)
    return (yield from accounts.staff(after, limit))


def read(actor_id: ActorId, id: int) -> Unit[Account]:
    """One user.  Raises: NotFound, Forbidden."""
    yield from acting(actor_id, change=False)
    return (yield from _user(id))


def create(
    actor_id: ActorId,
    *,
    name: str,
    email: str,
    password_hash: str,
    role: str,
    active: bool = True,
    plans: Mapping[str, Plan],
    proxies: Sequence[str] = (),
    plan: str = DEFAULT_PLAN,
    now: int,
) -> Unit[Account]:
    """Add a user, whose account has a name of its own.
    Raises: Invalid, Taken (fields `name`, `email`, `role`), Forbidden.
    """
    actor = yield from acting(actor_id, change=True)
    _require(name=name, email=email, role=role)
    yield from _require_free(email, 0)
    username = yield from _username(name, email)
    first, last = _parted(name) if username != name else ("", "")
    profile = Profile(first_name=first, last_name=last, email=email)
    new = NewAccount(username=username, password_hash=password_hash, profile=profile)
    new.require_valid()
    facts: dict[str, Any] = {"parent": None, "plan": plan, "role": role, "billing_day": day_of(now), "now": now}
    account = yield from added(new, **facts)
    if plan in plans:
        yield from authorize_first(account.id, entitlement.first_proxies(plans[plan], proxies), now)
    if not active:
        account = (yield from accounts.edit(account.id, active=False)) or account
    yield from conclude(actor.by, "account.create", account.id, account.username, now, made(account))
    return account


def change(
    actor_id: ActorId,
    id: int,
    *,
    name: str | None = None,
    email: str | None = None,
    role: str | None = None,
    active: bool | None = None,
    now: int,
) -> Unit[Account]:
    """Change what is given.  Nobody takes her own role away, nor switches herself off.
    Raises: Invalid, Taken (fields `name`, `email`, `role`, `active`), NotFound, Forbidden.
    """
    actor = yield from acting(actor_id, change=True, other=id)
    before = yield from _changeable(actor, id)
    _require(name=name, email=email, role=role)
    columns: dict[str, Any] = {}
    if name is not None and name != name_of(before):
        columns["first_name"], columns["last_name"] = _parted(name)
    for column, value in (("email", email), ("role", role), ("active", active)):
        if value is not None and value != getattr(before, column):
            columns[column] = value
    if not columns:
        return before
    if actor.account_id == id and columns.keys() & {"role", "active"}:
        raise Forbidden("nobody changes her own role, or switches herself off; another admin can")
    if "email" in columns:
        yield from _require_free(columns["email"], id)
    account = yield from accounts.edit(id, **columns)
    assert account is not None
    if columns.get("active") is False:
        yield from _sign_out(id)
    yield from conclude(actor.by, "account.edit", id, _told(columns), now, between(before, columns))
    return account


def set_password(
    actor_id: ActorId,
    id: int,
    password_hash: str,
    *,
    verified: str = "",
    now: int,
) -> Unit[None]:
    """Replace a user's password and end the user's sign-ins: an admin anybody's, everybody her own.

    verified: for one's own, the hash that the present password was compared with.
    Raises: Invalid (field `current`) where that is wrong or has changed meanwhile, NotFound, Forbidden.
    """
    actor = yield from acting(actor_id, change=False, own=True, other=id)
    if actor.account_id == id:
        yield from accounts.lock(id)
        account = yield from _user(id)
        if not verified or not compare_digest(account.password_hash.encode(), verified.encode()):
            raise Invalid({"current": ["This is not the present password."]})
    else:
        yield from acting(actor_id, change=True)
        yield from _changeable(actor, id)
    yield from accounts.edit(id, password_hash=password_hash, password_by=actor.token_id)
    yield from _sign_out(id)
    yield from conclude(actor.by, "account.password", id, "", now, {"password": None})


def delete(actor_id: ActorId, id: int, *, now: int) -> Unit[Account]:
    """Remove a user, whose hosts are the root's from then on; who it was.
    Raises: Forbidden for oneself and the root account, NotFound.
    """
    actor = yield from acting(actor_id, change=True, other=id)
    if actor.account_id == id:
        raise Forbidden("nobody deletes herself; another admin can")
    account = yield from _changeable(actor, id)
    yield from removed(account, now)
    name = account.username
    yield from conclude(actor.by, "account.delete", id, name, now, username=name)
    return account


def _user(account_id: int) -> Unit[Account]:
    account = yield from accounts.by_id(account_id)
    if account is None or account.role == "customer":
        raise NotFound(f"there is no user {account_id}")
    return account


def _changeable(actor: Actor, account_id: int) -> Unit[Account]:
    """The user, locked.  Raises: NotFound; Forbidden for the root account."""
    yield from accounts.lock(account_id)
    account = yield from _user(account_id)
    if account.role == "root":
        raise Forbidden("the root account is neither changed nor deleted here")
    return account


def _sign_out(account_id: int) -> Unit[None]:
    yield from sessions.end_all(account_id)
    yield from refreshes.end_all(account_id)


def _require(*, name: str | None, email: str | None, role: str | None) -> None:
    validate.require(
        name=None if name is None else _name_problem(name),
        email=None if email is None else (validate.email(email) if email else "This field is required."),
        role=None if role is None or role in ROLES else "This must be one of admin, viewer.",
    )


def _name_problem(name: str) -> str | None:
    if not name.strip():
        return "This field is required."
    if len(name) > LONGEST_NAME or any(len(part) > validate.NAME for part in _parted(name)):
        return f"Use at most {validate.NAME} characters for a first name, and as many for a last."
    return validate.short_text(name, LONGEST_NAME)


def _parted(name: str) -> tuple[str, str]:
    """A first and a last name."""
    first, _, last = name.strip().rpartition(" ")
    return (first.strip(), last) if first else (last, "")


def _require_free(email: str, but: int) -> Unit[None]:
    """Refuse an address that another account signs in by; whoever else takes one queues with this unit until it ends.
    Raises: Taken.
    """
    yield from changes.queue()
    yield from require_unused(email, but)


def _username(name: str, email: str) -> Unit[str]:
    """A name for the account: the user's where that can be one, else the address, else one that nobody has."""
    for each in (name, email):
        if validate.username(each) is None and (yield from _unused(each)):
            return each
    return f"user-{token_hex(8)}"


def _unused(name: str) -> Unit[bool]:
    """Whether no account is called so, nor signs in by it as its e-mail address."""
    try:
        yield from require_unused(name)
    except Taken:
        return False
    return True


def _told(columns: Mapping[str, Any]) -> str:
    """The audit's detail: the role, of the rest only that it changed."""
    return "; ".join(f"role={columns[name]}" if name == "role" else name for name in sorted(columns))
