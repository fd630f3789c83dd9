"""The parts of the file of which there may be many: proxies, exits, plans, offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType
from typing import Any

from meshd.config.endpoints import ENDPOINT, dialable, overlap, parsed
from meshd.config.errors import ConfigError, place, suggestion
from meshd.config.exits.described import Origins, read_exits
from meshd.config.exits.remote import RemoteList, read_remote
from meshd.config.gateway import gateway, read_v1
from meshd.config.hosts import read_hosts
from meshd.config.kinds import NAME, TRUTH, Kind, choice, gigabytes, list_of, number
from meshd.config.network import AUTHORITY, COUNTRY, NETWORK
from meshd.config.offers import OFFER, offer
from meshd.config.terms import BOUNDS, RULES
from meshd.config.toml_file import File
from meshd.topology import PLANS, Exit, ExitRule, Plan, ProxyHost, Topology
from meshd.values.bounds import read as read_bounds
from meshd.values.hosting import Hosting
from meshd.values.offers import Offer
from meshd.values.v1 import GATEWAY, V1

PROXY_PORT = 31280

RULE: Mapping[str, Kind] = {  # in the order of an ExitRule's fields
    "name": list_of(NAME, into=frozenset),
    "country": list_of(COUNTRY, into=frozenset),
    "tag": list_of(NAME, into=frozenset),
}
PROXY: Mapping[str, Kind] = {
    "listen": list_of(ENDPOINT, empty=False),
    "domain": AUTHORITY,
    "exits": Kind("a table", lambda raw, _: raw),
    "rotation": choice("random", "round-robin", "least-used", "fastest"),
    "proxy_protocol_from": list_of(NETWORK),
}
_COUNTS = ("bearer_tokens", "ips", "hostnames", "proxies", "sub_accounts")
PLAN: Mapping[str, Kind] = {
    **{name: number(0, 10**9) for name in _COUNTS},
    "world": TRUTH,
    "includes": list_of(NAME),
    "included_gb": gigabytes(10**9),
    **BOUNDS,
    "rules": RULES,
}


class Sections:
    """Reads proxies, exits, plans and offers from the settings file, if any; notes each value's origin in `origins`."""

    def __init__(self, file: File | None, settled: Mapping[str, Any], origins: Origins) -> None:
        self.file = file
        self.settled = settled
        self.origins = origins

    def exits(self) -> tuple[Exit, ...]:
        """The exits that the file itself describes; one direct exit where neither it nor a list has any.
        Raises: ConfigError.
        """
        own = read_exits(self.file, self.origins) if self.file else ()
        return own or (() if self.settled["exits_from"] or self.exit_lists() else (Exit("direct", "direct"),))

    def exit_lists(self) -> tuple[RemoteList, ...]:
        """The lists of exits that are fetched.  Raises: ConfigError."""
        return read_remote(self.file, self._named("exit_lists"), self.origins)

    def plans(self) -> Mapping[str, Plan]:
        """Shipped plans, changed field by field, and new ones, whose defaults are the trial's.  Raises: ConfigError."""
        plans = dict(PLANS)
        for name, raw in self._named("plans"):
            assert self.file is not None
            given = self._table(self.file, ("plans", name), raw, PLAN, f"plans.{name}")
            known = plans.get(name, PLANS["trial"])
            bounds = read_bounds({key: given.pop(key) for key in BOUNDS if key in given})
            plans[name] = replace(known, **given, name=name, bounds=bounds.over(known.bounds))
        return MappingProxyType(plans)

    def offers(self) -> Mapping[str, Offer]:
        """What is sold, in the file's order.  Raises: ConfigError."""
        offers: dict[str, Offer] = {}
        for name, raw in self._named("offers"):
            assert self.file is not None
            given = self._table(self.file, ("offers", name), raw, OFFER, f"offers.{name}")
            try:
                offers[name] = offer(name, given)
            except ValueError as error:
                raise self.file.wrong(("offers", name), f"[offers.{name}] {error}") from error
        return MappingProxyType(offers)

    def proxies(self) -> Mapping[str, ProxyHost]:
        """The proxies in the file's order, still without exits; one named `local` where the file has none.  The last is
        the gateway, where `[v1]` is on.

        Raises: ConfigError.
        """
        named = self._named("proxies") or [("local", {})]
        proxies: dict[str, ProxyHost] = {}
        for name, raw in named:
            proxies[name] = self._proxy(name, raw, first=not proxies)
        if (v1 := self.v1()) is not None:
            if GATEWAY in proxies and self.file is not None:
                text = f"[proxies.{GATEWAY}] has the name of the proxy that [v1] brings: rename it, or take [v1] out"
                raise self.file.wrong(("proxies", GATEWAY), text)
            proxies[GATEWAY] = gateway(v1, self._rule_of_v1())
        return MappingProxyType(proxies)

    def v1(self) -> V1 | None:
        """What `[v1]` says; None where it is off.  Raises: ConfigError."""
        section = self.file is not None and self.file.get(("v1",)) is not None
        return read_v1(self.settled, self.origins, section=section)

    def hosts(self) -> Hosting | None:
        """What `[hosts]` says; None where it is off.  Raises: ConfigError."""
        section = self.file is not None and self.file.get(("hosts",)) is not None
        return read_hosts(self.settled, self.origins, section=section)

    def _named(self, section: str) -> list[tuple[str, Any]]:
        raw = self.file.get((section,)) if self.file else None
        if self.file is None or raw is None:
            return []
        items = self.file.items((section,), raw)
        for name, _ in items:
            self.file.value((section, name), name, NAME)
        return items

    def _table(
        self, file: File, path: tuple[str | int, ...], raw: object, kinds: Mapping[str, Kind], key: str
    ) -> dict[str, Any]:
        values = file.table(path, raw, kinds)
        self.origins.update({f"{key}.{name}": file.origin((*path, name)) for name in values})
        return values

    def _proxy(self, name: str, raw: object, *, first: bool) -> ProxyHost:
        given = self._table(self.file, ("proxies", name), raw, PROXY, f"proxies.{name}") if self.file else {}
        if first:
            given.update(self._of_first(name))
        elif "listen" not in given:
            assert self.file is not None
            raise self.file.wrong(("proxies", name), f"[proxies.{name}] listen is missing")
        listen = given.get("listen", (f"tcp:{PROXY_PORT}",))
        rule = self._rule(("proxies", name), given.get("exits", {}))
        domain = given.get("domain") or dialable(listen[0], PROXY_PORT)
        senders = given.get("proxy_protocol_from", ())
        return ProxyHost(name, listen, domain, rule, (), given.get("rotation", "random"), senders)

    def _of_first(self, name: str) -> dict[str, Any]:
        """The settings `proxy.listen` and `proxy.domain`, which override those of the first proxy."""
        given = {}
        for key in ("listen", "domain"):
            if f"proxy.{key}" in self.settled:
                given[key] = self.settled[f"proxy.{key}"]
                self.origins[f"proxies.{name}.{key}"] = self.origins[f"proxy.{key}"]
        return given

    def _rule_of_v1(self) -> ExitRule:
        path = ("v1", "exits")
        raw = self.file.get(path) if self.file else None
        if self.file is None or raw is None:
            return ExitRule()
        self.origins[".".join(path)] = self.file.origin(path)
        return self._rule(path[:1], raw)

    def _rule(self, section: tuple[str, ...], raw: object) -> ExitRule:
        if self.file is None:
            return ExitRule()
        path = (*section, "exits")
        given = self._table(self.file, path, raw, RULE, ".".join(path))
        return ExitRule(*(given.get(key, frozenset()) for key in RULE))


