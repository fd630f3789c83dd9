"""Keys for the API below `/v1`: those that an account's holder makes for programs, and those of whoever signs in there.

Both stand for the account itself with the rights of a customer.  The secret never comes here: a key is made from its
digest.
"""

from __future__ import annotations

from meshd.accounts import validate
from meshd.accounts.errors import NotFound, PlanLimitReached
from meshd.accounts.ownership import ActorId, ByToken, Subject, locked, own
from meshd.accounts.trail import conclude
from meshd.model import Account, Token
from meshd.store.statements import tokens as stored
from meshd.store.unit import Unit
from meshd.values.times import iso

PREFIX = "ph_"
"""What every secret of that API begins with."""
MOST_KEYS = 100
"""Keys of one account: far more than it has programs."""
MOST_ACCESS = 20
"""Sign-ins of one account that hold at a time: each takes the place of the oldest beyond these."""
DEFAULT_NAME = "My API Key"


def listing(actor_id: ActorId) -> Unit[list[Token]]:
    """The actor's own keys, the oldest first."""
    subject = yield from own(actor_id, None, change=False)
    return (yield from stored.of_account(subject.account.id, "key"))


def create(actor_id: ActorId, *, digest: bytes, label: str, now: int) -> Unit[Token]:
    """Add a key of the actor's own.  Raises: Invalid (field `label`), PlanLimitReached, Forbidden for a viewer."""
    validate.require(label=validate.label(label))
    subject = yield from locked((yield from own(actor_id, None)))
    if (yield from stored.count(subject.account.id, "key")) >= MOST_KEYS:
        raise PlanLimitReached(f"an account has at most {MOST_KEYS} API keys; delete one first")
    key = yield from stored.create(subject.account.id, digest, label, "", now, kind="key")
    yield from conclude(subject.by, "key.create", subject.account.id, f"key {key.id}", now, {"label": (None, label)})
    return key


def regenerate(actor_id: ActorId, key_id: int, *, digest: bytes, now: int) -> Unit[Token]:
    """Give a key another secret; what was known of the old one is worth nothing from then on.  Raises: NotFound,
    Forbidden for a viewer.
    """
    subject, key = yield from _own(actor_id, key_id)
    changed = yield from stored.renew(key.id, digest, now)
    if changed is None:
        raise _absent()
    yield from conclude(subject.by, "key.regenerate", subject.account.id, f"key {key.id}", now)
    return changed


def delete(actor_id: ActorId, key_id: int, *, now: int) -> Unit[None]:
    """Remove a key for good.  Raises: NotFound, Forbidden for a viewer."""
    subject, key = yield from _own(actor_id, key_id)
    yield from stored.delete(key.id)
    yield from conclude(
        subject.by, "key.delete", subject.account.id, f"key {key.id}", now, {"label": (key.label, None)}
    )


def sign_in(account: Account, *, digest: bytes, seconds: int, now: int) -> Unit[Token]:
    """Let whoever has just proven the account's password act for it, for so many seconds."""
    yield from stored.thin_access(account.id, MOST_ACCESS - 1, iso(now)[:16])
    return (yield from stored.create(account.id, digest, "", iso(now + seconds)[:16], now, kind="access"))


def sign_out(actor_id: ActorId, *, now: int) -> Unit[None]:
    """End the sign-in that the actor acts by; a key stays as it is."""
    if not isinstance(actor_id, ByToken):
        return
    token = yield from stored.by_id(actor_id.token_id)
    if token is not None and token.kind == "access":
        subject = yield from own(actor_id, None, change=False)
        yield from stored.delete(token.id)
        yield from conclude(subject.by, "account.sign-out", subject.account.id, "", now)


def _own(actor_id: ActorId, key_id: int) -> Unit[tuple[Subject, Token]]:
    """A key of the actor's own, its row locked; a sub-account has its own, and no parent or operator has those.
    Raises: NotFound, Forbidden for a viewer.
    """
    subject = yield from own(actor_id, None)
    key = yield from stored.locked(key_id)
    if key is None or key.kind != "key" or key.account_id != subject.account.id:
        raise _absent()
    return subject, key


def _absent() -> NotFound:
    return NotFound("there is no such key")
