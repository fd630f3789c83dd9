"""Where a published host may lead: services behind meshd, which are private by nature.  Pure.

Never to link-local addresses, where clouds keep the credentials of their machines, and to this machine's own loopback
addresses only where the operator wants that: services there often trust whoever reaches them.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_network

from meshd.values.addresses import Address, ends_in_number, parse_ip
from meshd.values.internet import unwrap

_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network: Linux takes it for loopback
        "100.100.100.200/32",  # the metadata address of one cloud
        "168.63.129.16/32",  # the platform's address of another
        "169.254.0.0/16",  # link-local; holds the metadata address of most clouds
        "192.0.0.192/32",  # the metadata address of a third
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",  # unspecified
        "fd00:ec2::/32",  # metadata over IPv6
        "fd20:ce::/32",  # likewise
        "fe80::/10",  # link-local
        "ff00::/8",  # multicast
    )
)
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_COMPATIBLE = IPv6Network("::/96")
"""IPv4 addresses as IPv6 once wrote them (RFC 4291, 2.5.5.1)."""


def barred(address: Address, *, loopback: bool) -> str:
    """Why an upstream must not have the address; "" where it may.  loopback: whether it may be this machine's own."""
    inner = _unwrapped(address)
    for each in (address, inner):
        if any(each in network for network in _LOOPBACK):
            return "" if loopback else "a loopback address of this machine, which the settings do not open"
        if any(each in network for network in _NEVER):
            return "an address that nothing is published from (link-local, metadata, multicast or reserved)"
    return ""


def barred_name(host: str, *, loopback: bool) -> str:
    """Why a host as it is written must not be an upstream; "" where its addresses decide."""
    if host == "localhost" or host.endswith(".localhost"):
        return "" if loopback else "a loopback address of this machine, which the settings do not open"
    address = parse_ip(host)
    if address is not None:
        return barred(address, loopback=loopback)
    return "an address in an old spelling" if ends_in_number(host) else ""


def _unwrapped(address: Address) -> Address:
    """As `unwrap`, and the IPv4 address inside an IPv4-compatible one too; `::` and `::1` are none."""
    inner = unwrap(address)
    if isinstance(inner, IPv4Address) or int(inner) <= 1 or inner not in _COMPATIBLE:
        return inner
    return IPv4Address(int(inner))
