"""Sub-accounts as sub-users of the API below `/v1`: a generated username, a name of the parent's choice, a limit of
bytes that can begin anew, and a password that the API tells again.

A sub-user's limit is its account's total limit less what it had used when its use was last set to nothing; the ledger
never changes.  What a sub-user is called, whom it belongs to and whether it passes are the account's own rules.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from meshd.accounts import groups, subaccounts
from meshd.accounts.errors import Forbidden, Invalid, NotFound, NotYours, PlanLimitReached
from meshd.accounts.ownership import ActorId, Subject, locked, managed, subaccount
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.subuserterms import Wanted
from meshd.accounts.toplevel import made
from meshd.accounts.trail import Changed, conclude
from meshd.model import Account
from meshd.store.statements import subusers
from meshd.store.statements.subusers import SubUser
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.uuids import digits

__all__ = ["SubUser", "add_first", "create", "delete", "edit", "listing", "move", "read", "reset"]

PREFIX = "ph-"
RANDOM_BYTES = 7
"""Of which a username takes 50 bits: two of them are the same in one of many million installations."""

MOST_LISTED = 10_000
"""Sub-users of one answer: five megabytes of JSON.  So many only a plan of the operator's own allows."""

BATCH = 50
"""Sub-users that one transaction changes at most, for which the daemon's own writes wait: milliseconds."""

Seal = Callable[[int, str], bytes]
"""Encrypts a password for the account of that id, as long as the account has that password's hash."""


class Deleted(NamedTuple):
    """What became of each of the sub-users that were to be deleted."""

    deleted: int
    skipped: int
    """Those that the parent may not delete."""
    absent: int


class Grouped(NamedTuple):
    """A sub-user with the name of its group."""

    sub: SubUser
    group: str
    """"" for none."""


def proxy_username(random: bytes) -> str:
    """A new username: `ph-` and ten of base32 in lower case."""
    return PREFIX + b32encode(random).decode()[:10].lower()


def listing(actor_id: ActorId, *, offset: int = 0, limit: int = MOST_LISTED, at: int) -> Unit[list[SubUser]]:
    """The actor's sub-users, the first one first, then the oldest.  Raises: NotYours for a sub-account."""
    parent = (yield from managed(actor_id, None, change=False)).account
    return (yield from subusers.of_parent(parent, offset=offset, limit=min(limit, MOST_LISTED), at=at))


def read(actor_id: ActorId, uuid: str, *, at: int) -> Unit[SubUser]:
    """One of the actor's sub-users.  Raises: NotYours for foreign and absent alike."""
    subject = yield from _below(actor_id, uuid, change=False)
    return (yield from _seen(subject.account, at))


def at_gateway(actor_id: ActorId, username: str, *, at: int) -> Unit[Grouped]:
    """A sub-account as a sub-user, with its group.  Raises: NotYours for foreign and absent alike."""
    account = (yield from subaccount(actor_id, username, change=False)).account
    found = yield from _seen(account, at)
    return Grouped(found, (yield from groups.name_of(account.parent_id or 0, found.group)))


