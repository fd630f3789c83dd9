"""`/v1/sub-users`: sub-accounts under names of their parent's choice, with their passwords for the gateway."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from meshd.accounts import subusers, validate
from meshd.accounts.subusers import BATCH, SubUser
from meshd.accounts.subuserterms import Wanted
from meshd.auth.sealing import Seals
from meshd.values.uuids import written
from meshd.web.document import Document, Members
from meshd.web.forms import Form
from meshd.web.problems import Flaw, Worded
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers
from meshd.web.v1.values import UUID, moment, size

PATH = "/v1/sub-users"
FIELDS = ("proxy_password", "is_traffic_limited", "traffic_limit", "name", "notes", "sub_user_group_id")
MASK = "********"
"""In the place of a password that is not told."""
MOST_IDS = 1000
"""Sub-users that one request names at most."""
SIZE = 30
"""Characters of a size."""


class SubUserRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.ANY, self.listing, ())
        room.route("POST", PATH, Who.ANY, self.create, FIELDS)
        room.route("GET", f"{PATH}/{{id}}", Who.ANY, self.read, ())
        room.route("PUT", f"{PATH}/{{id}}", Who.ANY, self.edit, FIELDS)
        room.route("DELETE", f"{PATH}/{{id}}", Who.ANY, self.delete, ())
        room.route("POST", f"{PATH}/reset/usage", Who.ANY, self.reset, ("ids",))
        room.route("POST", f"{PATH}/bulk-delete", Who.ANY, self.delete_all, ("ids",))
        room.route("POST", f"{PATH}/bulk-move-to-group", Who.ANY, self.move, ("ids", "group_id"))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subusers.listing, caller.actor, at=self._now())
        seals = self._services.seals()
        return answers.payload(Rows(partial(described, seals=seals), found))

    async def read(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subusers.read, caller.actor, caller.call.variables["id"], at=self._now())
        return answers.payload(described(found, self._services.seals()))

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make a sub-user; the rules are checked before its password is hashed too, since hashing is expensive."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            wanted, password = _wanted(member, form), _password(member)
            if not password:
                member.wrong("proxy_password", Flaw.REQUIRED)
        plans = self._live.topology.plans
        await self._perform(subusers.require_creatable, caller.actor, wanted, plans=plans)
        made = await self._perform(
            subusers.create,
            caller.actor,
            wanted,
            username=subusers.proxy_username(self._services.random(subusers.RANDOM_BYTES)),
            password_hash=await self._services.hash(password),
            seal=self._sealing(password),
            plans=plans,
            now=self._now(),
        )
        return answers.payload(described(made, self._services.seals()), 201)

    async def edit(self, caller: Caller, form: Form) -> Reply:
        """Change what is sent; null empties name, notes and group, and leaves the rest."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            wanted, password = _wanted(member, form), _password(member)
        which, plans = caller.call.variables["id"], self._live.topology.plans
        if password:
            await self._perform(subusers.require_editable, caller.actor, which, wanted)
        edited = await self._perform(
            subusers.edit,
            caller.actor,
            which,
            wanted,
            password_hash=await self._services.hash(password) if password else None,
            seal=self._sealing(password),
            plans=plans,
            at=self._now(),
        )
        return answers.payload(described(edited, self._services.seals()))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(subusers.delete, caller.actor, caller.call.variables["id"], now=self._now())
        return answers.done()

    async def reset(self, caller: Caller, form: Form) -> Reply:
        ids, count = _ids(form), 0
        for some in _batches(ids):
            plans = self._live.topology.plans
            count += await self._perform(subusers.reset, caller.actor, some, plans=plans, at=self._now())
        return answers.payload({"reset": count})

    async def delete_all(self, caller: Caller, form: Form) -> Reply:
        """Delete some; one that is named twice, and one that the operator keeps, is skipped."""
        assert isinstance(form, Document)
        ids = _ids(form)
        requested = len(form.members["ids"])
        deleted, skipped, absent = 0, requested - len(ids), 0
        for some in _batches(ids):
            found = await self._perform(subusers.delete_all, caller.actor, some, now=self._now())
            deleted, skipped, absent = deleted + found.deleted, skipped + found.skipped, absent + found.absent
        told = {"requested": requested, "deleted": deleted, "skipped": skipped, "not_found": absent, "failed": 0}
        return answers.payload(told)

    async def move(self, caller: Caller, form: Form) -> Reply:
        """Put some into a group; `group_id` is null for out of any."""
        assert isinstance(form, Document)
        ids = _ids(form)
        with form.members_read() as member:
            if "group_id" not in form:
                member.wrong("group_id", Flaw.REQUIRED)
            group = member.text("group_id", UUID) or ""
        count = 0
        for some in _batches(ids):
            count += await self._perform(subusers.move, caller.actor, some, group, now=self._now())
        return answers.payload({"moved": count})

    def _sealing(self, password: str) -> Callable[[int, str], bytes]:
        return partial(self._services.seals().seal, password)


def described(sub: SubUser, seals: Seals) -> dict[str, object]:
    """A sub-user.  A password that is not told has `suspended_at` beside it, so that no client uses the mask."""
    account = sub.account
    told = None
    if not sub.suspended_at and sub.sealed is not None:
        told = seals.open(sub.sealed, account.id, account.password_hash)
    since = sub.suspended_at or (account.created_at if told is None else 0)
    return {
        "uuid": written(sub.uuid),
        "proxy_username": account.username,
        "proxy_password": MASK if told is None else told,
        "is_default_user": sub.first,
        "is_traffic_limited": sub.limited,
        "used_traffic": sub.used,
        "traffic_limit": sub.limit,
        "lifecycle_status": "Suspended" if sub.suspended_at else "Active",
        "name": sub.name or None,
        "notes": sub.notes or None,
        "sub_user_group_id": written(sub.group) if sub.group else None,
        "created_at": moment(account.created_at),
        "suspended_at": moment(since),
    }


def _wanted(member: Members, form: Document) -> Wanted:
    group = member.text("sub_user_group_id", UUID)
    return Wanted(
        name=member.text("name", validate.LABEL),
        notes=member.text("notes", validate.NOTES),
        group=group,
        limited=None if member.is_null("is_traffic_limited") else member.truth("is_traffic_limited"),
        limit=_limit(member, form),
    )


def _limit(member: Members, form: Document) -> int | None:
    """The bytes of `traffic_limit`: a number, or a text such as 5GB; None where nothing is said."""
    value = form.members.get("traffic_limit")
    if value is None:
        return None
    if isinstance(value, int):
        return member.number("traffic_limit")
    found = size(member.text("traffic_limit", SIZE) or "") if isinstance(value, str) else None
    if found is None:
        member.wrong("traffic_limit", Worded("must be a number of bytes, or a size such as 5GB"))
    return found


def _password(member: Members) -> str:
    password = member.secret("proxy_password", validate.PASSWORD) or ""
    problem = validate.password(password) if password else None
    if problem:
        member.wrong("proxy_password", Worded(problem))
    return password


def _ids(form: Form) -> list[str]:
    """The uuids that a body names, each once."""
    assert isinstance(form, Document)
    with form.members_read() as member:
        ids = member.texts("ids", UUID, MOST_IDS)
        if not ids:
            member.wrong("ids", Flaw.REQUIRED)
    return list(dict.fromkeys(ids or ()))


def _batches(ids: list[str]) -> list[list[str]]:
    return [ids[begin : begin + BATCH] for begin in range(0, len(ids), BATCH)]
