"""What meshd publishes behind it: hosts, redirections, streams, port forwards, and what these share.  Pure.

Names are lower case, without a final dot, in their ASCII form; `*.example.com` stands for every name one label below.
Sizes are in bytes, times in seconds; a limit of 0 is none, and an id of 0 stands for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

HOSTS = -1
"""In place of an account's id in the change feed: what is published has changed, and no account."""

Kind = Literal[
    "proxy-hosts",
    "redirection-hosts",
    "stream-hosts",
    "dead-hosts",
    "certificates",
    "access-lists",
    "port-forwards",
]
"""What a resource is, as the API's paths have it."""

RECORDED_AS: Mapping[str, str] = {
    "proxy-hosts": "proxy_host",
    "redirection-hosts": "redirection_host",
    "stream-hosts": "stream_host",
    "dead-hosts": "dead_host",
    "certificates": "certificate",
    "access-lists": "access_list",
    "port-forwards": "port_forward",
}
"""What a resource is, as the record of requests has it."""

Scheme = Literal["http", "https"]
Policy = Literal["round_robin", "random", "least_conn", "ip_hash", "uri_hash", "first"]
"""Which upstream takes a request: each in turn, any, the one with the fewest open, one by the client's address or by
the request's target, or the first that is up."""
Transport = Literal["tcp", "udp", "tcp+udp"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server behind meshd; a name, an IPv4 or an IPv6 address without brackets, and its port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Probing:
    """Asking each upstream for `path` again and again; another status than `expected` is a failure."""

    path: str = "/"
    interval: float = 30
    timeout: float = 5
    expected: int = 200


@dataclass(frozen=True, slots=True)
class Ejection:
    """An upstream with `failures` within `seconds` rests as long; so does one that is slower than `slowest`."""

    seconds: float = 30
    failures: int = 3
    slowest: float = 0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Requests of one client address in any window of so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A change of a header field: `set` replaces, `add` appends, `delete` takes all of the name away.

    value: may hold placeholders: {remote_host}, {scheme}, {host}, {method}, {uri}, {request_id}.
    """

    direction: Literal["request", "response"]
    operation: Literal["set", "add", "delete"]
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Location:
    """Requests whose path begins with `path` go elsewhere; `forward_path` then stands in its place, "" keeps it."""

    path: str
    scheme: Scheme
    upstream: Upstream
    forward_path: str = ""


@dataclass(frozen=True, slots=True)
class Secured:
    """How a host is served by TLS."""

    certificate: int = 0
    """The certificate's id."""
    forced: bool = False
    """Whether plain HTTP is answered by a redirection to HTTPS."""
    hsts: bool = False
    hsts_subdomains: bool = False


@dataclass(frozen=True, slots=True)
class ProxyHost:
    """Names whose requests are passed on to servers behind meshd."""

    id: int
    names: tuple[str, ...]
    scheme: Scheme
    upstreams: tuple[Upstream, ...]
    """At least one; the first is the primary."""
    policy: Policy = "round_robin"
    secured: Secured = Secured()
    access_list: int = 0
    probing: Probing | None = None
    ejection: Ejection = Ejection()
    rate: RateLimit | None = None
    fields: tuple[FieldRule, ...] = ()
    error_pages: tuple[tuple[int, str], ...] = ()
    """HTML by status: 404, 502, 503."""
    locations: tuple[Location, ...] = ()
    passthrough: bool = False
    """Whether TLS is passed on untouched, by the name that the client asks for."""
    owner: int = 0
    """The account that is billed."""
    token: int = 0
    """The id under which the ledger counts the host's bytes."""


@dataclass(frozen=True, slots=True)
class Redirection:
    """Names whose requests are sent elsewhere.  scheme: "auto" keeps the request's."""

    id: int
    names: tuple[str, ...]
    scheme: Literal["http", "https", "auto"]
    target: str
    """A host, perhaps with a port."""
    status: int = 301
    keep_path: bool = True
    secured: Secured = Secured()
    owner: int = 0
    token: int = 0


@dataclass(frozen=True, slots=True)
class DeadHost:
    """Names that are answered 404."""

    id: int
    names: tuple[str, ...]
    secured: Secured = Secured()
    access_list: int = 0
    owner: int = 0
    token: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes of a port that are passed on.  sni: take TLS clients alone that ask for one of these names."""

    id: int
    port: int
    upstream: Upstream
    transport: Transport = "tcp"
    sni: tuple[str, ...] = ()
    certificate: int = 0
    """TLS is taken off with this certificate; 0 leaves it."""
    owner: int = 0
    token: int = 0


@dataclass(frozen=True, slots=True)
class PortForward:
    """A port of this machine that leads to another's.  interface: an address or a device's name; "" for all."""

    id: int
    port: int
    upstream: Upstream
    transport: Transport = "tcp"
    interface: str = ""
    method: Literal["iptables", "socat"] = "socat"
    """What was asked for; meshd passes the bytes on itself either way."""
    owner: int = 0
    token: int = 0


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Clients of a network, let in or not."""

    network: IPv4Network | IPv6Network
    allow: bool


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password that open a host."""

    username: str
    password_hash: str = field(repr=False)
    """argon2id in its encoded form."""


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may use a host: the first rule that matches decides; nobody else once there is a rule that allows.

    satisfy_any: either rules or a login will do, else both where there are both; pass_auth: whether the upstream is
    told who has signed in.
    """

    id: int
    name: str
    rules: tuple[AccessRule, ...] = ()
    logins: tuple[Login, ...] = ()
    satisfy_any: bool = False
    pass_auth: bool = False
    enabled: bool = True
    """A list that is switched off lets nobody in: nothing opens by a switch."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, uploaded or obtained by ACME.

    chain: PEM, the leaf first, "" while none was obtained; sealed_key: the private key in PEM, sealed about the leaf.
    """

    id: int
    provider: Literal["custom", "acme"]
    names: tuple[str, ...]
    chain: str = ""
    sealed_key: bytes = field(default=b"", repr=False)
    expires: int = 0
    """Seconds since the epoch; 0 while there is none."""
    enabled: bool = True
    """One that is switched off is served to nobody."""
    state: Literal["pending", "active", "failed"] = "active"
    problem: str = ""
    """Why the last try to obtain one failed, for the operator."""


Host = ProxyHost | Redirection | DeadHost
"""What is found by the name that a request asks for."""
Resource = ProxyHost | Redirection | DeadHost | Stream | PortForward | AccessList | Certificate


@dataclass(frozen=True, slots=True)
class Published:
    """All that is published: enabled hosts, streams and forwards; every list and every certificate."""

    hosts: tuple[Host, ...] = ()
    streams: tuple[Stream, ...] = ()
    forwards: tuple[PortForward, ...] = ()
    lists: tuple[AccessList, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    challenges: tuple[tuple[str, str], ...] = ()
    """ACME: what stands below `/.well-known/acme-challenge/` by its token."""
