"""What operators alone agree with a customer: the account's name, its parent, its last day, and notes about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meshd.accounts import validate
from meshd.accounts.errors import Forbidden, Invalid
from meshd.accounts.ownership import ActorId, Subject, locked, subaccount
from meshd.accounts.profile import Profile
from meshd.accounts.subaccounts import refuse_root, require_room
from meshd.accounts.toplevel import Edited, Terms, edit, reactivated
from meshd.accounts.trail import Changed, conclude
from meshd.accounts.usernames import require_free
from meshd.model import Account
from meshd.store.statements import accounts, audit, bans, moving, tokens
from meshd.store.unit import Unit
from meshd.topology import Plan

STILL = 10
"""Seconds that a sub-account has to be deactivated before it is moved: by then all processes have ended what it had
open, and have billed that to the former parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What is to be changed; None leaves it as it is."""

    username: str | None = None
    parent: str | None = None
    """The username of the parent that a sub-account moves to."""
    expires_on: str | None = None
    """An ISO date, the account valid through that day (UTC); "" for never."""
    notes: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything is to be changed."""
        return any(each is not None for each in (self.username, self.parent, self.expires_on, self.notes))


def agree(actor_id: ActorId, username: str, agreed: Agreed, *, plans: Mapping[str, Plan], now: int) -> Unit[Account]:
    """Change all that is given, or nothing.
    Raises: what rename(), move(), expire() and annotate() raise.
    """
    if agreed.notes is not None:
        yield from annotate(actor_id, username, agreed.notes, now=now)
    if agreed.expires_on is not None:
        yield from expire(actor_id, username, agreed.expires_on, now=now)
    if agreed.parent is not None:
        yield from move(actor_id, username, agreed.parent, plans=plans, now=now)
    if agreed.username is not None:
        return (yield from rename(actor_id, username, agreed.username, now=now))
    return (yield from subaccount(actor_id, username, change=False)).account


class Revised(NamedTuple):
    """An account after all of a revision."""

    account: Account
    edited: Edited | None
    """What a change of its plan led to; None where neither profile nor terms were given."""


def revise(
    actor_id: ActorId,
    username: str,
    profile: Profile,
    terms: Terms,
    agreed: Agreed,
    *,
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[Revised]:
    """Change all that is given of an account, or nothing.  Raises: what toplevel.edit() and agree() raise."""
    edited = None
    if profile.columns() or terms.columns():
        edited = yield from edit(actor_id, username, profile, terms, plans=plans, now=now)
    return Revised((yield from agree(actor_id, username, agreed, plans=plans, now=now)), edited)


def rename(actor_id: ActorId, username: str, new: str, *, now: int) -> Unit[Account]:
    """Give the account another username, with which alone it can sign in by its password from then on.

    Its tokens, addresses, usage and sub-accounts stay as they are; bans and failures of the former name are forgotten.
    Raises: Invalid, Taken (field `username`), NotYours, Forbidden, NotFound.
    """
    subject = yield from _decided(actor_id, username)
    account = subject.account
    refuse_root(account, "renamed")
    validate.require(username=validate.username(new))
    if new.lower() != account.username.lower():
        yield from require_free(new, below=account.parent_id is not None)
        yield from bans.forget(account.username)
    renamed = yield from accounts.rename(account.id, new)
    changed = {"username": (account.username, new)}
    detail = f"{account.username} is {new} now"
    yield from conclude(subject.by, "account.rename", account.id, detail, now, changed)
    return renamed


def expire(actor_id: ActorId, username: str, expires_on: str, *, now: int) -> Unit[Account]:
    """Set the last day (UTC) on which the account, and its sub-accounts, may pass; "" for none.

    A day in the past ends at once what is open.  Raises: Invalid (field `expires_on`), NotYours, Forbidden, NotFound.
    """
    validate.require(expires_on=validate.last_day(expires_on))
    subject = yield from _decided(actor_id, username)
    refuse_root(subject.account, "given a last day")
    if subject.account.expires_on == expires_on:
        return subject.account
    changed = {"expires_on": (subject.account.expires_on, expires_on)}
    return (yield from _set(subject, "account.expire", f"expires_on={expires_on or 'never'}", changed, now))


def annotate(actor_id: ActorId, username: str, notes: str, *, now: int) -> Unit[Account]:
    """Set the notes about the account, which operators alone read.
    Raises: Invalid (field `notes`), NotYours, Forbidden, NotFound.
    """
    validate.require(notes=validate.notes(notes))
    subject = yield from _decided(actor_id, username)
    if subject.account.notes == notes:
        return subject.account
    edited = yield from accounts.edit(subject.account.id, notes=notes)
    # What the notes say is about a person, and is not kept beyond them.
    yield from audit.record(now, subject.by, "account.notes", subject.account.id)
    return edited or subject.account


def move(actor_id: ActorId, username: str, parent: str, *, plans: Mapping[str, Plan], now: int) -> Unit[Account]:
    """Put a sub-account below another parent, as though it were made anew there with its tokens and addresses.

    What it used stays in the former parent's bill and series, and its own totals begin again; what it claims, the new
    family claims after all others that do; the new parent's plan and billing day are its own.
    Raises: Invalid (field `parent`), PlanLimitReached, NotYours, NotFound; Forbidden until it has been deactivated for
    STILL seconds.
    """
    subject = yield from _operated(actor_id, username)
    former_id = subject.account.parent_id
    above = yield from accounts.by_username(parent)
    if former_id is None:
        raise Invalid({"parent": ["Only a sub-account has a parent."]})
    if above is None or above.parent_id is not None or above.id == former_id:
        raise Invalid({"parent": ["Name another account that is no sub-account."]})
    for each in sorted((former_id, above.id)):
        yield from accounts.lock(each)
    subject = yield from locked(subject)
    plan = yield from require_room(above, plans)
    yield from _require_still(subject.account, now)
    former = yield from accounts.by_id(former_id)
    moved = yield from moving.move(subject.account, former_id, above, now)
    if not plan.bearer_tokens:
        yield from tokens.deactivate_all(moved.id)
    yield from reactivated(moved, plan, now)
    changed = {
        "parent": (former.username if former else None, above.username),
        "plan": (subject.account.plan, moved.plan),
    }
    yield from conclude(subject.by, "account.move", moved.id, f"below {above.username} now", now, changed)
    return moved


def _require_still(account: Account, now: int) -> Unit[None]:
    """Refuse an account that has something open still.  Raises: Forbidden."""
    since = yield from audit.last(account.id, "account.deactivate")
    if account.active or since is None or since > now - STILL:
        raise Forbidden(
            f"deactivate {account.username} first and wait {STILL} seconds: what it has open is its parent's to pay"
        )


def _set(subject: Subject, action: str, detail: str, changed: Changed, now: int) -> Unit[Account]:
    columns = {name: value[1] for name, value in changed.items() if value is not None}
    edited = yield from accounts.edit(subject.account.id, **columns)
    yield from conclude(subject.by, action, subject.account.id, detail, now, changed)
    return edited or subject.account


def _decided(actor_id: ActorId, username: str) -> Unit[Subject]:
    """The account, locked.  Raises: NotYours; Forbidden for its parent; NotFound."""
    return (yield from locked((yield from _operated(actor_id, username))))


def _operated(actor_id: ActorId, username: str) -> Unit[Subject]:
    subject = yield from subaccount(actor_id, username)
    if not subject.by_operator:
        raise Forbidden("only the operator can do this")
    return subject
