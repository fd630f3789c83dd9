"""Flags, environment and file → Config.  Nothing is made or changed here; a second call is a reload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshd.config.errors import ConfigError, place
from meshd.config.files import check_files
from meshd.config.network import dialable
from meshd.config.sections import Sections, check_listeners
from meshd.config.sources import DEFAULT, sources
from meshd.config.table import SETTINGS
from meshd.topology import DestinationRules, Limits, ProxyHost, Timeouts, Topology

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
    api_domain: str
    certificate: Path
    key: Path
    dns_servers: tuple[str, ...]
    """As `host:port`; empty means the system's resolver."""
    hostnames_allow_private: bool
    topology: Topology
    origins: Mapping[str, str]
    """By dotted key: "file meshd.toml:12", "environment MESHD_…", "flag --data-dir"; "default", or absent."""
    file: Path | None

    @property
    def proxy_status_on_forwarded(self) -> bool:
        return self.topology.proxy_status_on_forwarded

    @property
    def self_signed(self) -> bool:
        """Whether certificate and key are meshd's own to make."""
        return self.origins.get("api.certificate", DEFAULT) == DEFAULT

    @property
    def first(self) -> ProxyHost:
        """The proxy that `--proxy` speaks of."""
        return next(iter(self.topology.proxies.values()))


def load(flags: Mapping[str, object], environ: Mapping[str, str], *, cwd: Path) -> Config:
    """ConfigError, one line, where anything at all is wrong."""
    given = sources(flags, environ, cwd.absolute())
    settled: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, value, origin in given.settle():
        settled[key], origins[key] = value, origin
    _check_heads(settled, origins)
    topology = _topology(Sections(given.file, settled, origins))
    check_listeners(settled["api.listen"], topology.proxies)
    config = Config(
        data_dir=settled["data_dir"],
        store_url=settled["store.url"],
        exchange_log=settled["log.exchanges"],
        request_log=settled["log.requests"],
        api_listen=settled["api.listen"],
        api_tls=settled["api.tls"],
        api_domain=settled.get("api.domain") or dialable(settled["api.listen"][0], API_PORT),
        certificate=settled["api.certificate"],
        key=settled["api.key"],
        dns_servers=settled["dns.servers"],
        hostnames_allow_private=settled["hostnames.allow_private"],
        topology=topology,
        origins=MappingProxyType(origins),
        file=given.file.path if given.file else None,
    )
    check_files(config)
    return config


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
    settled = sections.settled
    exits = sections.exits()
    return Topology(
        proxies=sections.proxies(exits),
        exits=exits,
        plans=sections.plans(),
        destinations=_section(DestinationRules, "destinations", settled),
        timeouts=_section(Timeouts, "timeouts", settled),
        limits=_section(Limits, "limits", settled),
        proxy_status_on_forwarded=settled["proxy.status_on_forwarded"],
    )


def _section(kind: Any, name: str, settled: Mapping[str, Any]) -> Any:
    """A dataclass of the topology from the settings of its section."""
    keys = {item.name: f"{name}.{item.name}" for item in fields(kind)}
    return kind(**{name: settled[key] for name, key in keys.items() if key in settled})
