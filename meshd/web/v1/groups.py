"""`/v1/sub-user-groups`: groups of sub-users."""

from __future__ import annotations

from meshd.accounts import groups, validate
from meshd.accounts.groups import Group
from meshd.accounts.subusers import SubUser
from meshd.values.uuids import written
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers
from meshd.web.v1.subusers import described
from meshd.web.v1.values import moment

PATH = "/v1/sub-user-groups"
FIELDS = ("name", "description")


class GroupRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.ANY, self.listing, ())
        room.route("POST", PATH, Who.ANY, self.create, FIELDS)
        room.route("GET", f"{PATH}/{{id}}", Who.ANY, self.read, ())
        room.route("PUT", f"{PATH}/{{id}}", Who.ANY, self.edit, FIELDS)
        room.route("DELETE", f"{PATH}/{{id}}", Who.ANY, self.delete, ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(groups.listing, caller.actor, at=self._now())
        return answers.payload(Rows(lambda each: self._described(each.group, each.members), found))

    async def read(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(groups.read, caller.actor, caller.call.variables["id"], at=self._now())
        return answers.payload(self._described(found.group, found.members))

    async def create(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            name = member.required("name", validate.LABEL)
            description = member.text("description", validate.NOTES) or ""
        made = await self._perform(groups.create, caller.actor, name=name, description=description, now=self._now())
        return answers.payload(self._described(made, []), 201)

    async def edit(self, caller: Caller, form: Form) -> Reply:
        """Change what is sent; a description that is sent empty is removed."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            name = None if member.is_null("name") else member.text("name", validate.LABEL)
            description = member.text("description", validate.NOTES)
        which, now = caller.call.variables["id"], self._now()
        await self._perform(groups.edit, caller.actor, which, name=name, description=description, now=now)
        return await self.read(caller, form)

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(groups.delete, caller.actor, caller.call.variables["id"], now=self._now())
        return answers.done()

    def _described(self, group: Group, members: list[SubUser]) -> dict[str, object]:
        seals = self._services.seals()
        return {
            "id": written(group.uuid),
            "name": group.name,
            "description": group.description or None,
            "sub_users_count": group.size,
            "created_at": moment(group.created_at),
            "sub_users": [described(each, seals) for each in members],
        }
