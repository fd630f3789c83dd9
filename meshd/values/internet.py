"""Which addresses are the public Internet's, where nothing is reached that trusts its neighbours.  Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_network

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
_PRIVATE = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0:0/96"))
_SIX_TO_FOUR = IPv6Network("2002::/16")


def is_public(address: Address) -> bool:
    """Whether packets for the address, itself or the IPv4 address inside it, leave for the public Internet."""
    inner = unwrap(address)
    return not any(inner in network for network in _REFUSED)


def is_private(address: Address) -> bool:
    """Whether the address, itself or the IPv4 address inside it, is a host's on a network of somebody's own.

    RFC 1918, RFC 6598 (carrier-grade NAT) and RFC 4193: neither this host itself nor the link, and no group.
    """
    inner = unwrap(address)
    return any(inner in network for network in _PRIVATE)


def is_public_host(host: str) -> bool:
    """The same of a host as it is written; of a name that is still to be looked up it is True."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return False
    address = parse_ip(name)
    if address is not None:
        return is_public(address)
    return not ends_in_number(name)  # an address in an old spelling


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
