"""`/v1/profile/api-keys`: keys for programs, whose secrets are shown once."""

from __future__ import annotations

from meshd.accounts import apikeys
from meshd.accounts.apikeys import PREFIX
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.model import Token
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers
from meshd.web.v1.values import moment, number

PATH = "/v1/profile/api-keys"


class KeyRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.ANY, self.listing, ())
        room.route("POST", PATH, Who.ANY, self.create, ("name",))
        room.route("DELETE", f"{PATH}/{{id}}", Who.ANY, self.delete, ())
        room.route("POST", f"{PATH}/{{id}}/regenerate", Who.ANY, self.regenerate, ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(apikeys.listing, caller.actor)
        return answers.bare([described(key) for key in found])

    async def create(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            label = member.text("name", LABEL) or apikeys.DEFAULT_NAME
        secret = self._secret()
        made = await self._perform(
            apikeys.create, caller.actor, digest=token_digest(secret), label=label, now=self._now()
        )
        return answers.bare(described(made) | {"plain_text_token": secret}, 201)

    async def regenerate(self, caller: Caller, form: Form) -> Reply:
        """Give a key another secret; the old one is refused from then on."""
        secret = self._secret()
        which = number(caller.call.variables["id"])
        made = await self._perform(
            apikeys.regenerate, caller.actor, which, digest=token_digest(secret), now=self._now()
        )
        return answers.bare(described(made) | {"plain_text_token": secret})

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(apikeys.delete, caller.actor, number(caller.call.variables["id"]), now=self._now())
        return answers.done()

    def _secret(self) -> str:
        return new_token(self._services.random(TOKEN_BYTES), PREFIX)


def described(key: Token) -> dict[str, object]:
    """A key without its secret, which the store does not have."""
    return {
        "id": key.id,
        "name": key.label,
        "created_at": moment(key.created_at),
        "last_used_at": moment(key.used_at),
        "abilities": ["*"],
    }
