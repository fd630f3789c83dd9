"""The dashboard itself: `/account/dashboard/`, and the figures of it that a script reads again now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshd.accounts import summary
from meshd.model import Identity
from meshd.topology import ProxyHost, included_bytes
from meshd.values import period
from meshd.web.dashboard import figures
from meshd.web.dashboard.pages import HOME, PageRoutes
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

SHOWN = 25
"""Sub-accounts on the dashboard; all of them have a page of their own."""
SOONEST = 3600
"""Seconds of a period after which its end can be guessed from what was used so far."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an account used of what it may, with what the period will come to at the pace so far."""

    used: int
    limit: int
    """0 for none."""
    prepaid: int
    """Bytes of top-ups that are left for when the limit is reached."""
    total: int
    total_limit: int
    begins: int
    ends: int
    """The last second of the period, and one."""
    projected: int
    """0 where it is too early to say."""
    reached: int
    """When the limit is reached at the pace so far; 0 for not in this period."""

    @property
    def level(self) -> str:
        """How a meter is shown: "over", "near" or "fine"."""
        share = figures.share(self.used, self.limit)
        return "over" if self.limit and self.used >= self.limit else "near" if share >= 80 else "fine"


def used(identity: Identity, now: int, included: Mapping[str, int]) -> Used:
    """The account's use of its present period, and what that will come to.  included: the bytes that plans include."""
    account, usage = identity.account, identity.usage
    ends = period.following((identity.parent or account).billing_day, max(now, usage.period_start))
    past, whole = now - usage.period_start, ends - usage.period_start
    pace = usage.period_bytes / past if past >= SOONEST else 0
    limit = account.monthly_limit or (included.get(account.plan, 0) if identity.parent is None else 0)
    left = limit + usage.prepaid_bytes - usage.period_bytes
    reached = round(now + left / pace) if limit and pace and left > 0 else 0
    return Used(
        used=usage.period_bytes,
        limit=limit,
        prepaid=usage.prepaid_bytes,
        total=usage.total_bytes,
        total_limit=account.total_limit,
        begins=usage.period_start,
        ends=ends,
        projected=round(pace * whole),
        reached=reached if reached < ends else 0,
    )


class HomeRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, HOME, self.dashboard)
        self._page(room, "/account/figures/", self.figures)

    async def dashboard(self, caller: Caller, form: Form) -> Reply:
        """Show what an account has, in two questions to the store."""
        identity, now = caller.admission.identity, self._now()
        parent = identity.parent is None
        holdings = await self._perform(summary.holdings, caller.actor)
        below = await self._perform(summary.below, caller.actor, limit=SHOWN, at=now) if parent else None
        topology = self._live.topology
        return self._show(
            caller,
            "dashboard.html",
            used=used(identity, now, included_bytes(topology.plans)),
            proxies=self._proxies(identity),
            plan=topology.plans.get(caller.account.plan) if parent else None,
            holdings=holdings,
            below=below,
        )

    async def figures(self, caller: Caller, form: Form) -> Reply:
        """Answer with the figures of the dashboard that change by themselves, as texts."""
        now = used(caller.admission.identity, self._now(), included_bytes(self._live.topology.plans))
        told = {
            "used": figures.size(now.used),
            "share": figures.share(now.used, now.limit),
            "total": figures.size(now.total),
            "projected": figures.size(now.projected) if now.projected else "",
        }
        return Reply(told, fields=(("Cache-Control", "no-store"),), media="application/json")

    def _proxies(self, identity: Identity) -> list[tuple[ProxyHost, int]]:
        """The account's proxies, each with how many exits of it are up as far as countries are known."""
        known = self._live.topology.proxies
        return [
            (known[name], sum(self._services.countries(name).values())) for name in identity.proxies if name in known
        ]
