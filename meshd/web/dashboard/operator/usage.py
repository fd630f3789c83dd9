"""What every account used in a period: `/operator/usage/`, as a table by pages and as files of many pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from meshd.accounts import periods
from meshd.accounts.periods import MOST
from meshd.accounts.usagefile import MEDIA, written
from meshd.values.period import month
from meshd.web.dashboard.asking import Asking
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.dashboard.pages import EMPTY_FORM, NO_STORE, Filled
from meshd.web.forms import LARGEST_STORED, Form, Reading
from meshd.web.problems import Worded
from meshd.web.reply import Reply, Text
from meshd.web.room import Caller, Room
from meshd.web.services import Services

USAGE = "/operator/usage/"
FILE = f"{USAGE}usage.csv"
PAGE = 100
PAGES_OF_FILE = 10
"""Pages of MOST accounts in one file: a quarter of a second each in the store, a megabyte in all."""
PERIODS = {"running": "The running billing period", "last": "The billing period before", "month": "A month"}


class UsageRoutes(InstallationRoutes):
    def __init__(self, services: Services, asking: Asking) -> None:
        super().__init__(services)
        self._asking = asking

    def mount(self, room: Room) -> None:
        self._page(room, USAGE, self.usage, ("period", "month", "after"))
        self._page(room, FILE, self.file, ("period", "month", "after"))

    async def usage(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                which, after = _asked(field)
            return await self._usage(caller, form, which, after, EMPTY_FORM, 200)

        return await self._tried(form, change, lambda filled, status: self._empty(caller, form, filled, status))

    async def _usage(self, caller: Caller, form: Form, which: str, after: int, filled: Filled, status: int) -> Reply:
        found = await self._page_of(caller, which, after, PAGE)
        count = MOST * PAGES_OF_FILE
        later = await self._perform(periods.before_the_next, caller.actor, after=after, count=count)
        return self._show(
            caller,
            "usage.html",
            status,
            form=filled,
            rows=found.rows,
            after=after,
            following=_query(form, found.after),
            file=f"{FILE}{_query(form, after, first=True)}",
            later=_query(form, later),
            in_file=count,
            periods=PERIODS,
            chosen=_chosen(form),
        )

    async def _empty(self, caller: Caller, form: Form, filled: Filled, status: int) -> Reply:
        nothing: dict[str, Any] = {"rows": [], "after": 0, "following": "", "file": "", "later": "", "in_file": 0}
        facts = {**nothing, "periods": PERIODS, "chosen": _chosen(form)}
        return self._show(caller, "usage.html", status, form=filled, **facts)

    async def file(self, caller: Caller, form: Form) -> Reply:
        """Answer with the accounts that follow as CSV, page by page, each of them one question to the store."""
        with form.reading() as field:
            which, after = _asked(field)
        rows, begin = [], after
        with self._asking.alone(caller.id):
            for _ in range(PAGES_OF_FILE):
                found = await self._page_of(caller, which, after, MOST)
                rows += found.rows
                after = found.after
                if not after:
                    break
        name = f"usage-{which}{f'-after-{begin}' if begin else ''}.csv"
        fields = (*NO_STORE, ("Content-Disposition", f'attachment; filename="{name}"'))
        following = ("Link", f'<{FILE}{_query(form, after)}>; rel="next"')
        return Reply(
            Text(written(rows)),
            fields=(*fields, following) if after else fields,
            media=MEDIA,
        )

    async def _page_of(self, caller: Caller, which: str, after: int, limit: int) -> periods.UsedPage:
        plans, now = self._live.topology.plans, self._now()
        return await self._perform(
            periods.of_everybody, caller.actor, which=which, after=after, limit=limit, plans=plans, now=now
        )


def _asked(field: Reading) -> tuple[str, int]:
    """The period as the report names it, and the id of the account after which the page begins."""
    which, named = field.choice("period", tuple(PERIODS)), field.text("month", 7)
    if which == "month" and month(named) is None:
        field.wrong("month", Worded("Enter a month such as 2026-10."))
    return named if which == "month" else which, field.whole_number("after", least=0, most=LARGEST_STORED, default=0)


def _chosen(form: Form) -> dict[str, str]:
    return {"period": form.get("period", "") or "running", "month": form.get("month", "")}


def _query(form: Form, after: int, *, first: bool = False) -> str:
    """The query of another page of the same period; "" where there is none.  first: an `after` of 0 is a page too."""
    if not after and not first:
        return ""
    chosen = _chosen(form)
    kept = {"period": chosen["period"]} | ({"month": chosen["month"]} if chosen["period"] == "month" else {})
    return f"?{urlencode({**kept, 'after': after})}"
