"""The settings of proxies, exits, plans, destinations and bounds: frozen values, swapped as a whole by a reload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import Any, Literal

from meshd.values.bounds import NO_BOUNDS, Bounds, OnLimit
from meshd.values.hosting import Hosting
from meshd.values.metrics import Metrics
from meshd.values.offers import Selling
from meshd.values.probing import Probing
from meshd.values.udp import Udp
from meshd.values.v1 import GATEWAY, V1

ExitKind = Literal["direct", "local", "http", "https", "socks5"]
Rotation = Literal["random", "round-robin", "least-used", "fastest"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class UpstreamProxy:
    """A parent proxy that requests leave through; its credentials are sent to that proxy and nowhere else."""

    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca: str = ""
    """A PEM file of authorities for the proxy's certificate, of kind `https`; "" for those that the system trusts."""
    reuse: bool = False
    """Whether one connection of kind `http` or `https` may carry several requests with credentials: the proxy must read
    each of them.  A proxy that only passes on what follows the first would show them to the origin."""
    visible: bool = False
    """Whether customers see what the proxy, of kind `http` or `https`, adds to answers, and the pages of its own."""
    tunnel: bool = False
    """Whether the proxy, of kind `http` or `https`, is asked for tunnels alone, for `http://` too."""
    strange: bool = False
    """Whether a stranger's list names it: no connection is then made to it but at addresses of the public Internet."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A way out: a local address, a prefix of them, or a parent proxy that requests leave by."""

    name: str
    kind: ExitKind
    address: str = ""
    """Of a `local` exit the source address; with an upstream proxy the address that origins see, if the operator knows;
    "" where the kernel chooses, or the address is not known."""
    country: str = ""
    """ISO 3166 alpha-2, upper case; "" for unknown."""
    tags: frozenset[str] = frozenset()
    weight: int = 1
    """How many times as often this exit is chosen as one of weight 1."""
    prefix: IPv6Network | None = None
    """Of a `local` exit, in place of one address: a subnet each of whose addresses may be a source address."""
    upstream: UpstreamProxy | None = None
    """The parent proxy of kinds `http`, `https` and `socks5`; else None."""
    region: str = ""
    city: str = ""
    isp: str = ""
    zip: str = ""
    """Where the exit is and whose network it is in, as the operator calls it; "" for unknown."""
    asn: int = 0
    """The number of that network (its autonomous system); 0 for unknown."""
    cost: Decimal | None = None
    """What a GB costs that leaves by it, in the currency of the settings; None for unknown."""
    found: frozenset[str] = frozenset()
    """Names of those of the above that a database of places has told, not the operator."""

    @property
    def as_said(self) -> Exit:
        """The exit without what a database of places has told, and without its cost: neither says how it works."""
        told: dict[str, Any] = {key: 0 if key == "asn" else "" for key in self.found}
        return replace(self, **told, found=frozenset(), cost=None) if told or self.cost is not None else self

    @property
    def source(self) -> str:
        """The local address to connect from; "" where the kernel chooses it, or an upstream proxy connects."""
        return self.address if self.upstream is None else ""

    @property
    def is_asked_itself(self) -> bool:
        """Whether the exit is an HTTP proxy that is asked for a resource itself rather than for a tunnel."""
        return self.kind in {"http", "https"} and (self.upstream is None or not self.upstream.tunnel)


@dataclass(frozen=True, slots=True)
class ExitRule:
    """Which exits serve a proxy: those that meet all three sets; an empty set does not restrict."""

    names: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProxyHost:
    """A named proxy: where it listens, what customers call it, which exits serve it."""

    name: str
    listen: tuple[str, ...]
    """Twisted endpoint strings."""
    domain: str
    """`host:port` as customers see it in `GET /api/proxies/`."""
    rule: ExitRule
    exits: tuple[Exit, ...]
    """The exits that the rule selects, in the file's order."""
    rotation: Rotation = "random"
    """How an exit is chosen for a client that asks for none."""
    proxy_protocol_from: tuple[Network, ...] = ()
    """Load balancers whose connections begin with a PROXY header that names the client."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many of each thing an account may have."""

    name: str
    bearer_tokens: int
    ips: int
    hostnames: int
    proxies: int
    sub_accounts: int
    world: bool
    """Whether the proxy named `world` may be among the account's proxies."""
    includes: tuple[str, ...] | None = None
    """Names of the proxies that an account may have; None for all, except `world` where `world` is False."""
    included_gb: float = 0
    """The monthly limit of an account that has none of its own, in GB; 0 for no limit."""
    bounds: Bounds = NO_BOUNDS
    """Rates and counts of an account with its sub-accounts, over those of the settings."""
    rules: str = ""
    """Where requests may go, as a text of meshd.values.rules; "" for everywhere that the settings allow."""


def included_bytes(plans: Mapping[str, Plan]) -> dict[str, int]:
    """By plan the monthly limit of accounts that have none of their own; plans without such a limit are left out."""
    return {name: int(Decimal(str(plan.included_gb)) * 10**9) for name, plan in plans.items() if plan.included_gb}


