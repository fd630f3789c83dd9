"""What the operator's file says of proxies, exits, plans, destinations and bounds: frozen, swapped whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import Literal

ExitKind = Literal["direct", "local", "http", "https", "socks5"]
Rotation = Literal["random", "round-robin", "least-used"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class UpstreamProxy:
    """Another proxy that requests leave through; its credentials go to it and nowhere else."""

    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca: str = ""
    """A PEM file that vouches for it, in the place of the system's; of kind `https` alone."""
    reuse: bool = False
    """Whether a connection to it, of kind `http` or `https`, may carry several requests with credentials: it reads each
    of them.  A proxy that only passes on what follows the first would show them to the origin."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A way out: the address that a request leaves by."""

    name: str
    kind: ExitKind
    address: str = ""
    """The source address of a `local` exit; of an upstream proxy the address that origins see, where the operator
    knows it; "" lets the kernel choose, or is not known."""
    country: str = ""
    """ISO 3166 alpha-2, upper case; "" for unknown."""
    tags: frozenset[str] = frozenset()
    weight: int = 1
    """How many times as often as one of weight 1 it is chosen."""
    prefix: IPv6Network | None = None
    """Of a `local` exit in the place of one address: each of its addresses is one to leave by."""
    upstream: UpstreamProxy | None = None
    """Of kinds `http`, `https` and `socks5`."""

    @property
    def source(self) -> str:
        """The address that connections are to leave by; "" lets the kernel choose, or is the upstream's business."""
        return self.address if self.upstream is None else ""

    @property
    def is_http_proxy(self) -> bool:
        """Whether it is asked for a resource itself, by HTTP, rather than for a way to the origin."""
        return self.kind in {"http", "https"}


@dataclass(frozen=True, slots=True)
class ExitRule:
    """Which exits serve a proxy; an empty set does not restrict."""

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
    """`host:port` as `GET /api/proxies/` says it."""
    rule: ExitRule
    exits: tuple[Exit, ...]
    """Those that the rule selects, in the file's order."""
    rotation: Rotation = "random"
    """How one is chosen for who does not say."""
    proxy_protocol_from: tuple[Network, ...] = ()
    """Peers whose connections begin with a PROXY header, which says whose they are."""


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
    """Whether the proxy named `world` may be among its proxies."""
    includes: tuple[str, ...] | None = None
    """Names of the proxies that may be; None for all, but for `world` as it says."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A range that the default refusals do not apply to, with one port or any."""

    network: Network
    port: int = 0
    """0 for every port that the port rules allow; a port named here is allowed whatever they say."""


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """Where a request may go.  Port ranges are inclusive pairs."""

    allow: tuple[Opening, ...] = ()
    ports: tuple[tuple[int, int], ...] = ((80, 80), (443, 443), (1024, 65535))
    deny_ports: tuple[tuple[int, int], ...] = ((6660, 6669), (6697, 6697))
    deny_hosts: frozenset[str] = frozenset()
    """Lower-case names; each refuses its sub-domains too."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    head: float = 10
    connect: float = 10
    first_byte: float = 60
    idle: float = 600
    """A tunnel or a body that moves nothing."""
    half_closed: float = 60
    keep_alive: float = 60
    """A client connection between two requests; upstream ones are kept for at most this too."""
    dns: float = 5
    turn: float = 20
    """Of an exchange that its account may not begin yet; 0 where none waits."""
    drain: float = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds; 0 means none where a rate or a count per account is meant."""

    head_bytes: int = 32 * 1024
    request_line_bytes: int = 16 * 1024
    fields: int = 200
    response_head_bytes: int = 64 * 1024
    interim_responses: int = 16
    connections: int = 0
    """Client connections in all; 0 derives it from the descriptor limit, less the reserve."""
    descriptor_reserve: int = 128
    unauthenticated_per_address: int = 20
    unauthenticated: int = 2000
    tunnels_per_account: int = 3000
    new_tunnels_per_second: int = 200
    requests_per_second: int = 1000
    exit_retries: int = 2
    """Other exits that are tried for a request whose exit has failed before anything was sent."""
    on_limit: Literal["cut", "finish"] = "cut"
    failures: int = 4
    failure_window: int = 600
    ban_seconds: int = 3 * 3600
    names_per_address: int = 20
    """Wrong names tried from one address within the window before the address itself is banned."""
    credential_cache: int = 300
    """Seconds a verified credential is remembered."""
    identities: int = 20_000
    password_workers: int = 2
    password_queue: int = 64
    slice_bytes: int = 4 * 1024 * 1024
    window_bytes: int = 4 * 1024 * 1024
    """Of one connection, that the kernel takes in before we do; 0 leaves it to the kernel."""
    flush_seconds: float = 1.0
    activity_per_account: int = 1000
    """Exchanges of an account that `GET /api/activity/` can tell; 0 keeps none."""
    activity_seconds: int = 7 * 24 * 3600
    """After that they are forgotten."""


@dataclass(frozen=True, slots=True)
class Probing:
    """How exits are tried without a customer."""

    url: str = ""
    """What is asked for through each exit; "" for no probes."""
    every: float = 60
    """Seconds within which each exit is tried once."""
    timeout: float = 10
    """Seconds that an answer may take."""
    at_once: int = 16


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that a reload may change while connections stay open."""

    proxies: Mapping[str, ProxyHost]
    """By name, in the file's order."""
    exits: tuple[Exit, ...]
    plans: Mapping[str, Plan]
    destinations: DestinationRules = field(default_factory=DestinationRules)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    proxy_status_on_forwarded: bool = False
    """Whether forwarded responses carry `Proxy-Status` too."""
    probes: Probing = field(default_factory=Probing)


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
"""As shipped.  The documents give tokens and addresses; proxies and sub-accounts per plan are ours."""
