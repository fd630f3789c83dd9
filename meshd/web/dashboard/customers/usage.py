"""What an account and its sub-accounts moved: `…/usage/`, by time, by target host, and the newest exchanges."""

from __future__ import annotations

from meshd.accounts import domains, history
from meshd.accounts.domains import Sum
from meshd.accounts.dossier import Dossier
from meshd.accounts.errors import Invalid
from meshd.topology import included_bytes
from meshd.values.exchanges import PastExchange
from meshd.values.times import DAY
from meshd.web.dashboard.asking import Asking
from meshd.web.dashboard.customers.sheet import ONE, SheetRoutes, whose
from meshd.web.dashboard.home import used
from meshd.web.dashboard.plots import bars
from meshd.web.dashboard.usage import RANGES, SPANS, Part, bounds, filled, parted
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room
from meshd.web.services import Services

HOSTS, EXCHANGES = 15, 15
"""Target hosts and exchanges that are shown."""
NEWEST = (10**15, "")
"""A cursor after every exchange there will be."""


class UsageRoutes(SheetRoutes):
    def __init__(self, services: Services, asking: Asking) -> None:
        super().__init__(services)
        self._asking = asking

    def mount(self, room: Room) -> None:
        self._page(room, f"{ONE}usage/", self.usage, ("range",))

    async def usage(self, caller: Caller, form: Form) -> Reply:
        """Show a range as a plot and as tables."""
        with form.reading() as field:
            range_ = field.choice("range", tuple(RANGES))
        found = await self._dossier(caller)
        account, now = found.account, self._now()
        identity = await self._identity(caller, account)
        since, until, span = bounds(range_, identity, now)
        with self._asking.alone(caller.id):
            series = await self._perform(
                history.series,
                caller.actor,
                whose(caller, account),
                since=since,
                until=until,
                span=SPANS[span],
                by="total",
                now=now,
            )
            parts, hosts = (
                await self._parts(caller, found, since, until),
                await self._hosts(caller, found, since, until),
            )
            rows = await self._exchanges(caller, found)
        shown = filled(series.spans, series.since, min(until, now + 1), span)
        return self._sheet(
            caller,
            found,
            "usage/",
            "usage.html",
            shown_range=range_,
            ranges=RANGES,
            used=used(identity, now, included_bytes(self._live.topology.plans)),
            bars=shown,
            plot=bars(shown, f"{RANGES[range_]}: bandwidth of {account.username}"),
            parts_list=parts,
            hosts=hosts,
            rows=rows,
        )

    async def _parts(self, caller: Caller, found: Dossier, since: int, until: int) -> list[Part]:
        """The range by account of the family; [] where that is too much to be told, or there is one account only."""
        if found.account.parent_id is not None:
            return []
        name, now = whose(caller, found.account), self._now()
        try:
            series = await self._perform(
                history.series, caller.actor, name, since=since, until=until, span=history.DAY, by="account", now=now
            )
        except Invalid:
            return []
        return parted(series.spans, "account", {})

    async def _hosts(self, caller: Caller, found: Dossier, since: int, until: int) -> list[Sum] | None:
        """The target hosts with most bytes in the days of the range; None where that is too much to be told."""
        name, begin = whose(caller, found.account), since - since % DAY
        try:
            report = await self._perform(domains.report, caller.actor, name, since=begin, until=until, now=self._now())
        except Invalid:
            return None
        return report.rows[:HOSTS]

    async def _exchanges(self, caller: Caller, found: Dossier) -> list[tuple[str, PastExchange]]:
        since = (self._now() - self._live.limits.activity_seconds) * 1000
        name = whose(caller, found.account)
        page = await self._perform(history.page, caller.actor, name, before=NEWEST, since=since, limit=EXCHANGES)
        return page.rows
