"""A request that is to be explained, and the world that it is judged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from meshd.exits.destinations import Judge
from meshd.exits.pools import Pools
from meshd.http1.target import Target
from meshd.model import Identity, Refusal, Token
from meshd.topology import ProxyHost
from meshd.values.terms import Terms

Resolve = Callable[[str], tuple[str, ...] | Refusal]


@dataclass(frozen=True, slots=True)
class Question:
    """The request to explain: whose it is, to which proxy, and where it is to go."""

    identity: Identity
    proxy: ProxyHost
    target: Target
    selection: str = ""
    before: int = 0
    """How many characters of the user name stand before the selection, for positions in errors."""
    token: Token | None = None
    terms: Terms | None = None
    """Destination rules of account, parent, plan and token."""
    udp: bool = False
    """Whether datagrams are to be sent there, in the place of a tunnel."""
    http2: bool = False
    """Whether the client comes by HTTP/2."""
    carrier: str = ""
    """How the request comes, where not by the proxy's own port."""


@dataclass(frozen=True, slots=True)
class World:
    """The exits, rules and resolver that a request is judged with."""

    pools: Pools
    judge: Judge
    own: Callable[[tuple[str, ...], int], bool]
    """Whether one of the addresses, with the port, leads to a listener of meshd."""
    resolve: Resolve | None
    """Gives the addresses of a name; None where names are not to be looked up."""
    now: int
    included: Mapping[str, int] = field(default_factory=dict)
    """By plan, the monthly limit of accounts that have none of their own."""
    udp: bool = False
    """Whether datagrams are passed on."""
    tls: bool = True
    """Whether clients may come by TLS."""
    http2: bool = True
    """Whether those may speak HTTP/2."""
