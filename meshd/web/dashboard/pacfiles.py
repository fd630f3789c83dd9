"""The address of an account's PAC file, made and taken away: `/account/settings/pac/…`."""

from __future__ import annotations

from meshd.accounts import pacfiles
from meshd.accounts.errors import NotFound
from meshd.web.dashboard.pages import PageRoutes
from meshd.web.dashboard.settings import SETTINGS
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room


class PacRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._change(room, f"{SETTINGS}pac/create/", self.create)
        self._change(room, f"{SETTINGS}pac/delete/", self.delete)

    async def create(self, caller: Caller, form: Form) -> Reply:
        self._require_on()
        secret = pacfiles.secret_of(self._services.random(pacfiles.SECRET_BYTES))
        await self._perform(pacfiles.create, caller.actor, None, secret, now=self._now())
        return self._done(caller, SETTINGS, "Your PAC file has a new address.")

    async def delete(self, caller: Caller, form: Form) -> Reply:
        self._require_on()
        await self._perform(pacfiles.delete, caller.actor, None, now=self._now())
        return self._done(caller, SETTINGS, "Your PAC file has no address any more.")

    def _require_on(self) -> None:
        if not self._services.offered().pac:
            raise NotFound("PAC files are switched off here")