def check_plans(plans: Mapping[str, Plan], proxies: Mapping[str, ProxyHost], origins: Mapping[str, str]) -> None:
    """Refuse plans that include a proxy which does not exist.  Raises: ConfigError."""
    for plan in plans.values():
        for name in plan.includes or ():
            if name not in proxies:
                where = place(origins[f"plans.{plan.name}.includes"])
                near = suggestion(name, proxies)
                raise ConfigError(f"{where}: [plans.{plan.name}] includes: no proxy is named '{name}'{near}")


def check_rotations(topology: Topology, origins: Mapping[str, str]) -> None:
    """Refuse to go by what probes measure where there are none.  Raises: ConfigError."""
    for proxy in topology.proxies.values():
        if proxy.rotation == "fastest" and not topology.probes.url:
            key = f"proxies.{proxy.name}"
            where = place(origins[f"{key}.rotation"])
            raise ConfigError(f'{where}: [{key}] rotation: "fastest" goes by what probes measure: set probes.url')


def check_listeners(api: tuple[str, ...], topology: Topology) -> None:
    """Refuse two endpoints of one place, in any spelling; `tcp:0` is a new port each time.  Raises: ConfigError."""
    users = [("api", text) for text in api]
    users += [(topology.section(proxy), text) for proxy in topology.proxies.values() for text in proxy.listen]
    users += [(kind.replace(":", "."), text) for kind, text in (topology.hosts.listeners if topology.hosts else ())]
    users += [("metrics", text) for text in topology.metrics.listen]
    uses = [(user, text, parsed(text).place) for user, text in users]
    for (one, first, here), (two, second, there) in combinations(uses, 2):
        if overlap(here, there):
            texts = first if first == second else f"{first} and {second}"
            raise ConfigError(f"{texts}: both {one} and {two} listen there")
