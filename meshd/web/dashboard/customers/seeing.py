"""An operator sees an account's pages as its holder does: begun and ended here, judged in `dialect`."""

from __future__ import annotations

from meshd.accounts import seeing as looking
from meshd.auth import sessions
from meshd.web.dashboard import cookies, seeing
from meshd.web.dashboard.customers.sheet import ALL, ONE, named, where
from meshd.web.dashboard.pages import HOME, OperatorRoutes, see_other
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room


class SeeingRoutes(OperatorRoutes):
    def mount(self, room: Room) -> None:
        self._own(room, f"{ONE}see/", self.begin)
        self._own(room, seeing.END, self.end)

    async def begin(self, caller: Caller, form: Form) -> Reply:
        """Begin to see an account's pages, which the audit tells."""
        now = self._now()
        account = await self._perform(looking.begin, caller.actor, named(caller), now=now)
        limits, key = self._live.limits, sessions.digest(cookies.session(caller.call))
        life = sessions.Life(limits.session_idle, limits.session_longest)
        found = await self._perform(sessions.find, key, now, life=life)
        if found is None:
            return see_other(HOME)
        return see_other(HOME, *seeing.began(found, account.id, now))

    async def end(self, caller: Caller, form: Form) -> Reply:
        seen = caller.call.seeing
        to = where(seen) if seen else ALL
        return see_other(to, *cookies.dropped(cookies.SEEN))
