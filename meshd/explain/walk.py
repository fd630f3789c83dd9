"""Whether a request would pass, by which rule and which exit: the daemon's decisions, in order, without their effects.

    protocol → token → selection → account → proxy → limits → exit → destination → addresses

Each decision is made by the very function that the daemon uses; the first "no" ends the walk.  Bans, rates and the
number of open tunnels, which depend on the moment alone, are left out.  Pure: the caller resolves names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from meshd.auth.policy import INVALID, inactive, may_pass, token_valid
from meshd.exits.bars import Bar
from meshd.exits.choosing import NO_EXIT, candidates, choose, seen
from meshd.exits.destinations import NO_FAMILY, OUTSIDE, literal, of_family
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pool
from meshd.exits.unfit import NO_DATAGRAMS, Unfit
from meshd.explain.facts import any_source, standing
from meshd.explain.question import Question, World
from meshd.explain.wording import by_http2, drawn, names, observing, refused_by, used, which, why_none
from meshd.http1.target import AbsoluteForm
from meshd.model import Account, Refusal, Token, Usage
from meshd.proxy.request import INTERNAL_HOST
from meshd.selection import NONE, SelectionError, read_selection, render
from meshd.usage.allowance import QUOTA_PARENT, UNLIMITED, remainder
from meshd.values.destinations import Level
from meshd.values.times import is_minute


class Step(NamedTuple):
    """One decision; `no` is its refusal, None where the request passes."""

    name: str
    no: Refusal | None
    text: str
    """The rule, or the facts that decided."""


@dataclass(slots=True)
class Explanation:
    """The outcome for a request.  `no` is the refusal; with names in `exits`, only other exits lead to it."""

    steps: list[Step]
    exits: tuple[str, ...] = ()
    """Names of the exits by which the request would pass; one of them is taken."""
    no: Refusal | None = None
    internal: bool = False
    """Whether meshd itself would answer the request."""

    @property
    def passes(self) -> bool:
        return self.no is None


def explain(question: Question, world: World) -> Explanation:
    """Walk the decisions until the first "no"."""
    walk = _Walk(question, world)
    steps: list[Step] = []
    for step in walk.steps():
        steps.append(step)
        if step.no is not None:
            return Explanation(steps, (), step.no)
    return Explanation(steps, tuple(each.exit.name for each in walk.ways), walk.partly, walk.internal)


class _Walk:
    def __init__(self, question: Question, world: World) -> None:
        self._question = question
        self._world = world
        self._selected = NONE
        self.ways: list[Outlet] = []
        """The exits that the request may leave by."""
        self._source = ""
        """The local address to connect from, where pin or key decide on one exit; "" where it is not known."""
        self.partly: Refusal | None = None
        """The refusal that follows by some of the exits, and not by `ways`."""
        target = question.target
        self._observed: list[Level] = []
        """Rules that would refuse the request, and only observe."""
        terms = question.terms
        self._bar = Bar(terms, target.host, target.port, self._observed.append) if terms and terms.levels else None
        self.internal = isinstance(target, AbsoluteForm) and target.host == INTERNAL_HOST

    def steps(self) -> Iterator[Step]:
        """The decisions in the daemon's order; the caller stops at the first "no"."""
        if self._question.udp:
            yield Step("udp", None if self._world.udp else Refusal("not-implemented"), f"udp.on is {self._world.udp}")
        if self._question.http2:
            yield Step("protocol", *by_http2(tls=self._world.tls, http2=self._world.http2))
        if self._question.carrier:
            yield Step("carrier", None, self._question.carrier)
        if self._question.token is not None:
            yield self._token(self._question.token)
        yield self._selection()
        yield self._account()
        yield self._proxy()
        if self.internal:
            yield Step("destination", None, "answered by meshd itself")
            return
        yield self._limits()
        yield self._exit()
        yield self._destination()
        if self._bar is not None:
            yield self._rules(self._bar)
        yield self._addresses()

    # Who is asking

    def _token(self, token: Token) -> Step:
        label = f"token {token.id}"
        if token_valid(token, self._world.now):
            until = f" {'until' if is_minute(token.expires_on) else 'through'} {token.expires_on}"
            return Step("token", None, f"{label} is valid" + (until if token.expires_on else ""))
        return Step("token", INVALID, f"{label} has expired" if token.active else f"{label} is not active")

    def _selection(self) -> Step:
        question = self._question
        try:
            own = read_selection(question.selection, question.before)
            default = read_selection(question.token.selection) if question.token else NONE
        except SelectionError as error:
            return Step("selection", Refusal("bad-selection", str(error)), str(error))
        self._selected = both = own.over(default)
        note = "" if default == NONE else ", the token's" if own == NONE else ", in part the token's"
        return Step("selection", None, f"{render(both)}{note}" if both != NONE else "none")

    def _account(self) -> Step:
        identity = self._question.identity
        no = inactive(identity)
        if no is not None:
            account = identity.account if not identity.account.active else identity.parent or identity.account
            return Step("account", no, f"{account.username} is not active")
        above = f", of {identity.parent.username}" if identity.parent else ""
        return Step("account", None, f"{identity.account.username} is active{above}")

    def _proxy(self) -> Step:
        question = self._question
        only = frozenset(question.token.proxies) if question.token else frozenset()
        no = may_pass(question.identity, question.proxy.name, only)
        name = question.proxy.name
        if no is None:
            return Step("proxy", None, f"{name} is among its proxies")
        whose = "the token's" if name in question.identity.proxies else "its"
        return Step("proxy", no, f"{name} is not among {whose} proxies")

    def _limits(self) -> Step:
        identity, now = self._question.identity, self._world.now
        account, parent = identity.account, identity.parent
        held: list[tuple[Account, Usage, Refusal | None]] = [(account, identity.usage, None)]
        if parent is not None and identity.parent_usage is not None:
            held.append((parent, identity.parent_usage, QUOTA_PARENT))
        told: list[str] = []
        for each, usage, no in held:
            held_to = standing(each, usage, (parent or account).billing_day, self._world.included)
            left, reason = remainder(held_to, now)
            if left <= 0:
                return Step("limits", no or reason, used(each.username, held_to))
            told += [used(each.username, held_to)] if left < UNLIMITED else []
        return Step("limits", None, "; ".join(told) or "none")

    # Which way

    def _exit(self) -> Step:
        proxy, selection, now = self._question.proxy, self._selected, self._world.now
        pool = self._world.pools.of(proxy.name) or Pool([])
        view = seen(pool, selection)
        owner, chance = self._question.identity.account.id, Random(0)  # noqa: S311 (no secret, and nobody is told)
        unfit = Unfit(datagrams=self._question.udp)
        chosen = choose(pool, selection, chance, monotonic=now, now=now, owner=owner, tried=unfit)
        if chosen is NO_EXIT and self._question.udp and view is not None and candidates(view, selection, now):
            return Step("exit", NO_DATAGRAMS, f"no exit of {proxy.name} that is up carries datagrams")
        if view is None or isinstance(chosen, Refusal):
            no = chosen if isinstance(chosen, Refusal) else NO_EXIT
            return Step("exit", no, why_none(proxy, view, selection, now, no))
        missing = f"{chosen.not_found} is not there or not up; " if chosen.not_found else ""
        if chosen.pinned or selection.session:
            self.ways, self._source = [chosen.outlet], chosen.source
            return Step("exit", None, missing + which(view, selection, now, chosen))
        self.ways = [outlet for outlet in candidates(view, selection, now) if outlet not in unfit]
        return Step("exit", None, missing + drawn(proxy, self.ways))

    def _destination(self) -> Step:
        target = self._question.target
        no = self._world.judge.name(target.host, target.port)
        return Step("destination", no, f"port {target.port} of {target.host}" + ("" if no else " may be asked for"))

    def _rules(self, bar: Bar) -> Step:
        """Judge the name by the rules of account, parent, plan and token; their networks are judged with addresses."""
        no = bar.name()
        if no is not None:
            return Step("rules", no, refused_by(no))
        return Step("rules", None, "may be asked for" + observing(self._observed))

    def _addresses(self) -> Step:
        """Judge every address of the destination; a name is judged as such where an upstream proxy resolves it."""
        host = self._question.target.host
        here = [each for each in self.ways if self._question.udp or each.exit.upstream is None]
        addresses = literal(host)
        elsewhere = self._elsewhere(host) if not addresses else None
        if elsewhere is not None and elsewhere.no is not None:
            return elsewhere
        if not addresses and not here:
            return Step("addresses", None, "the upstream proxy looks the name up")
        if not addresses:
            if self._world.resolve is None:
                return Step("addresses", None, "not looked up")
            found = self._world.resolve(host)
            if isinstance(found, Refusal):
                return self._by_some(here, found, found.detail or host)
            addresses = found
        no = self._judged(addresses)
        if no is not None:
            refused, address = no
            return self._by_some(self.ways if literal(host) else here, refused, address)
        return self._reached(here, addresses)

    def _elsewhere(self, host: str) -> Step | None:
        """Judge the name for exits whose upstream proxy resolves it; None where there is no refusal."""
        no = self._world.judge.elsewhere(host, self._question.target.port)
        if no is None and self._bar is not None and not self._question.udp:
            no = self._bar.elsewhere()
        there = [outlet for outlet in self.ways if outlet.exit.upstream is not None]
        return self._by_some(there, no, no.detail or host) if no is not None and there else None

    def _judged(self, addresses: tuple[str, ...]) -> tuple[Refusal, str] | None:
        """The first refusal and the address that it is for; None where all addresses are allowed."""
        port = self._question.target.port
        for address in addresses:
            no = self._world.judge.addresses((address,), port)
            if no is not None:
                return no, address
        if self._world.own(addresses, port):
            return Refusal(OUTSIDE), f"{', '.join(addresses)}: a port of meshd's own"
        no = self._bar.addresses(addresses) if self._bar is not None else None
        return (no, f"{', '.join(addresses)}: {refused_by(no)}") if no is not None else None

    def _reached(self, here: Sequence[Outlet], addresses: tuple[str, ...]) -> Step:
        """Drop exits whose address family cannot reach these addresses; refuse if none is left."""
        without = [each for each in here if not of_family(addresses, self._source or any_source(each.exit))]
        listed = ", ".join(addresses)
        if len(without) == len(self.ways):
            return self._by_some(without, NO_FAMILY, f"{listed}: none of the exit's family")
        return Step("addresses", None, listed + observing(self._observed))

    def _by_some(self, outlets: Sequence[Outlet], no: Refusal, text: str) -> Step:
        """Note a refusal that these exits lead to; the step passes, by the other exits, if there are any."""
        others = [each for each in self.ways if each not in outlets]
        if not others:
            return Step("addresses", no, text)
        self.partly, self.ways = no, others
        return Step("addresses", None, f"{text}, but for {names(others)}")
