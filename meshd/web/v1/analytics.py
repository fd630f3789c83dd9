"""`/v1/traffic`, `/v1/requests`, `/v1/domain-breakdown`: what an account and its sub-users have used, as it was billed.

What is told is the sum of whole hours or whole days of the ledger (UTC): those that the range touches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from meshd.accounts import domains, history
from meshd.accounts.domains import OTHER, Sum
from meshd.accounts.errors import Invalid, TooMany
from meshd.accounts.history import DAY, HOUR, Length, Span
from meshd.running.flights import Lines
from meshd.values.times import iso, read_time
from meshd.web.document import Document, Members
from meshd.web.forms import Form
from meshd.web.problems import Flaw, Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes, Services
from meshd.web.v1 import answers

FIELDS = ("period", "start_date", "end_date")

PERIODS = {"24h": (HOUR, 24), "7d": (DAY, 7), "30d": (DAY, 30), "90d": (DAY, 90)}
"""By name the spans that are told, and how many of them, that of now the last."""
CUSTOM = "custom"

MOST_HOURS = 7 * 24
"""A range of so many hours is told by the hour, a longer one by the day."""
MOST_DAYS = 366

MOST_DOMAINS = 1000
"""Names of one answer; all others are one."""

IN_LINE = 10
"""Questions of one account of which one is asked and the others wait: a program asks its few at once."""

LONGEST = 40
"""Characters of a date."""


class Range(NamedTuple):
    """Whole spans of time, from the first second of the first to the last of the last."""

    since: int
    until: int
    """The first second after it."""
    span: Length

    @property
    def begins(self) -> range:
        """The first second of each span."""
        return range(self.since, self.until, self.span.seconds)

    def label(self, at: int) -> str:
        """How a span is called: `2026-01-15 12:00`, or `2026-01-15`."""
        return iso(at)[:16].replace("T", " ") if self.span is HOUR else iso(at)[:10]


NOTHING = Range(0, 0, DAY)
"""In the place of a range that is wrong."""


class AnalyticsRoutes(Routes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._lines = Lines()
        """One question of an account after the other, since the store answers them slowly."""
        self._in_line: dict[int, int] = {}

    def mount(self, room: Room) -> None:
        for name, counted in (("traffic", _bytes), ("requests", _exchanges)):
            room.route("POST", f"/v1/{name}", Who.ANY, partial(self.series, counted), FIELDS)
            room.route("POST", f"/v1/{name}/period-total", Who.ANY, partial(self.total, counted), FIELDS)
        room.route("POST", "/v1/domain-breakdown", Who.ANY, self.domains, FIELDS)

    async def series(self, counted: Callable[[Span], int], caller: Caller, form: Form) -> Reply:
        """Answer with each span of the range, also those in which nothing was used."""
        asked = self._range(form)
        used = {each.at: counted(each) for each in await self._used(caller, asked)}
        told = {
            "labels": [asked.label(at) for at in asked.begins],
            "data": [used.get(at, 0) for at in asked.begins],
        }
        return answers.payload(told)

    async def total(self, counted: Callable[[Span], int], caller: Caller, form: Form) -> Reply:
        spans = await self._used(caller, self._range(form))
        return answers.payload({"total": sum(map(counted, spans))})

    async def domains(self, caller: Caller, form: Form) -> Reply:
        """Answer with the domains of the days that the range touches, those with most bytes first."""
        asked = _whole(self._range(form), DAY)
        async with self._turn(caller.id):
            found = await self._perform(
                domains.report, caller.actor, None, since=asked.since, until=asked.until, now=self._now()
            )
        return answers.payload({"items": [described(each) for each in within(found.rows)]})

    async def _used(self, caller: Caller, asked: Range) -> list[Span]:
        async with self._turn(caller.id):
            found = await self._perform(
                history.series,
                caller.actor,
                None,
                since=asked.since,
                until=asked.until,
                span=asked.span,
                by="total",
                now=self._now(),
            )
        return found.spans

    @asynccontextmanager
    async def _turn(self, account_id: int) -> AsyncIterator[None]:
        """Wait for the account's questions before.  Raises: TooMany; Invalid as the ledger's, by our fields."""
        waiting = self._in_line.get(account_id, 0)
        if waiting >= IN_LINE:
            raise TooMany("too many questions about usage at a time", limit=IN_LINE)
        self._in_line[account_id] = waiting + 1
        try:
            async with self._lines.hold(account_id):
                yield
        except Invalid as error:
            raise answers.named(error, {"since": "start_date"}) from error
        finally:
            self._in_line[account_id] -= 1
            if not self._in_line[account_id]:
                del self._in_line[account_id]

    def _range(self, form: Form) -> Range:
        assert isinstance(form, Document)
        with form.members_read() as member:
            return read_range(member, self._now())


def read_range(member: Members, now: int) -> Range:
    """What is asked for: a period up to now, or from a date to a date, where one is given."""
    period = member.text("period", LONGEST) or next(iter(PERIODS))
    begin, end = _moment(member, "start_date", 0), _moment(member, "end_date", DAY.seconds)
    if period not in (*PERIODS, CUSTOM):
        member.wrong("period", Worded(f"must be one of {', '.join((*PERIODS, CUSTOM))}"))
    elif begin is None and end is None and period in PERIODS:
        span, count = PERIODS[period]
        until = now - now % span.seconds + span.seconds
        return Range(until - count * span.seconds, until, span)
    elif begin is None:
        member.wrong("start_date", Flaw.REQUIRED)
    else:
        return _between(member, begin, now + 1 if end is None else end)
    return NOTHING


def _between(member: Members, begin: int, end: int) -> Range:
    seconds = end - begin
    if seconds <= 0:
        member.wrong("start_date", Worded("must be before the end date"))
        return NOTHING
    if seconds > MOST_DAYS * DAY.seconds:
        member.wrong("start_date", Worded(f"must be within {MOST_DAYS} days of the end date"))
        return NOTHING
    return _whole(Range(begin, end, HOUR), HOUR if seconds <= MOST_HOURS * HOUR.seconds else DAY)


def within(rows: list[Sum], most: int = MOST_DOMAINS) -> Iterable[Sum]:
    """The first of the rows, and all others as one."""
    if len(rows) <= most:
        return rows
    kept, others = rows[: most - 1], rows[most - 1 :]
    return [*kept, Sum(OTHER, *(sum(column) for column in zip(*(each[1:] for each in others), strict=True)))]


def described(row: Sum) -> dict[str, object]:
    return {"domain": row.name, "bandwidth": row.up + row.down, "requests": row.exchanges}


def _bytes(span: Span) -> int:
    return span.up + span.down


def _exchanges(span: Span) -> int:
    return span.exchanges


def _whole(asked: Range, span: Length) -> Range:
    """The range from the begin of its first span to the end of its last."""
    since, until, seconds = asked.since, asked.until, span.seconds
    return Range(since - since % seconds, until + -until % seconds, span)


def _moment(member: Members, name: str, day: int) -> int | None:
    """The time of a date, or of a date and time in UTC; None where none is given.  day: seconds after a bare date."""
    text = (member.text(name, LONGEST) or "").replace(" ", "T", 1)
    if not text:
        return None
    found = read_time(text.removesuffix("Z").partition(".")[0])
    if found is None:
        member.wrong(name, Flaw.NO_MOMENT)
        return None
    return found + (day if len(text) == len("2026-01-15") else 0)