def create(
    actor_id: ActorId,
    wanted: Wanted,
    *,
    username: str,
    password_hash: str,
    seal: Seal | None,
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[SubUser]:
    """Add a sub-user of the actor's.  seal: for the password; None where it is not to be told again.
    Raises: Invalid, Taken (field `username`), PlanLimitReached, NotYours.
    """
    subject = yield from managed(actor_id, None)
    wanted.require_valid()
    limit = wanted.limit_over(None)
    group = yield from groups.require(subject.account.id, wanted.group)
    new = NewAccount(username=username, password_hash=password_hash, profile=Profile(total_limit=limit))
    account = (yield from subaccounts.create(actor_id, new, plans=plans, now=now)).account
    sealed = None if seal is None else seal(account.id, password_hash)
    yield from subusers.put(account.id, sealed=sealed, **wanted.columns(group))
    return (yield from _seen(account, now))


def require_creatable(actor_id: ActorId, wanted: Wanted, *, plans: Mapping[str, Plan]) -> Unit[None]:
    """Raise what create() would raise now, and change nothing."""
    subject = yield from managed(actor_id, None)
    wanted.require_valid()
    wanted.limit_over(None)
    yield from subaccounts.require_room(subject.account, plans)


def add_first(
    parent: Account,
    *,
    username: str,
    password_hash: str,
    seal: Seal | None,
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[Account | None]:
    """Add the sub-user that comes with a new account, made by the account itself; None where its plan allows none."""
    new = NewAccount(username=username, password_hash=password_hash)
    try:
        account = yield from subaccounts.add_below(parent, new, plans=plans, now=now)
    except PlanLimitReached:
        return None
    sealed = None if seal is None else seal(account.id, password_hash)
    yield from subusers.put(account.id, sealed=sealed, first=1)
    yield from conclude(parent.username, "account.create", account.id, account.username, now, made(account))
    return account


def edit(
    actor_id: ActorId,
    uuid: str,
    wanted: Wanted,
    *,
    password_hash: str | None = None,
    seal: Seal | None = None,
    plans: Mapping[str, Plan],
    at: int,
) -> Unit[SubUser]:
    """Change what is given, and the password where a hash is.
    Raises: Invalid, also for a limit above the operator's; NotYours; NotFound for one that was deleted meanwhile.
    """
    wanted.require_valid()
    subject = yield from locked((yield from _below(actor_id, uuid)))
    account = subject.account
    now = yield from _seen(account, at)
    group = yield from groups.require(account.parent_id or 0, wanted.group)
    limit = wanted.limit_over(now)
    total = None if limit is None else limit and limit + now.used_before
    yield from _limited(actor_id, account, total, password_hash, plans, at)
    columns = wanted.columns(group)
    if password_hash is not None:
        columns["sealed"] = None if seal is None else seal(account.id, password_hash)
    if columns:
        yield from subusers.put(account.id, **columns)
        yield from _told(subject, "subuser.edit", at, dict.fromkeys(columns.keys() - {"sealed"}))
    return (yield from _seen(account, at))


def require_editable(actor_id: ActorId, uuid: str, wanted: Wanted) -> Unit[None]:
    """Refuse, as edit() would, a sub-user that the actor may not change, and what is no valid change of any."""
    wanted.require_valid()
    yield from _below(actor_id, uuid)


def delete(actor_id: ActorId, uuid: str, *, now: int) -> Unit[None]:
    """Remove a sub-user; what it used stays its parent's.  Raises: NotYours; Forbidden as subaccounts.delete()."""
    subject = yield from _below(actor_id, uuid)
    yield from subaccounts.delete(actor_id, subject.account.username, now=now)


def delete_all(actor_id: ActorId, uuids: Sequence[str], *, now: int) -> Unit[Deleted]:
    """Remove these sub-users, at most BATCH, and leave those that the parent may not remove."""
    deleted = skipped = absent = 0
    yield from managed(actor_id, None)
    for uuid in uuids:
        try:
            yield from delete(actor_id, uuid, now=now)
            deleted += 1
        except Forbidden:
            skipped += 1
        except (NotYours, NotFound):
            absent += 1
    return Deleted(deleted, skipped, absent)


def reset(actor_id: ActorId, uuids: Sequence[str], *, plans: Mapping[str, Plan], at: int) -> Unit[int]:
    """Let these sub-users, at most BATCH, begin anew with their limits; how many did.

    What is not the actor's is left out, and so is one whose limit the operator has set: its bytes are not the parent's
    to give.
    """
    count = 0
    yield from managed(actor_id, None)
    for uuid in uuids:
        try:
            yield from _reset(actor_id, uuid, plans, at)
            count += 1
        except (NotYours, NotFound, Invalid):
            pass
    return count


def move(actor_id: ActorId, uuids: Sequence[str], group: str, *, now: int) -> Unit[int]:
    """Put these sub-users, at most BATCH, into a group of the actor's, "" for out of any; how many there were.
    Raises: Invalid (field `group_id`) where there is no such group.
    """
    owner = (yield from managed(actor_id, None)).account
    key = yield from groups.require(owner.id, group, field="group_id")
    count = 0
    for uuid in uuids:
        try:
            subject = yield from locked((yield from _below(actor_id, uuid)))
        except (NotYours, NotFound):
            continue
        yield from subusers.put(subject.account.id, group_uuid=key or None)
        yield from _told(subject, "subuser.move", now, {"group_uuid": None})
        count += 1
    return count


def _reset(actor_id: ActorId, uuid: str, plans: Mapping[str, Plan], at: int) -> Unit[None]:
    subject = yield from locked((yield from _below(actor_id, uuid)))
    now = yield from _seen(subject.account, at)
    used = now.usage.total_bytes
    yield from _limited(actor_id, subject.account, now.limit + used if now.limited else None, None, plans, at)
    yield from subusers.put(subject.account.id, used_before=used)
    yield from _told(subject, "subuser.reset", at, {"used_before": (now.used_before, used)})


def _limited(
    actor_id: ActorId,
    account: Account,
    total: int | None,
    password_hash: str | None,
    plans: Mapping[str, Plan],
    at: int,
) -> Unit[None]:
    """Set total limit and password where they are given, by the rules of sub-accounts."""
    if total == account.total_limit:
        total = None
    if total is None and password_hash is None:
        return
    profile = Profile(total_limit=total)
    yield from subaccounts.edit(actor_id, account.username, profile, password_hash=password_hash, at=at, plans=plans)


def _below(actor_id: ActorId, uuid: str, *, change: bool = True) -> Unit[Subject]:
    """The sub-user of that uuid.  Raises: NotYours, one answer for foreign, absent and malformed."""
    key = digits(uuid)
    username = (yield from subusers.username_of(key)) if key else None
    if username is None:
        raise NotYours
    subject = yield from subaccount(actor_id, username, change=change)
    if subject.account.parent_id is None:
        raise NotYours
    return subject


def _seen(account: Account, at: int) -> Unit[SubUser]:
    found = yield from subusers.of_account(account, at=at)
    if found is None:
        raise NotYours
    return found


def _told(subject: Subject, action: str, now: int, changed: Changed) -> Unit[None]:
    yield from conclude(subject.by, action, subject.account.id, "", now, changed)
