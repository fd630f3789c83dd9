"""`/api/access-tokens`: a user's own tokens for programs, whose secrets are shown once."""

from __future__ import annotations

from functools import partial

from meshd.accounts import hosttokens
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import token_digest
from meshd.model import Token
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.postern import answers, secrets
from meshd.web.postern.targets import number
from meshd.web.postern.values import moment
from meshd.web.recording import of_token, recorded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PATH = "/api/access-tokens"


class TokenRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.ANY, self.listing, ())
        room.route("POST", PATH, Who.ANY, self.create, ("name",))
        room.route("DELETE", f"{PATH}/{{id}}", Who.ANY, self.delete, ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(hosttokens.listing, caller.actor)
        return Reply([described(each) for each in found])

    async def create(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            name = member.required("name", LABEL)
        secret = secrets.drawn(self._services.random, secrets.ACCESS)
        digest = token_digest(secret)
        made = partial(hosttokens.create, caller.actor, name=name, digest=digest, now=self._now())
        token = await recorded(self._services, caller, "create", "access_token", made, of_token, {"name": name})
        return answers.created(described(token) | {"token": secret}, f"{PATH}/{token.id}")

    async def delete(self, caller: Caller, form: Form) -> Reply:
        which = number(caller.call.variables["id"])
        deleted = partial(hosttokens.delete, caller.actor, which, now=self._now())
        await recorded(self._services, caller, "delete", "access_token", deleted, of_token)
        return answers.done()


def described(token: Token) -> dict[str, object]:
    """A token without its secret, which the store does not have."""
    return {
        "id": token.id,
        "name": token.label,
        "created_at": moment(token.created_at),
        "last_used_at": moment(token.used_at) or None,
    }
