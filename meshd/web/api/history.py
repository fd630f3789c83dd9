"""What was used and what was done with it: `/api/usage/` and `/api/activity/`, one's own and one's sub-accounts'."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from meshd.accounts import history
from meshd.accounts.errors import TooMany
from meshd.accounts.history import Span
from meshd.store.unit import Unit
from meshd.topology import included_bytes
from meshd.values.exchanges import PastExchange
from meshd.values.times import iso
from meshd.web.api.fields import on_behalf
from meshd.web.api.subaccounts import details
from meshd.web.forms import Form, Reading
from meshd.web.problems import Worded
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes, Services

P = ParamSpec("P")
T = TypeVar("T")

SPANS = {"day": history.DAY, "hour": history.HOUR}
GROUPINGS = ("account", "token", "total")

SERIES = ("username", "interval", "by", "since", "until")
PAGES = ("username", "limit", "cursor")

PAGE = 50
LARGEST_PAGE = 200

_CURSOR = re.compile(r"(\d{1,15})-([0-9A-Za-z._-]{1,64})\Z", re.ASCII)
_NEWEST = (10**15, "")
"""A cursor after every exchange that will have ended in the next thirty thousand years (milliseconds, request id)."""


class HistoryRoutes(Routes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._asking: set[int] = set()
        """Ids of accounts for which a query of history runs: such queries take the store longer than others do."""

    def mount(self, room: Room) -> None:
        room.route("GET", "/api/usage/", Who.ANY, self.usage, SERIES)
        room.route("GET", "/api/activity/", Who.ANY, self.activity, PAGES)

    async def usage(self, caller: Caller, form: Form) -> Reply:
        """Answer with a series of usage and the details of the account, whose totals the series explains."""
        with form.reading() as field:
            username = on_behalf(field)
            interval = field.choice("interval", tuple(SPANS))
            by = field.choice("by", GROUPINGS)
            since, until = field.moment("since"), field.moment("until")
        found = await self._ask(
            caller,
            history.series,
            caller.actor,
            username,
            since=since,
            until=until,
            span=SPANS[interval],
            by=by,  # type: ignore[arg-type]
            now=self._now(),
        )
        return Reply(
            {
                "account": details(found.identity, included_bytes(self._live.topology.plans)),
                "interval": interval,
                "by": by,
                "since": iso(found.since),
                "until": iso(found.until),
                "usage": Rows(partial(_span, by), found.spans),
            }
        )

    async def activity(self, caller: Caller, form: Form) -> Reply:
        """Answer with a page of exchanges, the newest first; `next` is the cursor of the next page, null at the end."""
        with form.reading() as field:
            username = on_behalf(field)
            limit = field.whole_number("limit", least=1, most=LARGEST_PAGE, default=PAGE)
            before = _cursor(field)
        limits = self._live.limits
        if not limits.activity_per_account:
            return Reply({"activity": [], "next": None})
        since = (self._now() - limits.activity_seconds) * 1000
        found = await self._ask(caller, history.page, caller.actor, username, before=before, since=since, limit=limit)
        last = found.rows[-1][1] if found.more else None
        return Reply(
            {
                "activity": Rows(_exchange, found.rows),
                "next": f"{last.ended}-{last.request}" if last else None,
            }
        )

    async def _ask(self, caller: Caller, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the unit, but one at a time for each account.  Raises: TooMany while another of the account runs."""
        if caller.id in self._asking:
            raise TooMany("one question about usage or activity at a time")
        self._asking.add(caller.id)
        try:
            return await self._perform(unit, *args, **kwargs)
        finally:
            self._asking.discard(caller.id)


def _span(by: str, span: Span) -> dict[str, object]:
    whose = {"username": span.username, "token": span.token_id}
    shown = {"account": ("username",), "token": ("username", "token"), "total": ()}[by]
    return {
        "at": iso(span.at),
        **{name: whose[name] for name in shown},
        "bytes_up": span.up,
        "bytes_down": span.down,
        "exchanges": span.exchanges,
    }


def _exchange(found: tuple[str, PastExchange]) -> dict[str, object]:
    username, row = found
    return {
        "request_id": row.request,
        "at": f"{iso(row.began // 1000)}.{row.began % 1000:03}",
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
        field.wrong("cursor", Worded("Enter what an answer named as next."))
        return _NEWEST
    return int(found[1]), found[2]
