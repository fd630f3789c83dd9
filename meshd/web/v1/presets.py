"""`/v1/proxy-presets` and `/v1/profile/preferences`: what programs keep here for themselves.

Always within the envelope: the SDK takes what a bare object has under `data` for the whole of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshd.accounts import presets
from meshd.accounts.presets import Preset
from meshd.accounts.validate import LABEL
from meshd.web.document import Document
from meshd.web.forms import Form, FormError
from meshd.web.problems import Flaw, Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers
from meshd.web.v1.values import moment, number

PATH = "/v1/proxy-presets"
PREFERENCES = "/v1/profile/preferences"


class PresetRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.ANY, self.listing, ())
        room.route("POST", PATH, Who.ANY, self.create, ("name", "data"))
        room.route("GET", f"{PATH}/{{id}}", Who.ANY, self.shown, ())
        room.route("PUT", f"{PATH}/{{id}}", Who.ANY, self.edit, ("name", "data"))
        room.route("DELETE", f"{PATH}/{{id}}", Who.ANY, self.delete, ())
        room.route("GET", PREFERENCES, Who.ANY, self.preferences, ())
        room.route("PUT", PREFERENCES, Who.ANY, self.prefer, None)

    async def listing(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(presets.listing, caller.actor)
        return answers.payload([described(each) for each in found])

    async def create(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            name, data = member.required("name", LABEL), member.table("data")
            if data is None:
                member.wrong("data", Flaw.REQUIRED)
        made = await self._perform(presets.create, caller.actor, name, data or {}, now=self._now())
        return answers.payload(described(made), 201)

    async def shown(self, caller: Caller, form: Form) -> Reply:
        return answers.payload(described(await self._perform(presets.shown, caller.actor, _which(caller))))

    async def edit(self, caller: Caller, form: Form) -> Reply:
        """Change what the body names; the content is replaced as a whole."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            name, data = member.text("name", LABEL), member.table("data")
        changed = await self._perform(presets.edit, caller.actor, _which(caller), name, data, now=self._now())
        return answers.payload(described(changed))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(presets.delete, caller.actor, _which(caller), now=self._now())
        return answers.done()

    async def preferences(self, caller: Caller, form: Form) -> Reply:
        return answers.payload(doubled(await self._perform(presets.preferences, caller.actor)))

    async def prefer(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        changed = await self._perform(presets.prefer, caller.actor, named(form.members), now=self._now())
        return answers.payload(doubled(changed))


def named(members: Mapping[str, Any]) -> dict[str, Any]:
    """The preferences in a body: flat, or under `data`, or both, as an answer has them.  Raises: FormError."""
    given = members.get("data")
    inner = {} if given is None else given
    if not isinstance(inner, dict):
        raise FormError.of(Worded("must be an object"), field="data")
    flat = {name: value for name, value in members.items() if name != "data"}
    if "data" in inner:
        raise FormError.of(Worded("must not hold data itself"), field="data")
    return inner | flat


def doubled(preferences: Mapping[str, Any]) -> dict[str, Any]:
    """Preferences flat, where the one SDK looks for them, and once more under `data`, where the other does."""
    return {**preferences, "data": dict(preferences)}


def described(preset: Preset) -> dict[str, object]:
    """The id is a text, as the SDKs declare it."""
    return {
        "id": str(preset.id),
        "name": preset.name,
        "data": preset.data,
        "created_at": moment(preset.created_at),
    }


def _which(caller: Caller) -> int:
    return number(caller.call.variables["id"])
