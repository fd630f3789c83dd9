"""What resources take that only one of them can have, and what they need of each other.

A name is of one proxy, redirection or dead host, whether that is switched on or not; a port of one stream or forward,
but for streams that ask for other names by SNI.  Who holds the lock of what is published is the only one who looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshd.accounts.errors import InUse, Invalid
from meshd.accounts.published.grounds import Grounds
from meshd.store.statements import published as stored
from meshd.store.statements.published import Port
from meshd.store.unit import Unit
from meshd.values.published import Kind
from meshd.values.upstreams import barred_name

NAMED: frozenset[Kind] = frozenset({"proxy-hosts", "redirection-hosts", "dead-hosts"})
LISTENING: frozenset[Kind] = frozenset({"stream-hosts", "port-forwards"})
METERED = NAMED | LISTENING
"""Kinds that move bytes, and so are billed."""

_WORDS: Mapping[str, str] = {
    "proxy-hosts": "proxy host",
    "redirection-hosts": "redirection host",
    "dead-hosts": "404 host",
    "stream-hosts": "stream",
    "port-forwards": "port forward",
    "certificates": "certificate",
    "access-lists": "access list",
}
MOST_TOLD = 10
"""Users of a list or a certificate that a refusal names."""


def words(kind: str, row_id: int) -> str:
    """A resource as people call it."""
    return f"{_WORDS[kind]} {row_id}"


def take(kind: Kind, row_id: int, settings: Mapping[str, Any], grounds: Grounds) -> Unit[None]:
    """Take the names, ports and links of a resource in the place of those that it had.
    Raises: Invalid for what there cannot be; InUse where another has it.
    """
    _refuse_upstreams(settings, grounds)
    yield from _link(row_id, settings)
    if kind in NAMED:
        yield from _take_names(row_id, settings["domain_names"])
    if kind in LISTENING:
        yield from _take_ports(row_id, ports_of(settings), grounds)


def refuse_used(kind: Kind, row_id: int) -> Unit[None]:
    """Refuse to delete what others use: without it they would be open to everybody, or served to nobody.
    Raises: InUse.
    """
    users = yield from stored.users_of(row_id, MOST_TOLD + 1)
    if users:
        named = ", ".join(words(*each) for each in users[:MOST_TOLD])
        raise InUse(f"{words(kind, row_id)} is in use by {named}{' and others' if len(users) > MOST_TOLD else ''}")


def ports_of(settings: Mapping[str, Any]) -> list[Port]:
    """Where a stream or a forward listens."""
    names = [name for name in settings.get("sni_match", "").split(", ") if name] or [""]
    interface = settings.get("interface", "")
    transports = settings["protocol"].split("+")
    return [Port(each, settings["incoming_port"], interface, name) for each in transports for name in names]


def _refuse_upstreams(settings: Mapping[str, Any], grounds: Grounds) -> None:
    """Refuse a service where none is published from.  A name's addresses are judged when they are dialled."""
    problems: dict[str, list[str]] = {}
    parts = [("forward_host", settings.get("forward_host", ""))]
    parts += [("upstreams", each["host"]) for each in settings.get("upstreams", ())]
    parts += [("locations", each["forward_host"]) for each in settings.get("locations", ())]
    for field, host in parts:
        if why := barred_name(host, loopback=grounds.loopback):
            problems.setdefault(field, []).append(f"{host} is {why}.")
    if problems:
        raise Invalid(problems)


def _link(row_id: int, settings: Mapping[str, Any]) -> Unit[None]:
    kinds: Mapping[str, Kind] = {"certificate_id": "certificates", "access_list_id": "access-lists"}
    used = {field: settings[field] for field in kinds if settings.get(field)}
    for field, other in used.items():
        if (yield from stored.by_id(kinds[field], other)) is None:
            raise Invalid({field: [f"There is no {words(kinds[field], other)}."]})
    yield from stored.set_links(row_id, used.values())


def _take_names(row_id: int, names: Iterable[str]) -> Unit[None]:
    wanted = list(names)
    taken = yield from stored.names_taken(wanted, row_id)
    if taken:
        raise InUse("; ".join(f"{name} belongs to {words(kind, other)}" for name, kind, other in taken[:MOST_TOLD]))
    yield from stored.set_names(row_id, wanted)


def _take_ports(row_id: int, wanted: list[Port], grounds: Grounds) -> Unit[None]:
    port = wanted[0].port
    if any(each.transport == "tcp" for each in wanted):
        _refuse_reserved(port, wanted[0].sni, grounds)
    if any(each.transport == "udp" for each in wanted) and any(low <= port <= high for low, high in grounds.mouths):
        raise Invalid({"incoming_port": [f"UDP port {port} is one of the daemon's own (udp.ports)."]})
    for held, kind, other in (yield from stored.ports_at(port, row_id)):
        if any(_meet(held, each) for each in wanted):
            name = f" for {held.sni}" if held.sni else ""
            raise InUse(f"{held.transport} port {port}{name} belongs to {words(kind, other)}")
    yield from stored.set_ports(row_id, wanted)


def _refuse_reserved(port: int, sni: str, grounds: Grounds) -> None:
    if port in grounds.reserved:
        raise Invalid({"incoming_port": [f"Port {port} is the daemon's own, or reserved."]})
    if port in grounds.shared and not sni:
        told = f"Port {port} is for hosts by HTTPS: a stream can have it only for the names in sni_match."
        raise Invalid({"incoming_port": [told]})


def _meet(one: Port, other: Port) -> bool:
    """Whether two rows would take the same clients."""
    places = one.interface == other.interface or not (one.interface and other.interface)
    return (one.transport, one.sni) == (other.transport, other.sni) and places
