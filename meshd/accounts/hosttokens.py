"""Tokens for the API of published hosts: those that somebody makes for programs, and those of whoever signs in there.

Both have the rights that their account's role has at that moment.  An access token does not expire.  A sign-in lasts
for minutes, and is renewed for days by a secret that is used once: who uses an old one again has stolen it, or was
stolen from, so that all that came of that sign-in ends.  No secret comes here, only digests.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NamedTuple

from meshd.accounts import validate
from meshd.accounts.errors import Forbidden, NotFound, PlanLimitReached
from meshd.accounts.ownership import ActorId
from meshd.accounts.published.rights import READERS, acting, person
from meshd.accounts.trail import conclude
from meshd.auth.sessions import proof
from meshd.model import Account, Token
from meshd.store.statements import accounts, changes, refreshes
from meshd.store.statements import tokens as stored
from meshd.store.unit import Unit
from meshd.values.times import DAY, iso

PREFIX = "pp_"
"""What every access token begins with."""
MOST_TOKENS = 100
"""Access tokens of one account: far more than it has programs."""
MOST_SESSIONS = 20
"""Sign-ins of one account that hold at a time: each takes the place of the oldest beyond these."""
MOST_REFRESHES = 500
"""What is remembered of an account's sign-ins, spent ones too, so that one that is used again is known."""
MOST_RENEWALS = 700
"""What is remembered of one sign-in: it is renewed less often within seven days, unless somebody does nothing else."""
SECONDS = 900
"""For which a sign-in holds that is not renewed."""
REFRESHED = 7 * DAY
"""Seconds within which a sign-in can be renewed."""
SWEPT = 1000
"""What is over and one sign-in forgets; more are over than begin only after a long rest."""


class Renewed(NamedTuple):
    """A sign-in that goes on."""

    account: Account
    token: Token


def listing(actor_id: ActorId) -> Unit[list[Token]]:
    """The actor's own access tokens, the oldest first.  Raises: Forbidden."""
    actor = yield from acting(actor_id, change=False)
    return (yield from stored.of_account(person(actor).id, "hosts"))


def create(actor_id: ActorId, *, name: str, digest: bytes, now: int) -> Unit[Token]:
    """Add an access token of the actor's own.  Raises: Invalid (field `name`), PlanLimitReached, Forbidden."""
    validate.require(name=validate.label(name) if name.strip() else "This field is required.")
    actor = yield from acting(actor_id, change=False, own=True)
    account = person(actor)
    yield from accounts.lock(account.id)
    if (yield from stored.count(account.id, "hosts")) >= MOST_TOKENS:
        raise PlanLimitReached(f"an account has at most {MOST_TOKENS} access tokens; delete one first")
    token = yield from stored.create(account.id, digest, name, "", now, kind="hosts")
    changed = {"label": (None, name)}
    yield from conclude(actor.by, "access-token.create", account.id, f"token {token.id}", now, changed)
    return token


def delete(actor_id: ActorId, id: int, *, now: int) -> Unit[Token]:
    """Revoke one of the actor's own access tokens, at once.  Raises: NotFound, Forbidden."""
    actor = yield from acting(actor_id, change=False, own=True)
    account = person(actor)
    token = yield from stored.locked(id)
    if token is None or token.kind != "hosts" or token.account_id != account.id:
        raise NotFound(f"there is no access token {id}")
    yield from stored.delete(id)
    changed = {"label": (token.label, None)}
    yield from conclude(actor.by, "access-token.delete", account.id, f"token {id}", now, changed)
    return token


def begin(account_id: int, *, access: bytes, refresh: bytes, now: int) -> Unit[Renewed]:
    """Sign in whoever has just proven the account's password.

    access, refresh: digests of the secrets that the client is given.  Raises: Forbidden for a customer.
    """
    yield from accounts.lock(account_id)
    account = yield from accounts.by_id(account_id)
    if account is None or not account.active or account.role not in READERS:
        raise Forbidden("this takes an account with the role admin or viewer")
    yield from stored.thin_access(account_id, MOST_SESSIONS - 1, iso(now)[:16], "session")
    yield from refreshes.keep(account_id, MOST_REFRESHES - 1)
    yield from refreshes.sweep(now, SWEPT)
    token = yield from _issued(account, access, refresh, 0, now)
    return Renewed(account, token)


def renew(digest: bytes, *, access: bytes, refresh: bytes, now: int) -> Unit[Renewed | None]:
    """Let a sign-in go on with other secrets; None where it cannot.

    digest: of the secret that renews.  One that was used before ends all that came of its sign-in; so does another
    password or role since, and an account that is not active.
    """
    found = yield from refreshes.taken(digest)
    if found is None:
        return None
    account = yield from accounts.by_id(found.account_id)
    if found.spent or found.until <= now or account is None or not _holds(account, found.proof):
        yield from refreshes.end(found.family)
        yield from changes.publish(found.account_id)
        return None
    yield from refreshes.spend(found.id)
    yield from stored.delete(found.token_id)
    yield from refreshes.thin(found.family, MOST_RENEWALS - 1)
    token = yield from _issued(account, access, refresh, found.family, now)
    yield from changes.publish(account.id)
    return Renewed(account, token)


def end(*, token_id: int = 0, refresh: bytes = b"", now: int) -> Unit[int]:
    """End sign-ins, named by a token or by the digest of what renews one; the account's id, 0 where there is none.

    An access token is no sign-in, and stays.
    """
    account_id = 0
    token = yield from stored.by_id(token_id)
    if token is not None and token.kind == "session":
        account_id = token.account_id
        yield from refreshes.end((yield from refreshes.family_of(token_id)))
        yield from stored.delete(token_id)
    found = (yield from refreshes.taken(refresh)) if refresh else None
    if found is not None:
        account_id = found.account_id
        yield from refreshes.end(found.family)
    account = yield from accounts.by_id(account_id)
    if account is not None:
        yield from conclude(account.username, "account.sign-out", account.id, "", now)
    return account_id


def _issued(account: Account, access: bytes, refresh: bytes, family: int, now: int) -> Unit[Token]:
    minute = iso(now + SECONDS + 59)[:16]
    """A token holds until a minute begins: up to a minute longer than is said, rather than shorter."""
    token = yield from stored.create(account.id, access, "", minute, now, kind="session")
    yield from refreshes.add(
        refresh, account.id, family=family, proof=proof(account), token_id=token.id, until=now + REFRESHED
    )
    return token


def _holds(account: Account, known: str) -> bool:
    return account.active and account.role in READERS and compare_digest(proof(account), known)
