"""An account's own usage, target hosts, newest exchanges and top-ups: `/api/admin/accounts/{username}/…`."""

from __future__ import annotations

from functools import partial

from meshd.accounts import domains, history, topups
from meshd.accounts.errors import Invalid
from meshd.accounts.history import Span
from meshd.accounts.topups import Topped, TopUp
from meshd.accounts.validate import MAX_LIMIT, NOTES
from meshd.values.exchanges import PastExchange
from meshd.values.period import following
from meshd.web.admin.accounts import ONE, moment, named
from meshd.web.admin.lists import page_size, paged
from meshd.web.admin.repeats import create
from meshd.web.admin.reports import milliseconds, summed
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

SPANS = {"day": history.DAY, "hour": history.HOUR}
GROUPINGS = ("account", "token", "total")

REFERENCE = 200
"""Characters of the longest reference of a payment."""

SERIES = ("username", "interval", "by", "since", "until")
PAGED = ("username", "limit", "cursor")


class HistoryRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", f"{ONE}/usage", Who.PASSWORD, self.series, SERIES)
        room.route("GET", f"{ONE}/domains", Who.PASSWORD, self.domains, ("username", "since", "until", "limit"))
        room.route("GET", f"{ONE}/activity", Who.PASSWORD, self.activity, PAGED)
        room.route("GET", f"{ONE}/topups", Who.PASSWORD, self.topups, PAGED)
        room.route("POST", f"{ONE}/topups", Who.PASSWORD, self.top_up, ("bytes", "reference", "note"))

    async def series(self, caller: Caller, form: Form) -> Reply:
        """An account's usage by hour or day, its totals and its limits."""
        with form.reading() as field:
            interval, by = field.choice("interval", tuple(SPANS)), field.choice("by", GROUPINGS)
            since, until = field.moment("since"), field.moment("until")
        found = await self._perform(
            history.series,
            caller.actor,
            form["username"],
            since=since,
            until=until,
            span=SPANS[interval],
            by=by,  # type: ignore[arg-type]
            now=self._now(),
        )
        account, used = found.identity.account, found.identity.usage
        day = (found.identity.parent or account).billing_day
        return Reply(
            {
                "period_bytes": used.period_bytes,
                "total_bytes": used.total_bytes,
                "prepaid_bytes": used.prepaid_bytes,
                "period_start": moment(used.period_start),
                "period_end": moment(following(day, used.period_start)),
                "since": moment(found.since),
                "until": moment(found.until),
                "usage": Rows(_span, found.spans),
            }
        )

    async def domains(self, caller: Caller, form: Form) -> Reply:
        """What an account and its sub-accounts moved by target host."""
        with form.reading() as field:
            since, until = field.moment("since"), field.moment("until")
            limit = page_size(field)
        found = await self._perform(
            domains.report, caller.actor, form["username"], since=since, until=until, now=self._now()
        )
        rows = [{"host": each.name, **summed(each)} for each in found.rows[:limit]]
        return Reply({"since": moment(found.since), "until": moment(found.until), "domains": rows})

    async def activity(self, caller: Caller, form: Form) -> Reply:
        """The newest exchanges of an account and its sub-accounts, the newest first."""
        with form.reading() as field:
            limit, cursor = paged(field)
        oldest = (self._now() - self._live.limits.activity_seconds) * 1000
        found = await self._perform(
            history.page, caller.actor, form["username"], before=_before(cursor), since=oldest, limit=limit
        )
        rows = Rows(_past, found.rows)
        last = found.rows[-1][1] if found.more else None
        return Reply({"exchanges": rows, "next": f"{last.ended}-{last.request}" if last else None})

    async def topups(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            limit, cursor = paged(field)
        found = await self._perform(topups.listing, caller.actor, form["username"], cursor=cursor, limit=limit)
        return Reply({"topups": Rows(_topup, found.rows), "next": found.cursor or None})

    async def top_up(self, caller: Caller, form: Form) -> Reply:
        """Add bytes to an account; a payment that is told again, by its reference, adds nothing."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            size = member.number("bytes", least=1, most=MAX_LIMIT)
            reference, note = member.required("reference", REFERENCE), member.text("note", NOTES) or ""
            if size is None:
                member.wrong("bytes", Worded("is required"))
        username, plans = named(caller), self._live.topology.plans
        unit = partial(
            topups.add, caller.actor, username, size or 0, reference, note=note, plans=plans, now=self._now()
        )
        where = f"{ONE.format(username=username)}/topups"
        return await create(self._services, caller, unit, _topped, lambda _: where)


def _span(span: Span) -> dict[str, object]:
    return {
        "at": moment(span.at),
        "username": span.username,
        "token": span.token_id,
        "bytes_up": span.up,
        "bytes_down": span.down,
        "exchanges": span.exchanges,
    }


def _past(found: tuple[str, PastExchange]) -> dict[str, object]:
    username, row = found
    return {
        "id": row.request,
        "began_at": milliseconds(row.began),
        "ended_at": milliseconds(row.ended),
        "username": username,
        "token": row.token_id or None,
        "proxy": row.proxy,
        "client": row.client,
        "method": row.method,
        "host": row.host,
        "port": row.port,
        "exit": row.exit or None,
        "status": row.status,
        "reason": row.reason,
        "bytes_up": row.up,
        "bytes_down": row.down,
    }


def _topup(topup: TopUp) -> dict[str, object]:
    return {
        "id": topup.id,
        "at": moment(topup.at),
        "bytes": topup.bytes,
        "reference": topup.reference,
        "note": topup.note,
        "by": topup.by,
    }


def _topped(topped: Topped) -> dict[str, object]:
    return {
        **_topup(topped.topup),
        "again": topped.again,
        "prepaid_bytes": topped.usage.prepaid_bytes,
        "total_limit": topped.total_limit,
    }


def _before(cursor: str) -> tuple[int, str]:
    """The exchange that the page before ended with.  Raises: Invalid."""
    ended, _, request = cursor.partition("-")
    if not cursor:
        return 10**15, ""
    if not (ended.isascii() and ended.isdecimal() and len(ended) <= 15 and request):
        raise Invalid({"cursor": ["This is no cursor of this list."]})
    return int(ended), request