@dataclass(frozen=True, slots=True)
class Opening:
    """A range of addresses that the default refusals do not apply to, with one port or any."""

    network: Network
    port: int = 0
    """0 for every port that the port rules allow; a port named here is allowed even against those rules."""


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """Where a request may go.  Port ranges are inclusive pairs."""

    allow: tuple[Opening, ...] = ()
    ports: tuple[tuple[int, int], ...] = ((80, 80), (443, 443), (1024, 65535))
    deny_ports: tuple[tuple[int, int], ...] = ((6660, 6669), (6697, 6697))
    deny_hosts: frozenset[str] = frozenset()
    """Lower-case host names; each refuses its sub-domains too."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All in seconds."""

    head: float = 10
    connect: float = 10
    first_byte: float = 60
    idle: float = 600
    """For a tunnel or a body in which nothing moves."""
    half_closed: float = 60
    udp_idle: float = 120
    keep_alive: float = 60
    """For a client's connection between two requests, and for a kept connection to an origin."""
    dns: float = 5
    turn: float = 20
    """For an exchange that waits because its account has too many; 0 where none may wait."""
    drain: float = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds; a rate or a count per account of 0 means no bound."""

    head_bytes: int = 32 * 1024
    request_line_bytes: int = 16 * 1024
    fields: int = 200
    response_head_bytes: int = 64 * 1024
    interim_responses: int = 16
    connections: int = 0
    """Client connections in all; 0 for as many as the descriptor limit, less the reserve, allows."""
    descriptor_reserve: int = 128
    kept_connections: int = 0
    """Idle connections to origins that wait for a next request; 0 for a part of the descriptors."""
    unauthenticated_per_address: int = 20
    unauthenticated: int = 2000
    tunnels_per_account: int = 3000
    new_tunnels_per_second: int = 200
    requests_per_second: int = 1000
    exit_retries: int = 2
    """How many other exits are tried for a request whose exit has failed before anything was sent."""
    on_limit: OnLimit = "cut"
    slow_kbit: int = 128
    """Kilobits a second, both directions together, to which an account at a byte limit is held where that is "slow"."""
    failures: int = 4
    failure_window: int = 600
    ban_seconds: int = 3 * 3600
    names_per_address: int = 20
    """Wrong names tried from one address within the window before the address itself is banned."""
    credential_cache: int = 300
    """Seconds a verified credential is remembered."""
    identities: int = 20_000
    password_workers: int = 2
    password_queue: int = 4096
    slice_bytes: int = 4 * 1024 * 1024
    window_bytes: int = 4 * 1024 * 1024
    """The receive window of one connection, which the kernel fills ahead of us; 0 leaves it to the kernel."""
    flush_seconds: float = 1.0
    activity_per_account: int = 1000
    """The newest exchanges of an account that are kept for `GET /api/activity/`; 0 keeps none."""
    activity_seconds: int = 7 * 24 * 3600
    """Seconds for which those exchanges are kept."""
    session_idle: int = 12 * 3600
    """Seconds without a request after which a session of the pages is over."""
    session_longest: int = 30 * 24 * 3600
    """Seconds after its begin when a session is over however busy it is."""
    domain_days: int = 90
    """Days for which sums by target host are kept; 0 keeps none."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that a reload may change while connections stay open."""

    proxies: Mapping[str, ProxyHost]
    """The proxies by name, in the file's order."""
    exits: tuple[Exit, ...]
    plans: Mapping[str, Plan]
    destinations: DestinationRules = field(default_factory=DestinationRules)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    proxy_status_on_forwarded: bool = False
    """Whether forwarded responses carry `Proxy-Status` too."""
    cost_currency: str = "USD"
    """That of the costs of exits."""
    list_costs: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    """What a GB costs by an exit of a list, by the beginning of the names that are made for the list's exits."""
    probes: Probing = field(default_factory=Probing)
    udp: Udp = field(default_factory=Udp)
    selling: Selling = field(default_factory=Selling)
    metrics: Metrics = field(default_factory=Metrics)
    v1: V1 | None = None
    """ProxyHat's dialect; None where the settings have no section `[v1]`, and all of the dialect is off."""
    hosts: Hosting | None = None
    """Where what is published is served; None where the settings have no section `[hosts]`, and nothing is."""

    @property
    def gateway(self) -> ProxyHost | None:
        """The proxy that `[v1]` brings; None where it is off."""
        return self.proxies[GATEWAY] if self.v1 else None

    def section(self, proxy: ProxyHost) -> str:
        """The section of the settings that brings the proxy, as a dotted key."""
        return "v1" if self.v1 and proxy.name == GATEWAY else f"proxies.{proxy.name}"


class Live:
    """The settings that hold now: one object for all who read a setting at use.  A reload swaps its content."""

    __slots__ = ("limits", "timeouts", "topology")

    def __init__(self, topology: Topology) -> None:
        self.swap(topology)

    def swap(self, topology: Topology) -> None:
        """Let these settings hold from now on."""
        self.topology = topology
        self.limits = topology.limits
        self.timeouts = topology.timeouts


def _plan(name: str, size: int, world: bool) -> Plan:
    return Plan(name, size, ips=100, hostnames=100, proxies=max(size, 1), sub_accounts=size, world=world)


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "trial": _plan("trial", 0, False),
        "10": _plan("10", 10, False),
        "20": _plan("20", 20, False),
        "50": _plan("50", 50, True),
        "100": _plan("100", 100, True),
    }
)
"""The plans as shipped.  Tokens and addresses are as ProxyMesh documents them; proxies and sub-accounts are ours."""
