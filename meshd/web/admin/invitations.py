"""`/api/admin/invitations`: codes by which people register where the settings say so."""

from __future__ import annotations

from functools import partial

from meshd.accounts import invitations
from meshd.accounts.invitations import MOST_USES, Invitation
from meshd.accounts.validate import LABEL
from meshd.values.times import read_time
from meshd.web.admin.accounts import moment
from meshd.web.admin.lists import PAGED, paged
from meshd.web.admin.repeats import create
from meshd.web.admin.segments import number
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.problems import Flaw
from meshd.web.reply import EMPTY, Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PATH = "/api/admin/invitations"
TIME = 20
"""Characters of a time."""


class InvitationRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.PASSWORD, self.listing, PAGED)
        room.route("POST", PATH, Who.PASSWORD, self.create, ("label", "uses", "until"))
        room.route("DELETE", f"{PATH}/{{id}}", Who.PASSWORD, self.delete, ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            limit, cursor = paged(field)
        found = await self._perform(invitations.listing, caller.actor, cursor=cursor, limit=limit)
        return Reply({"invitations": Rows(described, found.rows), "next": found.cursor or None})

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make an invitation; its code is shown once, in this answer."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            label, uses = member.text("label", LABEL) or "", member.number("uses", least=1, most=MOST_USES)
            text = member.text("until", TIME) or ""
            until = read_time(text.removesuffix("Z")) if text else 0
            if until is None:
                member.wrong("until", Flaw.NO_MOMENT)
        code = invitations.new_code()
        unit = partial(
            invitations.create,
            caller.actor,
            digest=invitations.code_digest(code),
            label=label,
            uses=1 if uses is None else uses,
            until=until or 0,
            now=self._now(),
        )
        return await create(
            self._services,
            caller,
            unit,
            lambda made: described(made) | {"code": code},
            lambda made: f"{PATH}/{made.id}",
        )

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(invitations.delete, caller.actor, number(caller, "id"), now=self._now())
        return Reply(EMPTY, 204)


def described(invitation: Invitation) -> dict[str, object]:
    """An invitation without its code, which the store does not have."""
    return {
        "id": invitation.id,
        "label": invitation.label,
        "uses": invitation.uses,
        "until": moment(invitation.until),
        "created_at": moment(invitation.created_at),
        "by": invitation.by,
    }
