"""All settings of one process as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshd.config.exits.databases import Places
from meshd.config.exits.lists import ExitLists
from meshd.config.exits.remote import RemoteList, list_file
from meshd.config.exits.stamps import Stamps
from meshd.config.sources import DEFAULT
from meshd.topology import Exit, ProxyHost, Topology
from meshd.values.mail import Mail
from meshd.values.notices import Notify


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, every path absolute, and where each came from."""

    data_dir: Path
    store_url: str = field(repr=False)
    """A URL that may hold a password, so it is not part of the repr."""
    exchange_log: Path
    request_log: Path
    change_log: Path
    api_listen: tuple[str, ...]
    api_tls: bool
    proxy_tls: bool
    proxy_http2: bool
    """Whether clients of the proxies may come by TLS."""
    api_domain: str
    api_connect_tcp: bool
    """Whether the API's listener has tunnels too, where it speaks TLS."""
    api_by_address: bool
    api_http2: bool
    api_pac: bool
    api_pvd: bool
    """The same of HTTP/2, of PAC files, and of the document of proxies."""
    certificate: Path
    key: Path
    secrets: Path
    """The file of the key that passwords are sealed with which `[v1]` tells again."""
    host_secrets: Path
    """The file of the key that private keys of what `[hosts]` publishes are sealed with."""
    dns_servers: tuple[str, ...]
    """Name servers as `host:port`; none means the system's resolver."""
    dns_names: int
    """Names that are remembered."""
    hostnames_allow_private: bool
    exits_from: tuple[Path, ...]
    """Files with lists of exits."""
    places_from: tuple[Path, ...]
    """Databases of places."""
    own_exits: tuple[Exit, ...]
    """Exits that the settings themselves describe; the topology has those of the lists too."""
    exit_lists: tuple[RemoteList, ...]
    """Lists of exits that are fetched."""
    topology: Topology
    workers: int
    """How many processes carry what comes to the proxies; 1 for the daemon itself."""
    mail: Mail
    """How letters leave."""
    notify: Notify
    """Whom the operator wants told of what."""
    origins: Mapping[str, str]
    """Where each value came from, by dotted key: "file meshd.toml:12", "environment MESHD_…", "flag --data-dir",
    "default"; a key that is absent has its default."""
    file: Path | None
    lists: ExitLists = field(default_factory=ExitLists)
    places: Places = field(default_factory=Places)
    problems: tuple[str, ...] = ()
    """What is wrong with the lists, or because of them, and keeps nothing from starting; a line each."""

    @property
    def watched(self) -> tuple[Path, ...]:
        """Files that are read again when they change."""
        fetched = (list_file(self.data_dir, each.name) for each in self.exit_lists)
        return (*self.exits_from, *fetched, *self.places_from)

    @property
    def stamps(self) -> Stamps:
        """Of those files, as they were read."""
        return {**self.lists.stamps, **self.places.stamps}

    @property
    def speaks_tls(self) -> bool:
        """Whether a certificate is needed."""
        return self.api_tls or self.proxy_tls or bool(self.topology.hosts and self.topology.hosts.tls)

    @property
    def self_signed(self) -> bool:
        """Whether certificate and key are meshd's own to make."""
        return self.origins.get("api.certificate", DEFAULT) == DEFAULT

    @property
    def listeners(self) -> list[tuple[str, str]]:
        """Pairs of a proxy's name ("" for the API, else a constant of `hosting`) and the text of an endpoint; the API's
        last.
        """
        proxies, hosts = self.topology.proxies.values(), self.topology.hosts
        return [
            *((proxy.name, endpoint) for proxy in proxies for endpoint in proxy.listen),
            *(hosts.listeners if hosts is not None else ()),
            *self.topology.metrics.listeners,
            *(("", endpoint) for endpoint in self.api_listen),
        ]

    @property
    def first(self) -> ProxyHost:
        """The proxy that `--proxy` speaks of."""
        return next(iter(self.topology.proxies.values()))
