"""Registering: somebody makes a top-level account of her own, where the settings let anybody, or whoever is invited.

That an e-mail address is somebody's already is told, as every form of this kind tells it: who is refused must learn
why.  What can be learnt so is bounded where registrations are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from meshd.accounts import apikeys, invitations, validate
from meshd.accounts.errors import Forbidden, Invalid
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.subscriptions import NOTHING
from meshd.accounts.toplevel import Terms, added_on_top, made
from meshd.accounts.trail import conclude
from meshd.accounts.usernames import require_free, require_unused
from meshd.model import Account
from meshd.store.statements import changes, emailproofs
from meshd.store.unit import Unit
from meshd.topology import Plan, included_bytes
from meshd.values.mailboxes import is_mailbox
from meshd.values.v1 import Registration

PROOF_SECONDS = 24 * 3600
"""For which what was sent to an address proves it: until somebody has looked into the mailbox."""
NAME = 100
"""Characters of the whole name of a person."""
CLOSED = "registration is closed here; ask the operator for an account"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whoever registers; the password arrives hashed."""

    name: str
    email: str
    password_hash: str = field(repr=False)
    code: str = field(default="", repr=False)
    """Of an invitation; "" for none."""


class Entry(NamedTuple):
    """How a new account signs in at once, and how its e-mail address is proven."""

    digest: bytes
    """That of the access token."""
    seconds: int
    """For which the token holds."""
    proof: bytes
    """Digest of the token that is sent to the address."""


def require_open(registration: Registration) -> None:
    """Raises: Forbidden where nobody may register."""
    if registration == "closed":
        raise Forbidden(CLOSED)


def require_valid(name: str, email: str) -> None:
    """Check what somebody says of herself.  Raises: Invalid (fields `name`, `email`)."""
    validate.require(
        name=validate.short_text(name, NAME) if name else "This field is required.",
        email=None if is_mailbox(email) else "The email must be a valid email address.",
    )


def hashed(applicant: Applicant, password_hash: str) -> Applicant:
    """The same applicant, whose password is hashed now."""
    return replace(applicant, password_hash=password_hash)


def require_welcome(applicant: Applicant, *, registration: Registration, now: int) -> Unit[None]:
    """Refuse, before the password is hashed, whom `register` would refuse.  Raises: as `register`."""
    require_open(registration)
    if registration == "invite":
        yield from invitations.require(applicant.code, "referral_code", now)
    yield from require_unused(applicant.email)


def register(
    applicant: Applicant,
    *,
    registration: Registration,
    spare: str,
    plan: str,
    plans: Mapping[str, Plan],
    proxies: Sequence[str],
    entry: Entry,
    now: int,
    first: Callable[[Account], Unit[object]] | None = None,
) -> Unit[Account]:
    """Make a top-level account, and let whoever made it sign in.

    spare: its username where the e-mail address makes none; proxies: those that it is authorised for, as many as the
    plan allows; first: what else comes with a new account.
    All who register queue at the counter of changes, so that of two with one address the second finds the first.
    Raises: Forbidden, Invalid (fields `name`, `email`, `referral_code`), Taken (field `email`).
    """
    require_open(registration)
    require_valid(applicant.name, applicant.email)
    yield from changes.queue()
    yield from require_unused(applicant.email)
    invites = registration == "invite"
    invited = (yield from invitations.used(applicant.code, "referral_code", now)) if invites else 0
    new = NewAccount(
        username=(yield from _username(applicant.email, spare)),
        password_hash=applicant.password_hash,
        profile=_profile(applicant, plan, plans),
    )
    account = yield from added_on_top(new, terms=Terms(plan=plan), plans=plans, proxies=proxies, now=now)
    yield from apikeys.sign_in(account, digest=entry.digest, seconds=entry.seconds, now=now)
    yield from emailproofs.put(account.id, account.email, entry.proof, now=now, until=now + PROOF_SECONDS)
    if first is not None:
        yield from first(account)
    told = f"by invitation {invited}" if invited else ""
    yield from conclude(account.username, "account.register", account.id, told, now, made(account))
    return account


def parts(name: str) -> tuple[str, str]:
    """First and last name: the last word is the latter, or as many as make both fit; what fits nowhere is cut."""
    words = name.split()
    cuts = [(" ".join(words[:at]), " ".join(words[at:])) for at in range(len(words) - 1, 0, -1)]
    fitting = [each for each in cuts if max(map(len, each)) <= validate.NAME]
    first, last = next(iter(fitting or cuts), (" ".join(words), ""))
    return first[: validate.NAME].rstrip(), last[: validate.NAME].rstrip()


def _profile(applicant: Applicant, plan: str, plans: Mapping[str, Plan]) -> Profile:
    """Where the plan includes nothing the account lives from what is bought."""
    first, last = parts(applicant.name)
    limit = None if included_bytes(plans).get(plan) else NOTHING
    return Profile(first_name=first, last_name=last, email=applicant.email, monthly_limit=limit)


def _username(email: str, spare: str) -> Unit[str]:
    """What stands before the @ of the address, where it can be a username and is free; an address itself is none, since
    whoever has it signs in by it.
    """
    local = email.rpartition("@")[0].lower()
    try:
        yield from require_free(local)
    except Invalid:
        return spare
    return local
