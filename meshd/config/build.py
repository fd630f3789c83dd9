"""Flags, environment and file → Config.  Nothing is made or changed here; a second call is a reload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshd.config.endpoints import dialable
from meshd.config.errors import ConfigError, place
from meshd.config.exits.lists import ExitLists, read_lists
from meshd.config.exits.rules import served, unmet
from meshd.config.file_checks import check_files
from meshd.config.sections import Sections, check_listeners, check_plans
from meshd.config.sources import DEFAULT, Daemons, sources
from meshd.config.table import SETTINGS
from meshd.topology import DestinationRules, Exit, Limits, Probing, ProxyHost, Timeouts, Topology

API_PORT = 8443


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, every path absolute, and where each came from."""

    data_dir: Path
    store_url: str = field(repr=False)
    """May hold a password."""
    exchange_log: Path
    request_log: Path
    api_listen: tuple[str, ...]
    api_tls: bool
    proxy_tls: bool
    """Whether clients of the proxies may come by TLS."""
    api_domain: str
    certificate: Path
    key: Path
    dns_servers: tuple[str, ...]
    """As `host:port`; empty means the system's resolver."""
    hostnames_allow_private: bool
    exits_from: tuple[Path, ...]
    """Lists of exits."""
    own_exits: tuple[Exit, ...]
    """Those of the settings themselves; the topology has all of them."""
    topology: Topology
    origins: Mapping[str, str]
    """By dotted key: "file meshd.toml:12", "environment MESHD_…", "flag --data-dir"; "default", or absent."""
    file: Path | None
    lists: ExitLists = field(default_factory=ExitLists)
    problems: tuple[str, ...] = ()
    """What is wrong with the lists, or because of them, and keeps nothing from starting; a line each."""

    @property
    def proxy_status_on_forwarded(self) -> bool:
        return self.topology.proxy_status_on_forwarded

    @property
    def speaks_tls(self) -> bool:
        """Whether a certificate is needed."""
        return self.api_tls or self.proxy_tls

    @property
    def self_signed(self) -> bool:
        """Whether certificate and key are meshd's own to make."""
        return self.origins.get("api.certificate", DEFAULT) == DEFAULT

    @property
    def listeners(self) -> list[tuple[str, str]]:
        """Pairs of a proxy's name ("" for the API) and the text of an endpoint; the API's last."""
        proxies = self.topology.proxies.values()
        return [
            *((proxy.name, endpoint) for proxy in proxies for endpoint in proxy.listen),
            *(("", endpoint) for endpoint in self.api_listen),
        ]

    @property
    def first(self) -> ProxyHost:
        """The proxy that `--proxy` speaks of."""
        return next(iter(self.topology.proxies.values()))


def load(
    flags: Mapping[str, object], environ: Mapping[str, str], *, cwd: Path, daemons: Daemons | None = None
) -> Config:
    """ConfigError, one line, where anything at all is wrong.

    daemons: what the running daemon was given, for who is given less.
    """
    given = sources(flags, environ, cwd.absolute(), daemons)
    settled: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, value, origin in given.settle():
        settled[key], origins[key] = value, origin
    _check_heads(settled, origins)
    sections = Sections(given.file, settled, origins)
    topology = _topology(sections)
    check_listeners(settled["api.listen"], topology.proxies)
    check_plans(topology.plans, topology.proxies, origins)
    config = Config(
        data_dir=settled["data_dir"],
        store_url=settled["store.url"],
        exchange_log=settled["log.exchanges"],
        request_log=settled["log.requests"],
        api_listen=settled["api.listen"],
        api_tls=settled["api.tls"],
        proxy_tls=settled["proxy.tls"],
        api_domain=settled.get("api.domain") or dialable(settled["api.listen"][0], API_PORT),
        certificate=settled["api.certificate"],
        key=settled["api.key"],
        dns_servers=settled["dns.servers"],
        hostnames_allow_private=settled["hostnames.allow_private"],
        exits_from=settled["exits_from"],
        own_exits=sections.exits(),
        topology=topology,
        origins=MappingProxyType(origins),
        file=given.file.path if given.file else None,
    )
    check_files(config)
    return with_lists(config)


def with_lists(config: Config) -> Config:
    """The same settings, and the exits that their lists have now.  ConfigError where a list cannot be used.

    A rule may come to select nothing when a list changes: where there are lists, that is told, and stops nobody.
    """
    lists = read_lists(config.exits_from, config.own_exits, place(config.origins["exits_from"]))
    exits = (*config.own_exits, *lists.exits)
    proxies = served(config.topology.proxies, exits)
    wanting = tuple(unmet(proxies, exits, config.origins))
    if wanting and not config.exits_from:
        raise ConfigError(wanting[0])
    topology = replace(config.topology, exits=exits, proxies=proxies)
    return replace(config, topology=topology, lists=lists, problems=(*lists.problems, *wanting))


def needs_restart(old: Config, new: Config) -> tuple[str, ...]:
    """Keys whose values differ and which a reload leaves as they are."""
    fixed = (setting for setting in SETTINGS if not setting.live)
    return tuple(s.key for s in fixed if attrgetter(s.attribute)(old) != attrgetter(s.attribute)(new))


def _check_heads(settled: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    keys = ("limits.request_line_bytes", "limits.head_bytes")
    if settled[keys[0]] > settled[keys[1]]:
        given = next(key for key in keys if origins[key] != DEFAULT)
        raise ConfigError(f"{place(origins[given])}: {keys[0]} must not be more than {keys[1]}")


def _topology(sections: Sections) -> Topology:
    """All but the exits."""
    settled = sections.settled
    return Topology(
        proxies=sections.proxies(),
        exits=(),
        plans=sections.plans(),
        destinations=_section(DestinationRules, "destinations", settled),
        timeouts=_section(Timeouts, "timeouts", settled),
        limits=_section(Limits, "limits", settled),
        proxy_status_on_forwarded=settled["proxy.status_on_forwarded"],
        probes=_section(Probing, "probes", settled),
    )


def _section(kind: Any, name: str, settled: Mapping[str, Any]) -> Any:
    """A dataclass of the topology from the settings of its section."""
    keys = {item.name: f"{name}.{item.name}" for item in fields(kind)}
    return kind(**{name: settled[key] for name, key in keys.items() if key in settled})
