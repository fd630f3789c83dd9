"""Groups of sub-users: names by which a parent keeps them apart, which decide nothing."""

from __future__ import annotations

from dataclasses import dataclass

from meshd.accounts import validate
from meshd.accounts.errors import Invalid, NotFound, PlanLimitReached
from meshd.accounts.ownership import ActorId, Subject, managed
from meshd.accounts.trail import conclude
from meshd.store.statements import accounts, subusers
from meshd.store.statements import groups as stored
from meshd.store.statements.groups import Group
from meshd.store.statements.subusers import SubUser
from meshd.store.unit import Unit
from meshd.values.uuids import digits

__all__ = ["Group", "Grouped", "create", "delete", "edit", "listing", "read", "require"]

MOST_GROUPS = 1000
"""Groups of one account: as many as a person keeps apart, and one answer tells all of them."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """A group with the sub-users that are in it."""

    group: Group
    members: list[SubUser]


def listing(actor_id: ActorId, *, at: int) -> Unit[list[Grouped]]:
    """The actor's groups, the oldest first, each with its sub-users.  Raises: NotYours for a sub-account."""
    owner = (yield from managed(actor_id, None, change=False)).account
    found = yield from stored.of_account(owner.id, limit=MOST_GROUPS, offset=0)
    members: dict[str, list[SubUser]] = {}
    for each in (yield from subusers.grouped(owner, at=at)) if found else ():
        members.setdefault(each.group, []).append(each)
    return [Grouped(group, members.get(group.uuid, [])) for group in found]


def read(actor_id: ActorId, uuid: str, *, at: int) -> Unit[Grouped]:
    """One of the actor's groups.  Raises: NotFound, for another's too."""
    subject = yield from managed(actor_id, None, change=False)
    group = yield from _own(subject, uuid)
    return Grouped(group, (yield from subusers.in_group(subject.account, group.uuid, at=at)))


def create(actor_id: ActorId, *, name: str, description: str, now: int) -> Unit[Group]:
    """Add a group.  Raises: Invalid, PlanLimitReached, NotYours."""
    _require_valid(name, description)
    subject = yield from managed(actor_id, None)
    yield from accounts.lock(subject.account.id)
    if (yield from stored.count(subject.account.id)) >= MOST_GROUPS:
        raise PlanLimitReached(f"an account has at most {MOST_GROUPS} groups; delete one first")
    uuid = yield from stored.create(subject.account.id, name, description, now)
    yield from _told(subject, "group.create", now)
    return (yield from _own(subject, uuid))


def edit(actor_id: ActorId, uuid: str, *, name: str | None, description: str | None, now: int) -> Unit[Group]:
    """Change what is given.  Raises: Invalid, NotFound, NotYours."""
    subject = yield from managed(actor_id, None)
    group = yield from _own(subject, uuid, change=True)
    name = group.name if name is None else name
    description = group.description if description is None else description
    _require_valid(name, description)
    yield from stored.edit(group.uuid, name, description)
    yield from _told(subject, "group.edit", now)
    return (yield from _own(subject, uuid))


def delete(actor_id: ActorId, uuid: str, *, now: int) -> Unit[None]:
    """Remove a group; its sub-users stay, and are in none.  Raises: NotFound, NotYours."""
    subject = yield from managed(actor_id, None)
    group = yield from _own(subject, uuid, change=True)
    yield from stored.delete(group.uuid)
    yield from _told(subject, "group.delete", now)


def require(account_id: int, uuid: str | None, *, field: str = "sub_user_group_id") -> Unit[str | None]:
    """Keep the account's group of that uuid until the unit ends; the uuid's digits, None and "" as they are.
    Raises: Invalid (the field) where there is no such group, or another has it.
    """
    if not uuid:
        return uuid
    key = digits(uuid)
    if not key or not (yield from stored.hold(account_id, key)):
        raise Invalid({field: ["There is no such group."]})
    return key


def name_of(account_id: int, uuid: str) -> Unit[str]:
    """The name of the account's group; "" where it has no such group."""
    group = (yield from stored.by_uuid(account_id, uuid)) if uuid else None
    return "" if group is None else group.name


def _own(subject: Subject, uuid: str, *, change: bool = False) -> Unit[Group]:
    """The group of the account's own that has that uuid.  Raises: NotFound."""
    owner, key = subject.account.id, digits(uuid)
    if change:
        yield from stored.hold(owner, key)
    group = yield from stored.by_uuid(owner, key)
    if group is None:
        raise NotFound("there is no such group")
    return group


def _require_valid(name: str, description: str) -> None:
    validate.require(
        name=validate.label(name) if name.strip() else "This field is required.",
        description=validate.notes(description),
    )


def _told(subject: Subject, action: str, now: int) -> Unit[None]:
    yield from conclude(subject.by, action, subject.account.id, "", now)
