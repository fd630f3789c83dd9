"""Which ports are listened at for what is published, and who is served there.  Pure.

The rules that the API applies are applied here once more: whatever stands in the store, no port of meshd's own is taken
away, and two resources never get each other's clients.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from meshd.hosts.services import Service, service_of
from meshd.values.hosting import NAMES_PORT, RESERVED_PORTS
from meshd.values.published import PortForward, Published, Stream


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A port that is listened at; interface: an address, the name of a device, or "" for all addresses."""

    transport: Literal["tcp", "udp"]
    port: int
    interface: str = ""

    def __str__(self) -> str:
        return f"{self.transport} port {self.port}" + (f" of {self.interface}" if self.interface else "")


@dataclass(frozen=True, slots=True)
class Offer:
    """Who is served at a place: one service, or each client by the name that it asks for by TLS."""

    alone: Service | None = None
    names: tuple[tuple[str, Service], ...] = ()

    @property
    def services(self) -> tuple[Service, ...]:
        """All of them, each once."""
        return (self.alone,) if self.alone is not None else tuple(dict.fromkeys(each for _, each in self.names))


@dataclass(frozen=True, slots=True)
class Own:
    """The ports that meshd has for itself."""

    taken: frozenset[int] = frozenset()
    """TCP ports of its listeners, whatever for."""
    shared: frozenset[int] = frozenset({NAMES_PORT})
    """TCP ports where hosts are served by TLS: streams with names are served beside them, by the hosts' listener."""
    mouths: tuple[tuple[int, int], ...] = ()
    """UDP ports, lowest and highest, where customers of the proxy send datagrams to."""


@dataclass(slots=True)
class Plan:
    """Who is served where, and who is not."""

    offers: dict[Place, Offer] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    """By resource, why it is not served, or not all of it."""

    def refuse(self, id_: int, why: str) -> None:
        before = self.refused.get(id_)
        self.refused[id_] = f"{before}; {why}" if before else why


@dataclass(frozen=True, slots=True)
class _Wish:
    """One place that a resource wants, and the names that it wants there; () for every client."""

    place: Place
    service: Service
    names: tuple[str, ...] = ()


def plan_of(published: Published, own: Own) -> Plan:
    """The plan for what is published; what came first, by its number, keeps a port or a name."""
    plan = Plan()
    wishes: dict[Place, list[_Wish]] = defaultdict(list)
    resources: list[Stream | PortForward] = [*published.streams, *published.forwards]
    for resource in sorted(resources, key=lambda each: each.id):
        for wish in _wishes(resource):
            if wish.names and wish.place.transport == "tcp" and wish.place.port in own.shared:
                continue  # the hosts' listener serves it
            why = _reserved(wish, own)
            if why:
                plan.refuse(resource.id, why)
            else:
                wishes[wish.place].append(wish)
    for place, wanted in wishes.items():
        plan.offers[place] = _settled(place, wanted, plan)
    return plan


def _wishes(resource: Stream | PortForward) -> Iterator[_Wish]:
    """What the resource wants; names are for TCP alone, where TLS begins with them."""
    service = service_of(resource)
    interface = resource.interface if isinstance(resource, PortForward) else ""
    names = resource.sni if isinstance(resource, Stream) else ()
    if resource.transport != "udp":
        yield _Wish(Place("tcp", resource.port, interface), service, names)
    if resource.transport != "tcp":
        yield _Wish(Place("udp", resource.port, interface), service, names)


def _reserved(wish: _Wish, own: Own) -> str:
    """Why the place is not to be had for this wish, whoever else wants it; "" where it is."""
    place = wish.place
    if place.transport == "udp":
        if any(low <= place.port <= high for low, high in own.mouths):
            return f"{place} is one of udp.ports"
        return f"{place}: names (sni_match) are known over TCP alone" if wish.names else ""
    if place.port in RESERVED_PORTS or (place.port == NAMES_PORT and not wish.names):
        more = "; a stream with names (sni_match) may share it" if place.port == NAMES_PORT else ""
        return f"{place} is reserved{more}"
    if place.port in own.taken:
        return f"{place} is one of meshd's own listeners"
    return ""


def _settled(place: Place, wanted: list[_Wish], plan: Plan) -> Offer:
    """The offer to those who want the same place."""
    first = wanted[0]
    if not first.names:
        for late in wanted[1:]:
            plan.refuse(late.service.id, f"{place} is taken by {first.service.label}")
        return Offer(alone=first.service)
    holders: dict[str, Service] = {}
    for wish in wanted:
        if not wish.names:
            plan.refuse(wish.service.id, f"{place} is taken by {first.service.label}")
        for name in wish.names:
            holder = holders.setdefault(name, wish.service)
            if holder is not wish.service:
                plan.refuse(wish.service.id, f"{place}: {name} is taken by {holder.label}")
    return Offer(names=tuple(holders.items()))
