"""The newest exchanges, with filters: `/account/activity/`."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlencode

from meshd.accounts import history
from meshd.values.exchanges import PastExchange
from meshd.web.dashboard.asking import Asking
from meshd.web.dashboard.behalf import on_behalf
from meshd.web.dashboard.pages import PageRoutes
from meshd.web.forms import Form, Reading
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room
from meshd.web.services import Services

ACTIVITY = "/account/activity/"
PAGE = 50
READ, READINGS = 200, 5
"""Rows that are read at once, and how often at most for one page: a filter that lets few through shows fewer."""
OUTCOMES = {"all": "all", "well": "without problems", "failed": "with problems"}
FIELDS = ("username", "host", "outcome", "until", "cursor")

_CURSOR = re.compile(r"(\d{1,15})-([0-9A-Za-z._-]{1,64})\Z", re.ASCII)
_NEWEST = (10**15, "")
"""A cursor after every exchange that will have ended in the next thirty thousand years (milliseconds, request id)."""


class Filter(NamedTuple):
    """Which exchanges are shown."""

    host: str
    """A part of the target's name, in lower case; "" for all."""
    outcome: str
    """One of OUTCOMES."""

    def lets(self, row: PastExchange) -> bool:
        failed = row.reason != "" or row.status >= 400
        wanted = self.outcome == "all" or failed == (self.outcome == "failed")
        return wanted and self.host in row.host.lower()


class ActivityRoutes(PageRoutes):
    def __init__(self, services: Services, asking: Asking) -> None:
        super().__init__(services)
        self._asking = asking

    def mount(self, room: Room) -> None:
        self._page(room, ACTIVITY, self.activity, FIELDS)

    async def activity(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username, host = on_behalf(field), field.text("host", 255)
            outcome = field.choice("outcome", tuple(OUTCOMES))
            until = field.moment("until", typed=True)
            before = _cursor(field, (until * 1000, "") if until else _NEWEST)
        with self._asking.alone(caller.id):
            rows, older = await self._rows(caller, username, before, Filter(host.lower(), outcome))
        chosen = {"username": username or "", "host": host, "outcome": outcome, "until": form.get("until", "").strip()}
        following = f"{ACTIVITY}?{urlencode({**chosen, 'cursor': older})}" if older else ""
        return self._show(
            caller,
            "activity.html",
            rows=rows,
            older=following,
            outcomes=OUTCOMES,
            kept=self._live.limits.activity_per_account,
            chosen=chosen,
        )

    async def _rows(
        self, caller: Caller, username: str | None, before: tuple[int, str], wanted: Filter
    ) -> tuple[list[tuple[str, PastExchange]], str]:
        """The newest exchanges that the filter lets through, and the cursor of what was not looked at; "" for none."""
        since = (self._now() - self._live.limits.activity_seconds) * 1000
        found: list[tuple[str, PastExchange]] = []
        for _ in range(READINGS):
            page = await self._perform(history.page, caller.actor, username, before=before, since=since, limit=READ)
            for name, row in page.rows:
                before = row.ended, row.request
                if wanted.lets(row):
                    found.append((name, row))
                if len(found) == PAGE:
                    last = row is page.rows[-1][1] and not page.more
                    return found, "" if last else f"{row.ended}-{row.request}"
            if not page.more:
                return found, ""
        return found, f"{before[0]}-{before[1]}"


def _cursor(field: Reading, default: tuple[int, str]) -> tuple[int, str]:
    text = field.text("cursor", 80)
    if not text:
        return default
    found = _CURSOR.match(text)
    if found is None:
        field.wrong("cursor", Worded("This address is not one of ours; go back to the first page."))
        return default
    return int(found[1]), found[2]
