"""Where a request may go: judged on the address that will be dialled, never on how it was spelled."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network

from meshd.http1.target import LOOPBACK
from meshd.model import Refusal
from meshd.topology import DestinationRules, Opening
from meshd.values.addresses import Address, ends_in_number, parse_ip, unmapped

_REFUSED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; holds the metadata address of one cloud
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; holds the metadata address of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; holds a metadata address
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",  # unspecified
        "::1/128",  # loopback
        "::/96",  # IPv4-compatible
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local; holds a metadata address
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0:0/96"))
_SIX_TO_FOUR = IPv6Network("2002::/16")

NO_FAMILY = Refusal("unreachable", "no address of the exit's family")
OUTSIDE = "acl-private"

ANYWHERE = DestinationRules(
    allow=(Opening(ip_network("0.0.0.0/0")), Opening(ip_network("::/0"))), ports=((1, 65535),), deny_ports=()
)
"""The rules for URLs of the operator, who may go wherever this machine can."""


@dataclass(frozen=True, slots=True)
class OwnListeners:
    """The ports that meshd itself listens at: no customer may reach them through the proxy."""

    ports: frozenset[int] = frozenset()
    addresses: frozenset[str] = frozenset()
    """Addresses of listeners; the dialler counts every other address of this host among them (`dialling.is_local`)."""


REMEMBERED = 4096
"""Verdicts on an address and port that are kept, as most are asked for again."""


class Judge:
    """Judges destinations by one set of rules."""

    def __init__(self, rules: DestinationRules) -> None:
        self.rules = rules
        self._ports = {port: port_allowed(port, rules) for port in (80, 443)}
        self._verdicts: dict[tuple[str, int], Refusal | None] = {}

    def name(self, host: str, port: int) -> Refusal | None:
        """Why the port or the name is refused before the name is resolved; None where neither is."""
        if not self._port(port) and not any(opening.port == port for opening in self.rules.allow):
            return Refusal("acl-port", f"port {port}")
        if self.rules.deny_hosts and _host_denied(host, self.rules.deny_hosts):
            return Refusal("acl-host", host)
        return None

    def elsewhere(self, host: str, port: int) -> Refusal | None:
        """Why a host that an upstream proxy will resolve is refused, besides `name`; None where it is not.

        Its addresses are never seen here, so no `Opening` applies; and no two proxies agree on what an old spelling of
        an address (0x7f.1) means.
        """
        addresses = literal(host)
        if addresses:
            return self.addresses(addresses, port)
        if ends_in_number(host):
            return Refusal(OUTSIDE, "an address in an old spelling")
        return None if self._port(port) else Refusal("acl-port", f"port {port}")

    def addresses(self, addresses: tuple[str, ...], port: int) -> Refusal | None:
        """Why a name's addresses are refused; None where all are allowed: one refused is enough (DNS rebinding)."""
        for text in addresses:
            asked = text, port
            if asked not in self._verdicts:
                if len(self._verdicts) >= REMEMBERED:
                    self._verdicts.clear()
                self._verdicts[asked] = self._address(text, port)
            refusal = self._verdicts[asked]
            if refusal is not None:
                return refusal
        return None

    def _address(self, text: str, port: int) -> Refusal | None:
        """Judge one numeric address, spelled as the resolver gives it; None where it is allowed."""
        address = unwrap(ip_address(text.partition("%")[0]))
        port_refused = None if self._port(port) else Refusal("acl-port", f"port {port}")
        for opening in self.rules.allow:
            if opening.port in {0, port} and address in opening.network:
                return None if opening.port else port_refused
        if any(address in network for network in _REFUSED):
            return Refusal(OUTSIDE)
        return port_refused

    def _port(self, port: int) -> bool:
        allowed = self._ports.get(port)
        if allowed is None:
            allowed = self._ports[port] = port_allowed(port, self.rules)  # there are 65,535 of them at most
        return allowed


def unwrap(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped, NAT64 or 6to4 one: that is where the packets would go."""
    address = unmapped(address)
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def literal(host: str) -> tuple[str, ...]:
    """The addresses of a host that needs no look-up (`localhost`, numeric), as the resolver spells them; else ()."""
    if host == "localhost" or host.endswith(".localhost"):
        return LOOPBACK
    address = parse_ip(host)
    return () if address is None else (str(address),)


def of_family(addresses: tuple[str, ...], source: str) -> tuple[str, ...]:
    """The addresses of the family of `source`, which can be reached from there; all where source is ""."""
    if not source:
        return addresses
    six = ":" in source
    return tuple(address for address in addresses if (":" in address) == six)


def port_allowed(port: int, rules: DestinationRules) -> bool:
    return any(low <= port <= high for low, high in rules.ports) and not any(
        low <= port <= high for low, high in rules.deny_ports
    )


def _host_denied(host: str, denied: frozenset[str]) -> bool:
    """Whether the host or a domain above it is among the denied names."""
    labels = host.split(".")
    return any(".".join(labels[first:]) in denied for first in range(len(labels)))
