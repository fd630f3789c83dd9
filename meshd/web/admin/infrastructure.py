"""`/api/admin/plans`, `…/proxies`, `…/exits`, `…/settings`: what the settings file describes, as it is in force; and
`…/nodes`: the processes where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TypeVar

from meshd.accounts import exits, nodes
from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.exitrows import STATES, Filter, Row, described, page, row_of
from meshd.accounts.nodes import Node
from meshd.http1.errors import BadMessage
from meshd.http1.target import Target, read_target
from meshd.model import RestingExit
from meshd.topology import Exit, Plan, ProxyHost
from meshd.values.latencies import MeanLatency
from meshd.web.admin.accounts import moment, rules_shown
from meshd.web.admin.lists import page_size
from meshd.web.admin.segments import text
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

T = TypeVar("T")

EXITS = "/api/admin/exits"
EXIT = f"{EXITS}/{{exit}}"

NAME = 260
"""Characters of the longest name of a proxy, or of `HOST:PORT`."""


class InfrastructureRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/api/admin/plans", Who.PASSWORD, self.plans, ())
        room.route("GET", "/api/admin/proxies", Who.PASSWORD, self.proxies, ())
        room.route("GET", "/api/admin/settings", Who.PASSWORD, self.settings, ())
        room.route("GET", "/api/admin/nodes", Who.PASSWORD, self.nodes, ())
        room.route("GET", EXITS, Who.PASSWORD, self.exits, ("state", "country", "tag", "limit", "cursor"))
        room.route("PUT", f"{EXIT}/drain", Who.PASSWORD, self.drain, ())
        room.route("DELETE", f"{EXIT}/drain", Who.PASSWORD, self.undrain, ())
        room.route("POST", f"{EXIT}/test", Who.PASSWORD, self.test, ("to",))

    async def plans(self, caller: Caller, form: Form) -> Reply:
        return Reply({"plans": [_plan(each) for each in self._live.topology.plans.values()]})

    async def proxies(self, caller: Caller, form: Form) -> Reply:
        """List the proxies, each with the countries of its exits that are up."""
        countries = self._services.countries
        return Reply({"proxies": [_proxy(each, countries(each.name)) for each in self._live.topology.proxies.values()]})

    async def settings(self, caller: Caller, form: Form) -> Reply:
        """List the settings in force, where each comes from, and never a secret."""
        rows = self._services.settings()
        return Reply({"settings": [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]})

    async def nodes(self, caller: Caller, form: Form) -> Reply:
        """List the processes on the store, with those that died within a day."""
        now = self._now()
        found = await self._perform(nodes.processes, caller.actor, now=now)
        return Reply({"nodes": [_node(each, now) for each in found.nodes]})

    async def exits(self, caller: Caller, form: Form) -> Reply:
        """List exits in the order of the settings, page by page, by state, country or tag."""
        with form.reading() as field:
            state, country, tag = (
                field.choice("state", tuple(STATES)),
                field.text("country", 2),
                field.text("tag", NAME),
            )
            limit = page_size(field)
            begin = field.whole_number("cursor", least=0, most=10**9, default=0)
        now, every = self._now(), self._live.topology.exits
        health = await self._perform(exits.health, now=now)
        rows, following = page(every, health, Filter(state, country, tag), begin=begin, limit=limit, now=now)
        latencies = await self._perform(exits.latencies, [row.exit.name for row in rows], now=now)
        shown = Rows(lambda row: _exit(row, latencies), rows)
        return Reply({"exits": shown, "next": str(following) if following else None})

    async def drain(self, caller: Caller, form: Form) -> Reply:
        known = {each.name for each in self._live.topology.exits}
        await self._perform(exits.drain, caller.actor, [text(caller, "exit")], known=known, now=self._now())
        return await self._state_of(text(caller, "exit"))

    async def undrain(self, caller: Caller, form: Form) -> Reply:
        await self._perform(exits.undrain, caller.actor, [text(caller, "exit")], now=self._now())
        return await self._state_of(text(caller, "exit"))

    async def test(self, caller: Caller, form: Form) -> Reply:
        """Connect through the exit now, from this process, to where customers may go."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            to = member.required("to", NAME)
            target = _target(to)
            if target is None:
                member.wrong("to", Worded("must be HOST:PORT"))
        exit_ = self._known(text(caller, "exit"))
        try_exit = self._services.try_exit
        if target is None or try_exit is None:
            raise Invalid({"to": ["This process has no data plane."]})
        tried = await try_exit(exit_, target.host, target.port)
        return Reply({"to": to, "connected": not tried.problem, "reason": tried.problem, "seconds": tried.seconds})

    async def _state_of(self, name: str) -> Reply:
        now = self._now()
        row = row_of(self._known(name), await self._perform(exits.health, now=now), now)
        return Reply(_exit(row, await self._perform(exits.latencies, [name], now=now)))

    def _known(self, name: str) -> Exit:
        found = next((each for each in self._live.topology.exits if each.name == name), None)
        if found is None:
            raise NotFound("there is no such exit in the settings")
        return found


def _plan(plan: Plan) -> dict[str, object]:
    """A plan with everything that the settings say of it."""
    plain = {each.name: _plain(getattr(plan, each.name)) for each in fields(plan)}
    return plain | {"bounds": plan.bounds.given(), "rules": rules_shown(plan.rules)}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _node(node: Node, now: int) -> dict[str, object]:
    return {
        "name": node.name,
        "version": node.version or None,
        "listeners": list(node.listeners),
        "started_at": moment(node.started_at),
        "seen_at": moment(node.seen_at),
        "alive": nodes.alive(node, now=now),
        "open": node.open,
        "resting": node.resting,
    }


def _proxy(proxy: ProxyHost, countries: object) -> dict[str, object]:
    rule = proxy.rule
    return {
        "name": proxy.name,
        "domain": proxy.domain,
        "listen": list(proxy.listen),
        "rotation": proxy.rotation,
        "rule": {"names": sorted(rule.names), "countries": sorted(rule.countries), "tags": sorted(rule.tags)},
        "exits": len(proxy.exits),
        "countries_up": countries,
    }


def _exit(row: Row, latencies: Mapping[str, MeanLatency]) -> dict[str, object]:
    drained, latency = row.drained, latencies.get(row.exit.name)
    return {
        **described(row.exit),
        "latency_ms": latency.milliseconds if latency is not None else None,
        "state": row.state,
        "drained": {"by": drained.by, "at": moment(drained.at)} if drained else None,
        "resting": [_rest(each) for each in row.resting],
    }


def _rest(rest: RestingExit) -> dict[str, object]:
    return {"node": rest.node, "until": moment(rest.until), "failures": rest.failures, "reason": rest.reason}


def _target(to: str) -> Target | None:
    try:
        return read_target(b"CONNECT", to.encode("ascii"))
    except (BadMessage, UnicodeEncodeError):
        return None
