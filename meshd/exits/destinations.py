"""Where a request may go: judged on the address that will be dialled, never on how it was spelled."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from meshd.http1.target import LOOPBACK
from meshd.model import Refusal
from meshd.topology import DestinationRules, Opening
from meshd.values.addresses import ends_in_number, parse_ip
from meshd.values.internet import is_public, unwrap

NO_FAMILY = Refusal("unreachable", "no address of the exit's family")
OUTSIDE = "acl-private"

ANYWHERE = DestinationRules(
    allow=(Opening(ip_network("0.0.0.0/0")), Opening(ip_network("::/0"))), ports=((1, 65535),), deny_ports=()
)
"""The rules for URLs of the operator, who may go wherever this machine can."""

INTERNET = DestinationRules(ports=((1, 65535),), deny_ports=())
"""The rules for proxies that a stranger's list names: at any port of the public Internet, whatever is opened to
customers.
"""


@dataclass(frozen=True, slots=True)
class OwnListeners:
    """The ports that meshd itself listens at: no customer may reach them through the proxy."""

    ports: frozenset[int] = frozenset()
    addresses: frozenset[str] = frozenset()
    """Addresses of listeners; the dialler counts every other address of this host among them (`own.is_local`)."""


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
        if not is_public(address):
            return Refusal(OUTSIDE)
        return port_refused

    def _port(self, port: int) -> bool:
        allowed = self._ports.get(port)
        if allowed is None:
            allowed = self._ports[port] = port_allowed(port, self.rules)  # there are 65,535 of them at most
        return allowed


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
