"""The sentences of `explain` about exits and limits, without secrets and without the addresses of upstream proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshd.exits.choosing import GONE, Choice, meant
from meshd.exits.outlets import Outlet
from meshd.exits.pools import View
from meshd.model import GB, Refusal, Standing
from meshd.selection import Selection
from meshd.topology import ProxyHost, Rotation
from meshd.values.destinations import Level

NAMED = 5
"""Exits that are listed by name; further ones are only counted."""


def by_http2(*, tls: bool, http2: bool) -> tuple[Refusal | None, str]:
    """What becomes of a client that would speak HTTP/2, which is spoken by TLS alone: its refusal, if any, and why."""
    if not tls:
        return Refusal("bad-request", "TLS"), "proxy.tls is off: nobody comes by TLS, and so nobody by HTTP/2"
    if not http2:
        return None, "proxy.http2 is off: the client is told so when TLS begins, and may speak HTTP/1.1"
    return None, "a stream of HTTP/2 by TLS, judged as this request by HTTP/1.1"


def used(username: str, standing: Standing) -> str:
    """How much of its limits an account has used, in GB, and what is left of its top-ups."""
    usage = standing.usage
    parts = (
        (standing.monthly_limit, usage.period_bytes, "this period"),
        (standing.total_limit, usage.total_bytes, "in all"),
    )
    told = [f"{size / GB:.3f} of {limit / GB:.3f} GB {when}" for limit, size, when in parts if limit]
    prepaid = usage.prepaid_bytes
    left = f", {prepaid / GB:.3f} GB prepaid are left" if prepaid and standing.monthly_limit else ""
    return f"{username} has used {' and '.join(told)}{left}"


def refused_by(no: Refusal) -> str:
    """Whose destination rules refuse, and the operator's words for the client."""
    whose = no.reason.removeprefix("acl-")
    said = f', who is told "{no.words}"' if no.words else ""
    return f"{no.detail} is refused by the rules of the {whose}{said}"


def observing(levels: Sequence[Level]) -> str:
    """Whose rules would refuse if they did more than observe."""
    whose = dict.fromkeys(level.reason.removeprefix("acl-") for level in levels)
    return f"; the rules of the {' and the '.join(whose)} would refuse it, and observe" if whose else ""


def why_none(proxy: ProxyHost, view: View | None, selection: Selection, now: float, no: Refusal) -> str:
    if view is None:
        place = ", ".join(filter(None, (selection.city, selection.region, selection.country)))
        conditions = ([f"is in {place}"] if place else []) + (
            [f"has the tag {selection.tier}"] if selection.tier else []
        )
        return f"no exit of {proxy.name} {' and '.join(conditions)}" if conditions else f"{proxy.name} has no exits"
    own = meant(view, selection, now) if no is GONE else None
    if own is not None:
        return f"{own.exit.name}, by session {selection.session}, {_down(own)}"
    resting = sum(not each.drained and not each.usable(now) for each in view.outlets)
    drained = sum(each.drained for each in view.outlets)
    facts = ((resting, "resting"), (drained, "drained"), (len(selection.avoid), "to be avoided"))
    return f"of {_exits(len(view.outlets))}: " + ", ".join(f"{count} {what}" for count, what in facts if count)


def which(view: View, selection: Selection, now: float, chosen: Choice) -> str:
    """The exit that a pin or a sticky key decides on, and why."""
    name = _named(chosen.outlet, chosen.source)
    if chosen.pinned:
        return f"{name}, which is asked for"
    own = meant(view, selection, now) if chosen.moved else None
    moved = f", in the place of {own.exit.name}, which {_down(own)}" if own is not None else ""
    return f"{name}, by session {selection.session}{moved}"


def _down(outlet: Outlet) -> str:
    return "is drained" if outlet.drained else "rests"


DRAWN: Mapping[Rotation, str] = {
    "random": "by chance",
    "round-robin": "in turn",
    "least-used": "the least used",
    "fastest": "one of the fastest few",
}


def drawn(proxy: ProxyHost, ways: Sequence[Outlet]) -> str:
    if len(ways) == 1:
        return f"{_named(ways[0], ways[0].exit.source)}, the only one"
    return f"one of {len(ways):,}, {DRAWN[proxy.rotation]}: {names(ways)}"


def _named(outlet: Outlet, source: str) -> str:
    kind = outlet.exit.kind
    return f"{outlet.exit.name} ({kind} {source})" if source else f"{outlet.exit.name} ({kind})"


def names(outlets: Sequence[Outlet]) -> str:
    names = [outlet.exit.name for outlet in outlets[:NAMED]]
    more = len(outlets) - NAMED
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def _exits(count: int) -> str:
    return f"{count:,} exit" + ("s" if count != 1 else "")
