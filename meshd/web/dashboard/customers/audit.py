"""Who changed what of an account: `…/audit/`, with what was and what is."""

from __future__ import annotations

from urllib.parse import urlencode

from meshd.accounts import auditing
from meshd.web.dashboard.customers.listing import CURSOR
from meshd.web.dashboard.customers.sheet import ONE, SheetRoutes, where
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

PAGE = 50


class AuditRoutes(SheetRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, f"{ONE}audit/", self.audit, ("cursor",))

    async def audit(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            cursor = field.text("cursor", CURSOR)
        found = await self._dossier(caller)
        asked = auditing.Filters(account_id=found.account.id)
        page = await self._perform(auditing.entries, caller.actor, asked, cursor=cursor, limit=PAGE)
        older = f"{where(found.account.username, 'audit/')}?{urlencode({'cursor': page.cursor})}" if page.cursor else ""
        return self._sheet(
            caller, found, "audit/", "audit.html", entries=page.entries, older=older, changed=auditing.changed
        )
