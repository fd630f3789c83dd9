"""Who is refused after too many wrong credentials, and letting them in again: `/operator/bans/`."""

from __future__ import annotations

from meshd.accounts import bans, cursors
from meshd.accounts.cursors import LONGEST
from meshd.accounts.validate import USERNAME
from meshd.model import Ban
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

BANS = "/operator/bans/"
PAGE = 100
KIND = "ban"
"""The kind of this list's cursors."""
ADDRESS = 60
EVERY_NAME = "*"


class BanRoutes(InstallationRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, BANS, self.bans, ("cursor",))
        self._change(room, f"{BANS}lift/", self.lift, ("address", "username"))

    async def bans(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            cursor = field.text("cursor", LONGEST)
        return await self._bans(caller, cursor, EMPTY_FORM, 200)

    async def _bans(self, caller: Caller, cursor: str, form: Filled, status: int) -> Reply:
        key = cursors.read(KIND, cursor, (str, str, int))
        after = Ban(*key) if key else None
        found = await self._perform(bans.listing, caller.actor, after=after, limit=PAGE, now=self._now())
        last = found.rows[-1] if found.more else None
        following = cursors.written(KIND, (last.address, last.username, last.until) if last else None)
        return self._show(caller, "bans.html", status, form=form, bans=found.rows, following=following, after=cursor)

    async def lift(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                address = field.text("address", ADDRESS, required=True)
                username = field.text("username", USERNAME)
            await self._perform(bans.lift, caller.actor, address, username, now=self._now())
            who = "Every name" if username in ("", EVERY_NAME) else username
            return self._done(caller, BANS, f"{who} may sign in from {address} again.")

        return await self._tried(form, change, lambda filled, status: self._bans(caller, "", filled, status))
