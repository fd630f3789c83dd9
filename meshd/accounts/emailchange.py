"""Changing one's e-mail address, or proving the one that was registered: by a token that is sent there.

Until then the address of before holds.  An address is one account's here, whatever the case: people sign in by it.
"""

from __future__ import annotations

from hmac import compare_digest

from meshd.accounts.errors import Forbidden, Invalid, NotFound
from meshd.accounts.ownership import ActorId, ByToken, Subject, locked, own
from meshd.accounts.registering import PROOF_SECONDS
from meshd.accounts.trail import conclude
from meshd.accounts.usernames import require_unused
from meshd.store.statements import accounts, changes
from meshd.store.statements import emailproofs as stored
from meshd.store.unit import Unit
from meshd.values.mailboxes import is_mailbox


def request(actor_id: ActorId, email: str, *, digest: bytes, now: int) -> Unit[None]:
    """Let the actor prove an address.  digest: that of the token that is sent there.
    Raises: Invalid, Taken (field `email`), Forbidden for a token that stands for less than the account.
    """
    if not is_mailbox(email):
        raise Invalid({"email": ["The email must be a valid email address."]})
    subject = yield from _oneself(actor_id)
    if email.lower() == subject.account.email.lower():
        raise Invalid({"email": ["This is the address of the account already."]})
    yield from require_unused(email, subject.account.id)
    yield from stored.put(subject.account.id, email, digest, now=now, until=now + PROOF_SECONDS)
    yield from conclude(subject.by, "account.email-request", subject.account.id, "", now)


def renew(actor_id: ActorId, *, digest: bytes, now: int) -> Unit[str]:
    """Let another token prove the address that the actor has to prove; the address.  Raises: NotFound, Forbidden."""
    subject = yield from _oneself(actor_id)
    found = yield from stored.of_account(subject.account.id)
    if found is None:
        raise _none()
    yield from stored.put(subject.account.id, found.email, digest, now=now, until=now + PROOF_SECONDS)
    return found.email


def confirm(actor_id: ActorId, digest: bytes, *, now: int) -> Unit[str]:
    """Let the proven address be the actor's; the address of before, "" where it stays the same or there was none.
    Raises: Invalid (field `token`), Taken (field `email`) where another has it meanwhile, Forbidden.
    """
    subject = yield from _oneself(actor_id)
    account = subject.account
    found = yield from stored.of_account(account.id)
    if found is None or found.until <= now or not compare_digest(found.digest, digest):
        raise Invalid({"token": ["This token is not valid, or not any more."]})
    yield from stored.forget(account.id)
    if found.email == account.email:
        yield from conclude(subject.by, "account.email-proven", account.id, "", now)
        return ""
    yield from changes.queue()
    if found.email.lower() != account.email.lower():
        yield from require_unused(found.email, account.id)
    yield from accounts.edit(account.id, email=found.email)
    yield from conclude(subject.by, "account.edit", account.id, "email", now)
    return account.email


def cancel(actor_id: ActorId, *, now: int) -> Unit[None]:
    """Leave the actor's address as it is.  Raises: NotFound where nothing is to be proven, Forbidden."""
    subject = yield from _oneself(actor_id)
    if not (yield from stored.forget(subject.account.id)):
        raise _none()
    yield from conclude(subject.by, "account.email-cancel", subject.account.id, "", now)


def _oneself(actor_id: ActorId) -> Unit[Subject]:
    if isinstance(actor_id, ByToken) and not actor_id.whole:
        raise Forbidden("this takes the password; a token does not do")
    return (yield from locked((yield from own(actor_id, None, change=False))))


def _none() -> NotFound:
    return NotFound("no address waits for its proof")
