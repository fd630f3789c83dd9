"""The second factor: six digits of an authenticator (TOTP, RFC 6238), or a recovery code, beside the password.

Each code is good once.  A code of the step before the present one is taken too, since people and clocks are slow; one
of a step to come is not.  All sessions end when it is switched on, off, or taken away: they began under other terms.
That the caller knows the account's password is made sure of before, outside the store.
"""

from __future__ import annotations

import os
from base64 import b32encode
from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from pyotp import TOTP

from meshd.accounts.errors import Forbidden, Invalid, NotFound
from meshd.accounts.ownership import ActorId, ByToken, Subject, own, subaccount
from meshd.accounts.trail import conclude
from meshd.auth import sessions
from meshd.auth.sessions import SignedIn
from meshd.store.statements import secondfactors as stored
from meshd.store.unit import Unit

STEP = 30
"""Seconds for which an authenticator shows one code."""
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
"""Eighty random bits: too many to be guessed from a digest, few enough to be copied by hand."""
PENDING_SECONDS = 3600
"""For which a second factor that was shown may be confirmed: time to find and set up an authenticator."""
_LONGEST = 40
"""Characters of a code as somebody may type it, with blanks and hyphens."""

WRONG = "This code is not right, or was used already: wait for the next one."


def new_secret() -> str:
    """A fresh secret of 160 bits for an authenticator, in base32."""
    return b32encode(os.urandom(20)).decode("ascii")


def new_recovery_codes() -> list[str]:
    """Fresh recovery codes, such as `k3vq-7d2m-xw5p-aa6t`."""
    return [_grouped(b32encode(os.urandom(_RECOVERY_BYTES)).decode("ascii").lower()) for _ in range(RECOVERY_CODES)]


def uri(secret: str, username: str, issuer: str) -> str:
    """The `otpauth://` address that authenticators read from a QR code."""
    return TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


class State(NamedTuple):
    """An account's second factor, without its secret."""

    since: int
    recovery_codes: int
    """How many are left."""


def state(actor_id: ActorId, username: str | None = None) -> Unit[State | None]:
    """The second factor of the actor, or of the account that is named; None where there is none.  Raises: NotYours."""
    subject = yield from own(actor_id, username, change=False)
    factor = yield from stored.of_account(subject.account.id)
    return State(factor.since, factor.recovery_codes) if factor else None


def switch_on(actor_id: ActorId, secret: str, code: str, recovery_codes: Sequence[str], *, now: int) -> Unit[None]:
    """Give the actor a second factor.  code: what the authenticator shows for the secret.
    Raises: Invalid (field `code`), Forbidden where the actor has one already, or asks by a token.
    """
    subject = yield from _oneself(actor_id)
    yield from _switch_on(subject, secret, code, _digests(subject.account.id, recovery_codes), now)


def prepare(actor_id: ActorId, secret: str, recovery_codes: Sequence[str], *, now: int) -> Unit[None]:
    """Remember a secret and recovery codes that the actor is shown, until `confirm`, for PENDING_SECONDS.
    Raises: Forbidden where the actor has a second factor already, or asks by a token.
    """
    subject = yield from _oneself(actor_id)
    account_id = subject.account.id
    if (yield from stored.of_account(account_id)) is not None:
        raise _is_on()
    until = now + PENDING_SECONDS
    yield from stored.pend(account_id, secret, _digests(account_id, recovery_codes), until=until, now=now)


def prepared(actor_id: ActorId, *, now: int) -> Unit[str]:
    """The secret that the actor was shown and has not confirmed.  Raises: Forbidden where there is none."""
    subject = yield from _oneself(actor_id)
    found = yield from stored.pending(subject.account.id, now)
    if found is None:
        raise _none_prepared()
    return found.secret


def confirm(actor_id: ActorId, code: str, *, now: int) -> Unit[None]:
    """Give the actor the second factor that `prepare` remembers.  code: what the authenticator shows for it.
    Raises: Invalid (field `code`), Forbidden where none is remembered, the actor has one already, or asks by a token.
    """
    subject = yield from _oneself(actor_id)
    found = yield from stored.pending(subject.account.id, now)
    if found is None:
        raise _none_prepared()
    yield from _switch_on(subject, found.secret, code, found.digests, now)


def switch_off(actor_id: ActorId, code: str, *, now: int) -> Unit[None]:
    """Take the actor's second factor.  Raises: Invalid (field `code`), NotFound where there is none, Forbidden."""
    subject = yield from _oneself(actor_id)
    yield from _require(subject.account.id, code, now)
    yield from stored.delete(subject.account.id)
    yield from sessions.end_all(subject.account.id, subject.token_id)
    yield from conclude(subject.by, "account.second-factor", subject.account.id, "off", now)


