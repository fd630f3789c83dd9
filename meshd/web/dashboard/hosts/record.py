"""Who did what by the API of published hosts, and every request by one of its tokens: `/operator/hosts/audit/`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from meshd.accounts import hostaudit
from meshd.accounts.hostaudit import Told
from meshd.web.dashboard.hosts.routes import RECORD, HostRoutes
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

PAGE = 50
NAME = 255
"""Characters of what is looked for."""
FIELDS = ("resource_type", "action", "user", "since", "until")


class RecordRoutes(HostRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, RECORD, self.record, (*FIELDS, "page"))

    async def record(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                texts: dict[str, Any] = {name: field.text(name, NAME) for name in ("resource_type", "action", "user")}
                times: dict[str, Any] = {name: field.moment(name, typed=True) for name in ("since", "until")}
                page = field.whole_number("page", least=1, most=10**6, default=1)
            unit = hostaudit.listing
            found = await self._perform(unit, caller.actor, **texts, **times, page=page, limit=PAGE)
            return self._record(caller, form, found, page, EMPTY_FORM, 200)

        async def again(filled: Filled, status: int) -> Reply:
            return self._record(caller, form, [], 1, filled, status)

        return await self._tried(form, change, again)

    def _record(self, caller: Caller, form: Form, found: list[Told], page: int, filled: Filled, status: int) -> Reply:
        chosen = {name: form.get(name, "").strip() for name in FIELDS}
        kept = {name: text for name, text in chosen.items() if text}
        following = f"{RECORD}?{urlencode({**kept, 'page': page + 1})}"
        return self._show(
            caller,
            "record.html",
            status,
            form=Filled(chosen, filled.problems),
            entries=found,
            first=f"{RECORD}?{urlencode(kept)}" if page > 1 else "",
            following=following if len(found) == PAGE and (page + 1) * PAGE <= hostaudit.DEEPEST else "",
        )
