"""`/api/audit-log`: who did what, as PosternProxy's API and that of its relative tell it.

One entry has the members of both.  A query with `page` or `limit` is PosternProxy's, fifty a page; without either the
newest hundred are told, as its relative's clients, which know no pages, expect.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from meshd.accounts import hostaudit
from meshd.web.forms import Form
from meshd.web.postern import answers
from meshd.web.postern.npm import values as npm
from meshd.web.postern.targets import number
from meshd.web.postern.values import moment
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PATH = "/api/audit-log"
PAGE, WHOLE = 50, 100
FILTERS = ("resource_type", "action", "user", "since", "until")
NAME = 255
"""Characters of what is looked for."""


class HistoryRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.ANY, self.listing, ("page", "limit", *FILTERS))
        room.route("GET", f"{PATH}/{{id}}", Who.ANY, self.read, ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        paged = bool({"page", "limit"} & form.keys())
        with form.reading() as field:
            page = field.whole_number("page", least=1, most=10**6, default=1)
            limit = field.whole_number("limit", least=1, most=hostaudit.MOST_PAGE, default=PAGE if paged else WHOLE)
            filters: dict[str, Any] = {
                **{name: field.text(name, NAME) for name in ("resource_type", "action", "user")},
                **{name: field.moment(name) for name in ("since", "until")},
            }
        found = await self._perform(hostaudit.listing, caller.actor, **filters, page=page, limit=limit)
        more = paged and len(found) == limit
        asked = {name: form[name] for name in FILTERS if form.get(name)}
        query = urlencode({"page": page + 1, "limit": limit, **asked})
        following = f'<{PATH}?{query}>; rel="next"'
        return Reply(Rows(described, found), fields=(("Link", following),) if more else ())

    async def read(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(hostaudit.entry, caller.actor, number(caller.call.variables["id"]))
        return answers.refusal(404, answers.NOTHING) if found is None else Reply(described(found))


def described(entry: hostaudit.Told) -> dict[str, object]:
    details = json.loads(entry.details) if entry.details else {}
    return {
        "id": entry.id,
        "timestamp": moment(entry.at),
        "user_id": entry.account_id,
        "user_name": entry.username,
        "user_email": entry.email,
        "action": entry.action,
        "resource_type": entry.resource_type,
        "resource_id": entry.resource_id,
        "details": details,
        "ip_address": entry.address,
        "created_on": npm.moment(entry.at),
        "modified_on": npm.moment(entry.at),
        "object_type": entry.resource_type.replace("_", "-"),
        "object_id": entry.resource_id,
        "meta": details,
    }
