"""Which exits serve which proxy, by the rules of `[proxies.NAME]`; quick enough for fifty thousand exits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from meshd.config.errors import place, suggestion
from meshd.topology import Exit, ExitRule, ProxyHost, Topology

NEAR = 1000
"""Most names that are searched for the one that was meant: the search is slow."""


def served(proxies: Mapping[str, ProxyHost], exits: tuple[Exit, ...]) -> Mapping[str, ProxyHost]:
    """The proxies with the exits that their rules select; proxies with equal rules share one tuple of exits."""
    chosen = {ExitRule(): exits}
    for proxy in proxies.values():
        if proxy.rule not in chosen:
            chosen[proxy.rule] = tuple(exit_ for exit_ in exits if selects(proxy.rule, exit_))
    return MappingProxyType({name: replace(proxy, exits=chosen[proxy.rule]) for name, proxy in proxies.items()})


def selects(rule: ExitRule, exit_: Exit) -> bool:
    """Whether the exit meets each of name, country and tag that the rule has; of several in a list one is enough."""
    return (
        (not rule.names or exit_.name in rule.names)
        and (not rule.countries or exit_.country in rule.countries)
        and (not rule.tags or bool(rule.tags & exit_.tags))
    )


def unmet(topology: Topology, origins: Mapping[str, str]) -> Iterator[str]:
    """A line, with its place in the settings, for each rule that names an unknown exit or selects no exit."""
    names = {exit_.name for exit_ in topology.exits}
    for proxy in topology.proxies.values():
        section = topology.section(proxy)
        key = f"{section}.exits"
        for unknown in sorted(proxy.rule.names - names):
            near = suggestion(unknown, names) if len(names) <= NEAR else ""
            text = f"[{section}] exits: no exit is named '{unknown}'{near}"
            yield f"{place(origins[f'{key}.name'])}: {text}"
        if not proxy.exits and key not in origins:
            yield f"[{section}] has no exit: there is none at all"
        elif not proxy.exits:
            yield f"{place(origins[key])}: [{section}] exits: no exit is selected by this"
