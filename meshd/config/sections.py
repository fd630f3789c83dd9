"""The parts of the file of which there may be many: proxies, exits, plans; and the topology they make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshd.config.errors import ConfigError, suggestion
from meshd.config.file import File
from meshd.config.kinds import NAME, TRUTH, Kind, list_of, number
from meshd.config.network import AUTHORITY, COUNTRY, ENDPOINT, SOURCE_ADDRESS, dialable, tcp_argument
from meshd.topology import PLANS, Exit, ExitRule, Plan, ProxyHost

PROXY_PORT = 31280

Origins = dict[str, str]

_LATER_KINDS = ("http", "https", "socks5")


def _exit_kind(raw: Any, _: Path) -> str:
    if raw in _LATER_KINDS:
        raise ValueError("not supported by this version")
    if raw not in ("direct", "local"):
        raise ValueError
    return str(raw)


EXIT: Mapping[str, Kind] = {
    "name": NAME,
    "kind": Kind('"direct" or "local"', _exit_kind),
    "address": SOURCE_ADDRESS,
    "country": COUNTRY,
    "tags": list_of(NAME, into=frozenset),
}
RULE: Mapping[str, Kind] = {
    "name": list_of(NAME, into=frozenset),
    "country": list_of(COUNTRY, into=frozenset),
    "tag": list_of(NAME, into=frozenset),
}
PROXY: Mapping[str, Kind] = {
    "listen": list_of(ENDPOINT, empty=False),
    "domain": AUTHORITY,
    "exits": Kind("a table", lambda raw, _: raw),
}
PLAN: Mapping[str, Kind] = {
    field.name: TRUTH if field.name == "world" else number(0, 10**9) for field in fields(Plan) if field.name != "name"
}


class Sections:
    """Reads them from a file, or from none; notes the origin of each value in `origins`."""

    def __init__(self, file: File | None, settled: Mapping[str, Any], origins: Origins) -> None:
        self.file = file
        self.settled = settled
        self.origins = origins

    def exits(self) -> tuple[Exit, ...]:
        """In the file's order; one direct exit where it names none."""
        raw = self.file.get(("exits",)) if self.file else None
        if self.file is None or raw is None:
            return (Exit("direct", "direct"),)
        if not isinstance(raw, list) or not raw:
            raise self.file.wrong(("exits",), "[[exits]] must be a list of tables, and not empty")
        found: dict[str, Exit] = {}
        for position, item in enumerate(raw):
            made = self._exit(self.file, position, item)
            self._check_unlike(self.file, position, made, found)
            found[made.name] = made
        return tuple(found.values())

    def plans(self) -> Mapping[str, Plan]:
        """The shipped ones, changed field by field, and new ones that have the trial's numbers unless they say."""
        plans = dict(PLANS)
        for name, raw in self._named("plans"):
            assert self.file is not None
            given = self._table(self.file, ("plans", name), raw, PLAN, f"plans.{name}")
            plans[name] = Plan(**{**asdict(plans.get(name, PLANS["trial"])), **given, "name": name})
        return MappingProxyType(plans)

    def proxies(self, exits: tuple[Exit, ...]) -> Mapping[str, ProxyHost]:
        """In the file's order; one named `local` where it names none."""
        named = self._named("proxies") or [("local", {})]
        proxies: dict[str, ProxyHost] = {}
        for name, raw in named:
            proxies[name] = self._proxy(name, raw, exits, first=not proxies)
        return MappingProxyType(proxies)

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

    def _exit(self, file: File, position: int, raw: object) -> Exit:
        path = ("exits", position)
        given = file.table(path, raw, EXIT)
        for key in ("name", "kind"):
            if key not in given:
                raise file.wrong(path, f"[[exits]] {key} is missing")
        made = Exit(**given)
        if made.kind == "local" and not made.address:
            raise file.wrong(path, f"[[exits]] '{made.name}' is local and needs an address")
        if made.kind == "direct" and made.address:
            raise file.wrong((*path, "address"), f"[[exits]] '{made.name}' has an address: its kind must be \"local\"")
        self.origins.update({f"exits.{made.name}.{key}": file.origin((*path, key)) for key in given if key != "name"})
        return made

    def _check_unlike(self, file: File, position: int, made: Exit, others: Mapping[str, Exit]) -> None:
        """Names and addresses are how requests ask for an exit: each may mean one only."""
        if made.name in others:
            raise file.wrong(("exits", position, "name"), f"[[exits]] two exits are named '{made.name}'")
        for other in others.values():
            if made.address and made.address == other.address:
                text = f"[[exits]] '{made.name}' and '{other.name}' have one address, {made.address}"
                raise file.wrong(("exits", position, "address"), text)

    def _proxy(self, name: str, raw: object, exits: tuple[Exit, ...], *, first: bool) -> ProxyHost:
        given = self._table(self.file, ("proxies", name), raw, PROXY, f"proxies.{name}") if self.file else {}
        if first:
            given.update(self._of_first(name))
        elif "listen" not in given:
            assert self.file is not None
            raise self.file.wrong(("proxies", name), f"[proxies.{name}] listen is missing")
        listen = given.get("listen", (f"tcp:{PROXY_PORT}",))
        rule = self._rule(name, given.get("exits", {}), exits)
        domain = given.get("domain") or dialable(listen[0], PROXY_PORT)
        return ProxyHost(name, listen, domain, rule, tuple(exit_ for exit_ in exits if selects(rule, exit_)))

    def _of_first(self, name: str) -> dict[str, Any]:
        """`proxy.listen` and `proxy.domain`, which stand in for the first proxy's own."""
        given = {}
        for key in ("listen", "domain"):
            if f"proxy.{key}" in self.settled:
                given[key] = self.settled[f"proxy.{key}"]
                self.origins[f"proxies.{name}.{key}"] = self.origins[f"proxy.{key}"]
        return given

    def _rule(self, proxy: str, raw: object, exits: tuple[Exit, ...]) -> ExitRule:
        if self.file is None:
            return ExitRule()
        path = ("proxies", proxy, "exits")
        given = self.file.table(path, raw, RULE)
        rule = ExitRule(
            given.get("name", frozenset()), given.get("country", frozenset()), given.get("tag", frozenset())
        )
        names = {exit_.name for exit_ in exits}
        for unknown in sorted(rule.names - names):
            text = f"[proxies.{proxy}] exits: no exit is named '{unknown}'{suggestion(unknown, names)}"
            raise self.file.wrong((*path, "name"), text)
        if not any(selects(rule, exit_) for exit_ in exits):
            raise self.file.wrong(path, f"[proxies.{proxy}] exits: no exit is selected by this")
        return rule


def selects(rule: ExitRule, exit_: Exit) -> bool:
    """By name and country and tag, where the rule says one; of several in a list, any."""
    return (
        (not rule.names or exit_.name in rule.names)
        and (not rule.countries or exit_.country in rule.countries)
        and (not rule.tags or bool(rule.tags & exit_.tags))
    )


def check_listeners(api: tuple[str, ...], proxies: Mapping[str, ProxyHost]) -> None:
    """One endpoint serves one purpose; `tcp:0` is a new port each time."""
    users = dict.fromkeys(api, "api")
    for name, proxy in proxies.items():
        for endpoint in proxy.listen:
            other = users.setdefault(endpoint, f"proxies.{name}")
            if other != f"proxies.{name}" and tcp_argument(endpoint, "port") != "0":
                raise ConfigError(f"{endpoint}: both {other} and proxies.{name} listen there")
