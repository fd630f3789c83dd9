"""All that is published, in one list: `/operator/hosts/`."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

from meshd.accounts.published import billing, resources
from meshd.values.published import Kind
from meshd.web.dashboard.hosts.routes import HostRoutes
from meshd.web.dashboard.hosts.words import KINDS, listed
from meshd.web.dashboard.pages import HOSTS
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

PAGE = 50


class ListingRoutes(HostRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, HOSTS, self.listing, ("kind", "after"))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            kind = field.choice("kind", ("", *KINDS))
            after = field.whole_number("after", least=0, most=LARGEST_STORED, default=0)
        known = await self._perform(resources.counts, caller.actor)
        if kind:
            which = caller.actor, cast(Kind, kind)
            found = await self._perform(resources.listing, *which, after=after, limit=PAGE + 1)
        else:
            found = await self._perform(resources.everything, caller.actor, after=after, limit=PAGE + 1)
        rows, more = found[:PAGE], len(found) > PAGE
        moved = await self._perform(billing.moved, caller.actor, rows, self._now())
        return self._show(
            caller,
            "hosts.html",
            rows=[listed(each) for each in rows],
            moved=moved,
            days=billing.DAYS,
            kinds=KINDS,
            kind=kind,
            counts=known,
            first=f"{HOSTS}?{urlencode({'kind': kind})}" if after else "",
            following=f"{HOSTS}?{urlencode({'kind': kind, 'after': rows[-1].id})}" if more else "",
        )
