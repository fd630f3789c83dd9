"""What an account holder changes of herself: the password and the e-mail address.

That the caller knows the present password is made sure of before, outside the store, since it takes the slow hash;
`verified` is the encoded hash that the password was compared with, and a change that comes after another is refused.
"""

from __future__ import annotations

from hmac import compare_digest

from meshd.accounts import validate
from meshd.accounts.errors import Forbidden, Invalid
from meshd.accounts.ownership import ActorId, ByToken, Subject, locked, own
from meshd.accounts.trail import conclude
from meshd.accounts.usernames import require_unused
from meshd.auth import sessions
from meshd.store.statements import accounts, changes
from meshd.store.unit import Unit


def change_password(actor_id: ActorId, password_hash: str, *, verified: str, now: int) -> Unit[None]:
    """Replace the actor's password and end all of its sessions.
    Raises: Forbidden for a token; Invalid (field `current`) where the password has changed meanwhile.
    """
    subject = yield from _oneself(actor_id, verified)
    yield from accounts.edit(subject.account.id, password_hash=password_hash, password_by=0)
    yield from sessions.end_all(subject.account.id, subject.token_id)
    yield from conclude(subject.by, "account.password", subject.account.id, "", now)


def change_email(actor_id: ActorId, email: str, *, verified: str, now: int) -> Unit[None]:
    """Replace the actor's e-mail address; "" for none.
    Raises: Invalid (field `email`, or `current` where the password has changed meanwhile), Forbidden for a token; Taken
    (field `email`) where another signs in by that address; a sub-account may have anybody's.
    """
    validate.require(email=validate.email(email))
    subject = yield from _oneself(actor_id, verified)
    if email and subject.account.parent_id is None:
        yield from changes.queue()
        yield from require_unused(email, subject.account.id)
    yield from accounts.edit(subject.account.id, email=email)
    yield from conclude(subject.by, "account.edit", subject.account.id, "email", now)


def _oneself(actor_id: ActorId, verified: str) -> Unit[Subject]:
    if isinstance(actor_id, ByToken) and not actor_id.whole:
        raise Forbidden("this takes the password; a token does not do")
    subject = yield from locked((yield from own(actor_id, None, change=False)))
    if not compare_digest(subject.account.password_hash.encode(), verified.encode()):
        raise Invalid({"current": ["The password has been changed meanwhile."]})
    return subject
