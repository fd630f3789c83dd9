"""How addresses, names of hosts and places such as `host:port` are written and read.  Pure.

Targets of requests have a reader of their own, on bytes: `http1.target`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

Address = IPv4Address | IPv6Address

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
"""RFC 1035 section 2.3.4, and the underscore that is common in practice."""
_PLACE = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([0-9]{1,5})", re.ASCII)

ends_in_number = re.compile(r"(?:^|\.)(?:[0-9]++|0[xX][0-9a-fA-F]*+)\Z").search
"""A host whose last label is a number is an IPv4 address in whatever spelling, or nothing (URL Standard, 3.5)."""


def parse_ip(text: str) -> Address | None:
    """The address that the text is; None where it is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def unmapped(address: Address) -> Address:
    """An IPv4 address where it is mapped into IPv6 (RFC 4291, 2.5.5.2)."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def peer_address(address: Any) -> str:
    """The address of a socket's peer as text, a mapped one as IPv4, without a zone; "" for a Unix socket."""
    if not isinstance(address, tuple):
        return ""
    text: str = address[0]
    if text.startswith("::ffff:") and "." in text:
        return text[7:]
    return text.partition("%")[0]


def peer_host(address: object) -> str:
    """The host of a Twisted address in its one spelling; "" where it has none, as on a Unix socket.

    A balancer's PROXY header of version 2 gives `0:0:0:0:0:ffff:c000:201` for 192.0.2.1 (Twisted 26.10).
    """
    host = str(getattr(address, "host", ""))
    found = parse_ip(host.partition("%")[0])
    return host if found is None else str(unmapped(found))


def is_name(text: str) -> bool:
    """Whether the text can be the name of a host in the DNS, in ASCII and without a final dot."""
    return _NAME.fullmatch(text) is not None


def join_host(host: object, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def split_host(text: str) -> tuple[str, int]:
    """Host and port of `host:port`, where an IPv6 address has brackets; nothing else is asked of a host.
    Raises: ValueError, whose text has nothing of what was read.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError("it is no host:port, with an IPv6 address in brackets")
    six, host, port = found.groups()
    return host if six is None else _six(six), read_port(port)


def is_place(text: str) -> bool:
    """Whether the text looks like `host:port`."""
    return _PLACE.fullmatch(text) is not None


def read_port(text: str) -> int:
    """The number of a port from its decimal text.  Raises: ValueError."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


def _six(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError("what stands in its brackets is no IPv6 address") from None
