"""What the whole installation does and did: `/operator/`, with figures that a script reads again now and then."""

from __future__ import annotations

from collections.abc import Mapping

from meshd.accounts import traffic
from meshd.accounts.traffic import COUNTED, KINDS, SERVED, SPANS, Figures, Moved, Overview, Span
from meshd.values.times import iso
from meshd.web.dashboard import figures
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.dashboard.pages import NO_STORE
from meshd.web.dashboard.plots import Bar, bars
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

OVERVIEW = "/operator/"
TOP_EXITS = 10

NAMES = {"hour": "Last hour", "day": "Last day", "month": "Last month"}
PLOTS: Mapping[Span, str] = {"day": "The last 24 hours", "month": "The last 30 days"}
OUTCOMES = {
    SERVED: "Served",
    "auth": "Wrong or missing credentials",
    "limits": "Over a limit",
    "destination": "Destination not permitted",
    "request": "Malformed request",
    "exit": "No exit, or the exit failed",
    "origin": "The origin failed",
    "ended": "Ended by somebody",
    "ours": "A fault of this service",
    "other": "Other",
}
"""What each kind of outcome means."""


class OverviewRoutes(InstallationRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, OVERVIEW, self.overview)
        self._page(room, f"{OVERVIEW}figures/", self.figures)

    async def overview(self, caller: Caller, form: Form) -> Reply:
        found = await self._found(caller)
        now = self._now()
        plots = []
        for span, title in PLOTS.items():
            moved = await self._perform(traffic.series, caller.actor, span=span, now=now)
            shown = bars_of(moved, span)
            plot = bars(shown, f"{title}: traffic of all accounts")
            plots.append((title, plot, list(zip(shown, moved, strict=True))))
        exits = await self._perform(traffic.by_exit, caller.actor, span="day", limit=TOP_EXITS, now=now)
        return self._show(
            caller,
            "overview.html",
            found=found,
            told=told(found),
            spans=NAMES,
            failures=failures(found),
            plots=plots,
            exits=exits,
            known={each.name for each in self._live.topology.exits},
        )

    async def figures(self, caller: Caller, form: Form) -> Reply:
        """Answer with the figures that change by themselves, as texts."""
        return Reply(told(await self._found(caller)), fields=NO_STORE, media="application/json")

    async def _found(self, caller: Caller) -> Overview:
        known = [each.name for each in self._live.topology.exits]
        return await self._perform(traffic.overview, caller.actor, known=known, now=self._now())


def told(found: Overview) -> dict[str, str]:
    """Every figure of the overview as a text, by the name under which the page has it."""
    texts = {"open": figures.count(found.open)}
    texts |= {name: figures.count(number) for name, number in found.exits._asdict().items()}
    for span in SPANS:
        texts |= {f"{span}-{name}": text for name, text in _of_span(found.spans[span]).items()}
    return texts


def _of_span(each: Figures) -> dict[str, str]:
    shown = {
        "down": figures.size(each.down),
        "up": figures.size(each.up),
        "exchanges": figures.count(each.exchanges),
        "active": _counted(each.active),
        "new": _counted(each.new),
    }
    return shown | {kind: figures.count(each.outcomes[kind].exchanges) for kind in KINDS}


def _counted(number: int) -> str:
    return f"{figures.count(number)} or more" if number >= COUNTED else figures.count(number)


def failures(found: Overview) -> list[tuple[str, str]]:
    """The kinds of outcome that were seen in any of the spans, with what each means."""
    seen = [kind for kind in KINDS if any(each.outcomes[kind].exchanges for each in found.spans.values())]
    return [(kind, OUTCOMES[kind]) for kind in seen]


def bars_of(moved: list[Moved], span: Span) -> list[Bar]:
    """A bar for each hour of a day, or for each day of a month."""
    part = slice(0, 10) if span == "month" else slice(11, 16)
    return [Bar(iso(each.at)[part], each.down, each.up) for each in moved]
