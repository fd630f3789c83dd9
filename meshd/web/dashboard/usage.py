"""Current and past bandwidth: `/account/usage/`, an account's own with its sub-accounts', or one sub-account's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from meshd.accounts import history, subaccounts, tokens
from meshd.accounts.errors import Invalid
from meshd.accounts.history import Span
from meshd.model import Identity
from meshd.topology import included_bytes
from meshd.values import period
from meshd.values.times import DAY, iso
from meshd.web.dashboard.asking import Asking
from meshd.web.dashboard.behalf import on_behalf
from meshd.web.dashboard.home import used
from meshd.web.dashboard.pages import PageRoutes
from meshd.web.dashboard.plots import Bar, bars
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room
from meshd.web.services import Services

USAGE = "/account/usage/"
RANGES = {
    "period": "This billing period",
    "previous": "The billing period before",
    "today": "The last 24 hours",
    "quarter": "The last 90 days",
}
SPANS = {"hour": history.HOUR, "day": history.DAY}
SECONDS = {"hour": 3600, "day": DAY}
GROUPINGS = {"account": "by account", "token": "by bearer token"}


class Part(NamedTuple):
    """What one account or token moved within the range."""

    name: str
    """The username, or what a token is called; "" for none."""
    down: int
    up: int
    exchanges: int
    account: str | None = None
    """The username, for a link; None where there is none."""
    token_id: int | None = None
    """The token, for a link; None where there is none."""


class UsageRoutes(PageRoutes):
    def __init__(self, services: Services, asking: Asking) -> None:
        super().__init__(services)
        self._asking = asking

    def mount(self, room: Room) -> None:
        self._page(room, USAGE, self.usage, ("username", "range", "by", "token"))

    async def usage(self, caller: Caller, form: Form) -> Reply:
        """Show a range as a plot and as tables: by time, of all or one token, and by account or token."""
        with form.reading() as field:
            username = on_behalf(field)
            range_ = field.choice("range", tuple(RANGES))
            by = field.choice("by", tuple(GROUPINGS))
            token_id = field.optional_number("token", least=1, most=LARGEST_STORED)
        identity = await self._identity(caller, username)
        since, until, span = bounds(range_, identity, self._now())
        asked: dict[str, Any] = {"since": since, "until": until, "span": SPANS[span], "now": self._now()}
        with self._asking.alone(caller.id):
            spans, problem = await self._spans(caller, username, "token" if token_id else by, asked)
            whole = await self._spans(caller, username, "total", asked) if token_id is None else (spans, "")
        names = await self._labels(caller, username) if by == "token" or token_id else {}
        drawn = [each for each in whole[0] if token_id in (None, each.token_id)]
        shown = filled(drawn, since, min(until, self._now() + 1), span)
        whose = _token(token_id, names) if token_id else identity.account.username
        return self._show(
            caller,
            "usage.html",
            username=username,
            shown_range=range_,
            ranges=RANGES,
            by=by,
            groupings=GROUPINGS,
            token_name=whose if token_id else "",
            used=used(identity, self._now(), included_bytes(self._live.topology.plans)),
            found=identity.account,
            bars=shown,
            plot=bars(shown, f"{RANGES[range_]}: bandwidth of {whose}"),
            parts_list=parted(spans, "token" if token_id else by, names),
            problem=problem,
        )

    async def _identity(self, caller: Caller, username: str | None) -> Identity:
        if username is None:
            return caller.admission.identity
        return await self._perform(subaccounts.details, caller.actor, username, at=self._now())

    async def _spans(
        self, caller: Caller, username: str | None, by: str, asked: dict[str, Any]
    ) -> tuple[Sequence[Span], str]:
        """The range by time and account or token; or why that is too much to be told."""
        try:
            found = await self._perform(history.series, caller.actor, username, by=by, **asked)  # type: ignore[arg-type]
        except Invalid as error:
            return [], " ".join(text for texts in error.messages.values() for text in texts)
        return found.spans, ""

    async def _labels(self, caller: Caller, username: str | None) -> dict[int, str]:
        """What the account's tokens are called, by id; a sub-account is not told what its parent calls them."""
        if caller.account.parent_id is not None:
            return {}
        return {each.id: each.label for each in await self._perform(tokens.listing, caller.actor, username)}


def bounds(range_: str, identity: Identity, now: int) -> tuple[int, int, str]:
    """The begin and end of a range, and the length of its bars."""
    day = (identity.parent or identity.account).billing_day
    start = identity.usage.period_start
    match range_:
        case "today":
            hour = now - now % 3600
            return hour - 23 * 3600, now + 1, "hour"
        case "quarter":
            midnight = now - now % DAY
            return midnight - 89 * DAY, now + 1, "day"
        case "previous":
            return period.start(day, start - 1), start, "day"
    return min(start, now), now + 1, "day"


def filled(spans: Sequence[Span], since: int, until: int, span: str) -> list[Bar]:
    """A bar for each hour or day of the range, also for those in which nothing was moved."""
    found = {each.at: each for each in spans}
    seconds = SECONDS[span]
    shown = []
    for at in range(since - since % seconds, until, seconds):
        label = iso(at)[11:16] if span == "hour" else iso(at)[:10]
        each = found.get(at)
        shown.append(Bar(label, each.down, each.up) if each else Bar(label, 0, 0))
    return shown


def parted(spans: Sequence[Span], by: str, names: dict[int, str]) -> list[Part]:
    """Sums by account, or by account and token, the largest first.  names: the labels of tokens that are known."""
    sums: dict[tuple[str | None, int | None], list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in spans:
        cell = sums[each.username, each.token_id if by == "token" else None]
        cell[0], cell[1], cell[2] = cell[0] + each.down, cell[1] + each.up, cell[2] + each.exchanges
    parts = [Part(_called(*key, by, names), cell[0], cell[1], cell[2], *key) for key, cell in sums.items()]
    return sorted(parts, key=lambda part: part.down + part.up, reverse=True)


def _called(username: str | None, token_id: int | None, by: str, names: dict[int, str]) -> str:
    if username is None:
        return "deleted sub-accounts"
    if by == "account":
        return username
    if token_id is None:
        return f"{username}, without a token"
    return f"{username}, {_token(token_id, names)}"


def _token(token_id: int, names: dict[int, str]) -> str:
    return names.get(token_id) or f"token {token_id}"
