"""The exits: `/operator/exits/…`, how each is, draining it, trying it, and who used it at some time."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from meshd.accounts import exits, exitusers, traffic
from meshd.accounts.errors import NotFound
from meshd.accounts.exitcosts import Rates
from meshd.accounts.exitrows import STATES, Filter, Row, page, row_of
from meshd.http1.errors import BadMessage
from meshd.http1.target import Target, read_target
from meshd.topology import Exit
from meshd.values.times import iso
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import Form, Reading
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

EXITS = "/operator/exits/"
ONE = f"{EXITS}{{exit}}/"
PAGE = 50
NAME = 260
"""Characters of the longest name of an exit, or of `HOST:PORT`."""
LISTED = 100
"""Exchanges of one answer to who used an exit."""
WITHIN = {"60": "a minute", "300": "five minutes", "3600": "an hour"}
"""Seconds around a time at which an exit was used."""


class Outcome(NamedTuple):
    """What became of a trial."""

    to: str
    seconds: float
    problem: str
    """"" where there was a connection."""


class ExitRoutes(InstallationRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, EXITS, self.listing, ("state", "country", "tag", "begin"))
        self._page(room, ONE, self.one)
        self._change(room, f"{ONE}drain/", self.drain)
        self._change(room, f"{ONE}undrain/", self.undrain)
        self._change(room, f"{ONE}test/", self.test, ("to",))
        self._page(room, f"{ONE}users/", self.users, ("at", "within"))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            wanted = Filter(field.choice("state", tuple(STATES)), field.text("country", 2), field.text("tag", NAME))
            begin = field.whole_number("begin", least=0, most=10**9, default=0)
        now, known = self._now(), self._live.topology.exits
        health = await self._perform(exits.health, now=now)
        rows, following = page(known, health, wanted, begin=begin, limit=PAGE, now=now)
        moved = await self._moved(caller)
        return self._show(
            caller,
            "exits.html",
            rows=rows,
            moved=moved,
            costs=Rates(self._live.topology).of(moved.get(row.exit.name) for row in rows),
            latencies=await self._perform(exits.latencies, [row.exit.name for row in rows], now=now),
            begin=begin,
            following=f"{EXITS}?{urlencode({**wanted._asdict(), 'begin': following})}" if following else "",
            chosen=wanted,
            states=STATES,
            total=len(known),
        )

    async def one(self, caller: Caller, form: Form) -> Reply:
        return await self._one(caller, EMPTY_FORM, 200)

    async def _one(self, caller: Caller, form: Filled, status: int, tried: Outcome | None = None) -> Reply:
        row = await self._row(caller)
        name = row.exit.name
        facts: dict[str, Any] = {
            "moved": (await self._moved(caller)).get(name),
            "currency": self._live.topology.cost_currency,
            "latency": (await self._perform(exits.latencies, [name], now=self._now())).get(name),
        }
        return self._show(caller, "exit.html", status, row=row, form=form, within=WITHIN, tried=tried, **facts)

    async def _moved(self, caller: Caller) -> dict[str, traffic.Sum]:
        """What left in the last day by each exit, of those with most exchanges."""
        most, now = traffic.MOST_EXITS, self._now()
        found = await self._perform(traffic.by_exit, caller.actor, span="day", limit=most, now=now)
        return {each.name: each for each in found}

    async def drain(self, caller: Caller, form: Form) -> Reply:
        known = {each.name for each in self._live.topology.exits}
        name = _name(caller)
        changed = await self._perform(exits.drain, caller.actor, [name], known=known, now=self._now())
        said = f"Exit {name} is drained: nothing new leaves by it." if changed else f"Exit {name} was drained already."
        return self._done(caller, address(name), said)

    async def undrain(self, caller: Caller, form: Form) -> Reply:
        name = _name(caller)
        await self._perform(exits.undrain, caller.actor, [name], now=self._now())
        return self._done(caller, address(name), f"Exit {name} is used again.")

    async def test(self, caller: Caller, form: Form) -> Reply:
        """Connect through the exit now, from this process, to where customers may go."""

        async def change() -> Reply:
            with form.reading() as field:
                to = field.text("to", NAME, required=True)
                target = _target(field, to)
            exit_, try_exit = self._exit(_name(caller)), self._services.try_exit
            if target is None or try_exit is None:
                raise NotFound("this process has no data plane, so no exit can be tried from it")
            tried = await try_exit(exit_, target.host, target.port)
            outcome = Outcome(to, tried.seconds, tried.problem)
            return await self._one(caller, Filled({"to": to}, {}), 200, outcome)

        return await self._tried(form, change, lambda filled, status: self._one(caller, filled, status))

    async def users(self, caller: Caller, form: Form) -> Reply:
        """Who used the exit at a time, as far as the store can tell; the exchange log has all."""
        row = await self._row(caller)
        asked = Form({name: text for name, text in form.items() if name != "exit"})

        async def change() -> Reply:
            with asked.reading() as field:
                at, within = field.moment("at", typed=True), field.choice("within", tuple(WITHIN))
                if at is None:
                    field.wrong("at", Worded("Enter a date and time, such as 2026-11-28 09:30 (UTC)."))
            return await self._users(caller, row, asked, at or 0, int(within))

        async def again(filled: Filled, status: int) -> Reply:
            return self._show(caller, "exitusers.html", status, row=row, form=filled, within=WITHIN, found=None, at=0)

        return await self._tried(asked, change, again) if asked else await again(EMPTY_FORM, 200)

    async def _users(self, caller: Caller, row: Row, asked: Form, at: int, within: int) -> Reply:
        ways = exitusers.ways(row.exit.name, (row.exit,))
        span: dict[str, Any] = {"since": at - within, "until": at + within, "limit": LISTED, "now": self._now()}
        found = await self._perform(exitusers.users, caller.actor, ways, **span)
        typed = Filled(asked, {})
        facts: dict[str, Any] = {
            "row": row,
            "form": typed,
            "within": WITHIN,
            "found": found,
            "at": at,
            "second": _second,
        }
        return self._show(caller, "exitusers.html", **facts)

    async def _row(self, caller: Caller) -> Row:
        exit_, now = self._exit(_name(caller)), self._now()
        return row_of(exit_, await self._perform(exits.health, now=now), now)

    def _exit(self, name: str) -> Exit:
        """The exit of that name.  Raises: NotFound."""
        found = next((each for each in self._live.topology.exits if each.name == name), None)
        if found is None:
            raise NotFound("there is no such exit in the settings")
        return found


def address(name: str) -> str:
    """The page of an exit."""
    return f"{EXITS}{quote(name, safe='')}/"


def _second(milliseconds: int) -> str:
    """A time to the second, UTC, as `2026-11-28 09:30:00`."""
    return iso(milliseconds // 1000).replace("T", " ")


def _name(caller: Caller) -> str:
    return caller.call.variables["exit"]


def _target(field: Reading, to: str) -> Target | None:
    """Where a trial connects to; None, noted as a problem, for what is no HOST:PORT."""
    try:
        return read_target(b"CONNECT", to.encode("ascii"))
    except (BadMessage, UnicodeEncodeError):
        field.wrong("to", Worded("Enter HOST:PORT, such as example.com:443."))
        return None