def renew_recovery_codes(actor_id: ActorId, code: str, recovery_codes: Sequence[str], *, now: int) -> Unit[None]:
    """Put these in the place of the actor's recovery codes.  Raises: Invalid (field `code`), NotFound, Forbidden."""
    subject = yield from _oneself(actor_id)
    yield from _require(subject.account.id, code, now)
    yield from _renew(subject, recovery_codes)
    yield from conclude(subject.by, "account.second-factor", subject.account.id, "new recovery codes", now)


def use(actor_id: ActorId, code: str, *, now: int) -> Unit[None]:
    """Use up a code of the actor's, for something else that takes one.
    Raises: Invalid (field `code`), NotFound where there is no second factor, Forbidden.
    """
    subject = yield from _oneself(actor_id)
    yield from _require(subject.account.id, code, now)


def take_away(actor_id: ActorId, username: str, *, now: int) -> Unit[None]:
    """As operator, take an account's second factor, whose holder has lost it.
    Raises: NotFound where the account has none, Forbidden for anybody but an operator, NotYours.
    """
    subject = yield from subaccount(actor_id, username)
    if not subject.by_operator:
        raise Forbidden("only the operator can take an account's second factor away")
    if not (yield from stored.delete(subject.account.id)):
        raise NotFound(f"{subject.account.username} has no second factor")
    yield from sessions.end_all(subject.account.id)
    yield from conclude(subject.by, "account.second-factor", subject.account.id, "off", now)


class Completed(NamedTuple):
    """What came of a code: who signs in with it, None where the sign-in is over, and whether the code was right."""

    signed_in: SignedIn | None
    right: bool


def complete(key: bytes, code: str, *, now: int) -> Unit[Completed]:
    """Try a code for the sign-in whose session is half begun.  The try is counted before the code is looked at, so that
    many at once are no more than TRIES.
    """
    found = yield from sessions.find(key, now, half=True)
    if found is None or not (yield from sessions.tried(key)):
        return Completed(None, False)
    return Completed(found, (yield from accept(found.session.account_id, code, now=now)))


def accept(account_id: int, code: str, *, now: int) -> Unit[bool]:
    """Use up a code that signs the account in, of its authenticator or a recovery code; False for a wrong one."""
    factor = yield from stored.of_account(account_id)
    if factor is None or len(code) > _LONGEST:
        return False
    step = matching_step(factor.secret, code, now)
    if step is not None:
        return (yield from stored.take_step(account_id, factor.secret, step))
    return (yield from stored.take_recovery_code(account_id, _digest(account_id, code)))


def matching_step(secret: str, code: str, now: int) -> int | None:
    """The step whose code this is, of the present one and the one before; None for neither's."""
    digits, current, totp = _bare(code), now // STEP, TOTP(secret)
    steps = [step for step in (current - 1, current) if compare_digest(totp.generate_otp(step), digits)]
    return steps[-1] if steps else None


def _switch_on(subject: Subject, secret: str, code: str, digests: Sequence[bytes], now: int) -> Unit[None]:
    account_id = subject.account.id
    step = matching_step(secret, code, now)
    if step is None:
        raise Invalid({"code": [WRONG]})
    if not (yield from stored.add(account_id, secret, step, now)):
        raise _is_on()
    yield from stored.replace_recovery_codes(account_id, digests)
    yield from stored.forget_pending(account_id)
    yield from sessions.end_all(account_id, subject.token_id)
    yield from conclude(subject.by, "account.second-factor", account_id, "on", now)


def _require(account_id: int, code: str, now: int) -> Unit[None]:
    if (yield from stored.of_account(account_id)) is None:
        raise NotFound("there is no second factor to change")
    if not (yield from accept(account_id, code, now=now)):
        raise Invalid({"code": [WRONG]})


def _oneself(actor_id: ActorId) -> Unit[Subject]:
    if isinstance(actor_id, ByToken) and not actor_id.whole:
        raise Forbidden("this takes the password; a token does not do")
    return (yield from own(actor_id, None, change=False))  # a viewer decides too how she signs in herself


def _renew(subject: Subject, codes: Sequence[str]) -> Unit[None]:
    account_id = subject.account.id
    yield from stored.replace_recovery_codes(account_id, _digests(account_id, codes))


def _digests(account_id: int, codes: Sequence[str]) -> list[bytes]:
    return [_digest(account_id, code) for code in codes]


def _digest(account_id: int, code: str) -> bytes:
    return sha256(f"{account_id}:{_bare(code)}".encode("ascii")).digest()


def _bare(code: str) -> str:
    """The code without what people put between its parts, in ASCII alone."""
    return "".join(char for char in code[:_LONGEST] if char.isascii() and char.isalnum()).lower()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def _is_on() -> Forbidden:
    return Forbidden("the second factor is on already; switch it off first")


def _none_prepared() -> Forbidden:
    return Forbidden("no second factor waits for its confirmation: begin again")
