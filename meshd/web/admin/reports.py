"""`/api/admin/overview`, `…/traffic`, `…/usage`, `…/exits/{exit}/users`: what the whole installation does and did."""

from __future__ import annotations

from urllib.parse import quote

from meshd.accounts import exitusers, periods, traffic
from meshd.accounts.exitcosts import Rates
from meshd.accounts.exitusers import User
from meshd.accounts.periods import Used
from meshd.accounts.traffic import Figures, Sum
from meshd.accounts.usagefile import MEDIA, written
from meshd.values.period import month
from meshd.values.times import iso
from meshd.web.admin.accounts import moment
from meshd.web.admin.infrastructure import EXIT
from meshd.web.admin.lists import page_size
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply, Rows, Text
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

WITHIN = 3600
"""Seconds around a time at which an exit was used, at most."""


class ReportRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/api/admin/overview", Who.PASSWORD, self.overview, ())
        room.route("GET", "/api/admin/traffic", Who.PASSWORD, self.traffic, ("span", "month", "limit"))
        room.route("GET", "/api/admin/usage", Who.PASSWORD, self.usage, ("period", "format", "limit", "cursor"))
        room.route("GET", f"{EXIT}/users", Who.PASSWORD, self.users, ("exit", "at", "within", "limit"))

    async def overview(self, caller: Caller, form: Form) -> Reply:
        known = [each.name for each in self._live.topology.exits]
        found = await self._perform(traffic.overview, caller.actor, known=known, now=self._now())
        return Reply(
            {
                "spans": {span: _figures(each) for span, each in found.spans.items()},
                "exits": found.exits._asdict(),
                "open_exchanges": found.open,
            }
        )

    async def traffic(self, caller: Caller, form: Form) -> Reply:
        """What left by each exit, those with most exchanges first."""
        with form.reading() as field:
            span, named = field.choice("span", ("day", "hour", "month")), field.text("month", 7)
            limit, bounds = page_size(field), month(named)
            if named and bounds is None:
                field.wrong("month", Worded("must be a month such as 2026-10"))
        if bounds is None:
            found = await self._perform(traffic.by_exit, caller.actor, span=span, limit=limit, now=self._now())  # type: ignore[arg-type]
        else:
            since, until = bounds
            found = await self._perform(traffic.by_exit_in, caller.actor, since=since, until=until, limit=limit)
        rates = Rates(self._live.topology)
        rows = [{"exit": each.name, **summed(each), "cost": rates.cost(each)} for each in found]
        return Reply({"exits": rows, "currency": rates.currency, "cost": rates.total(found).cost})

    async def usage(self, caller: Caller, form: Form) -> Reply:
        """What every account used in its period, page by page; as CSV if that is asked for, with `Link` to the next."""
        with form.reading() as field:
            period, format_ = field.text("period", 7) or "running", field.choice("format", ("json", "csv"))
            limit = page_size(field)
            after = field.whole_number("cursor", least=0, most=LARGEST_STORED, default=0)
            if period not in ("running", "last") and month(period) is None:
                field.wrong("period", Worded("must be running, last, or a month such as 2026-10"))
        found = await self._perform(
            periods.of_everybody,
            caller.actor,
            which=period,
            after=after,
            limit=limit,
            plans=self._live.topology.plans,
            now=self._now(),
        )
        if format_ == "json":
            return Reply({"accounts": Rows(_used, found.rows), "next": str(found.after) if found.after else None})
        target = f"/api/admin/usage?period={quote(period)}&format=csv&limit={limit}&cursor={found.after}"
        link = (("Link", f'<{target}>; rel="next"'),) if found.after else ()
        return Reply(Text(written(found.rows)), fields=link, media=MEDIA)

    async def users(self, caller: Caller, form: Form) -> Reply:
        """Who used an exit at a time, as far as the store can tell; the exchange log has all."""
        with form.reading() as field:
            at = field.moment("at")
            within = field.whole_number("within", least=0, most=WITHIN, default=60)
            limit = page_size(field)
            if at is None:
                field.wrong("at", Worded("is required, such as 2026-11-28T09:30:00"))
        at = at or 0
        found = await self._perform(
            exitusers.users,
            caller.actor,
            exitusers.ways(form["exit"], self._live.topology.exits),
            since=at - within,
            until=at + within,
            limit=limit,
            now=self._now(),
        )
        return Reply(
            {
                "exchanges": Rows(_user, found.rows),
                "more": found.more,
                "known_since": milliseconds(found.since),
            }
        )


def _figures(figures: Figures) -> dict[str, object]:
    return {
        "since": moment(figures.since),
        "exchanges": figures.exchanges,
        "bytes_up": figures.up,
        "bytes_down": figures.down,
        "active_accounts": figures.active,
        "new_accounts": figures.new,
        "outcomes": {kind: each.exchanges for kind, each in figures.outcomes.items()},
    }


def summed(each: Sum) -> dict[str, object]:
    return {
        "bytes_up": each.up,
        "bytes_down": each.down,
        "exchanges": each.exchanges,
        "failures": each.failures,
    }


def _used(used: Used) -> dict[str, object]:
    return {
        "username": used.username,
        "parent": used.parent or None,
        "plan": used.plan,
        "active": used.active,
        "period_start": moment(used.start),
        "period_end": moment(used.end),
        "bytes_up": used.up,
        "bytes_down": used.down,
        "bytes": used.total,
        "exchanges": used.exchanges,
        "limit": used.limit,
    }


def _user(row: User) -> dict[str, object]:
    return {
        "began_at": milliseconds(row.began),
        "ended_at": milliseconds(row.ended),
        "id": row.request,
        "username": row.username,
        "token": row.token_id or None,
        "proxy": row.proxy,
        "client": row.client,
        "method": row.method,
        "host": row.host,
        "port": row.port,
        "exit": row.exit,
        "bytes_up": row.up,
        "bytes_down": row.down,
    }


def milliseconds(at: int) -> str | None:
    """A time by RFC 3339 to the millisecond; None for 0."""
    return f"{iso(at // 1000)}.{at % 1000:03}Z" if at else None
