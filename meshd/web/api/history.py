"""What was used and what was done with it: `/api/usage/` and `/api/activity/`, one's own and one's sub-accounts'."""

from __future__ import annotations

import re

from meshd.accounts import history
from meshd.accounts.history import Span
from meshd.model import PastExchange
from meshd.web.api.fields import on_behalf, stamp
from meshd.web.api.subaccounts import details
from meshd.web.forms import Form, Reading
from meshd.web.replies import Reply
from meshd.web.routing import Api, Caller, Who
from meshd.web.services import Services

SPANS = {"day": 86_400, "hour": 3600}
GROUPINGS = ("account", "token", "total")

PAGE = 50
LARGEST_PAGE = 200

_CURSOR = re.compile(r"(\d{1,15})-([0-9A-Za-z._-]{1,64})\Z", re.ASCII)
_NEWEST = (10**15, "")
"""After whatever will have ended in the next thirty thousand years."""


class HistoryRoutes:
    def __init__(self, services: Services) -> None:
        self._services = services

    def mount(self, api: Api) -> None:
        api.route("GET", "/api/usage/", Who.ANY, self.usage)
        api.route("GET", "/api/activity/", Who.ANY, self.activity)

    async def usage(self, caller: Caller, form: Form) -> Reply:
        """A series, beside the account's details, whose limits and totals it explains."""
        with form.reading() as field:
            username = on_behalf(field)
            interval = field.choice("interval", tuple(SPANS))
            by = field.choice("by", GROUPINGS)
            since, until = field.moment("since"), field.moment("until")
        found = await self._services.accounts.perform(
            history.series,
            caller.id,
            username,
            since=since,
            until=until,
            width=SPANS[interval],
            by=by,  # type: ignore[arg-type]
            now=self._services.now(),
        )
        return Reply(
            {
                "account": details(found.identity),
                "interval": interval,
                "by": by,
                "since": stamp(found.since),
                "until": stamp(found.until),
                "usage": [_span(each, by) for each in found.spans],
            }
        )

    async def activity(self, caller: Caller, form: Form) -> Reply:
        """Newest first; `next` is the cursor of the page that follows, null at the end."""
        with form.reading() as field:
            username = on_behalf(field)
            limit = field.whole_number("limit", least=1, most=LARGEST_PAGE, default=PAGE)
            before = _cursor(field)
        found = await self._services.accounts.perform(history.page, caller.id, username, before=before, limit=limit)
        last = found.rows[-1][1] if found.more else None
        return Reply(
            {
                "activity": [_exchange(*row) for row in found.rows],
                "next": f"{last.ended}-{last.request}" if last else None,
            }
        )


def _span(span: Span, by: str) -> dict[str, object]:
    whose = {"username": span.username, "token": span.token_id}
    shown = {"account": ("username",), "token": ("username", "token"), "total": ()}[by]
    return {
        "at": stamp(span.at),
        **{name: whose[name] for name in shown},
        "bytes_up": span.up,
        "bytes_down": span.down,
        "exchanges": span.exchanges,
    }


def _exchange(username: str, row: PastExchange) -> dict[str, object]:
    return {
        "request_id": row.request,
        "at": f"{stamp(row.began // 1000)}.{row.began % 1000:03}",
        "seconds": (row.ended - row.began) / 1000,
        "username": username,
        "token": row.token_id or None,
        "proxy": row.proxy,
        "client": row.client,
        "method": row.method,
        "host": row.host,
        "port": row.port,
        "exit": row.exit,
        "status": row.status,
        "reason": row.reason,
        "bytes_up": row.up,
        "bytes_down": row.down,
    }


def _cursor(field: Reading) -> tuple[int, str]:
    text = field.text("cursor", 80)
    if not text:
        return _NEWEST
    found = _CURSOR.match(text)
    if found is None:
        field.wrong("cursor", "Enter what an answer named as next.")
        return _NEWEST
    return int(found[1]), found[2]
