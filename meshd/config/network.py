"""The kinds that speak of the network: addresses, ranges, ports, names."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meshd.config.kinds import Kind, pattern, text_kind
from meshd.selection import country_code
from meshd.topology import Opening

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


def authority(text: str) -> str:
    """`host:port` as a client's settings take it."""
    host, port = _host_and_port(text)
    if not _HOSTNAME.fullmatch(host):
        ipaddress.ip_address(host)
    _port(port)
    return text


def nameserver(text: str) -> str:
    """An address with or without a port, as `host:port`."""
    host, port = (text, "53") if _is_address(text) else _host_and_port(text)
    address = ipaddress.ip_address(host)
    return f"{f'[{address}]' if address.version == 6 else address}:{_port(port)}"


def opening(text: str) -> Opening:
    """`10.1.0.0/16`, `fd00::/8`, `192.0.2.1`, `127.0.0.1:8080` or `[::1]:8080`."""
    if "/" in text or _is_address(text):
        return Opening(_range(text))
    host, port = _host_and_port(text)
    return Opening(_range(host), _port(port))


def opening_text(value: Opening) -> str:
    """As `opening` reads it."""
    network = value.network
    host = str(network.network_address if network.num_addresses == 1 else network)
    if not value.port:
        return host
    return f"[{host}]:{value.port}" if network.version == 6 else f"{host}:{value.port}"


def ports(raw: Any, _: Path) -> tuple[int, int]:
    """`"80"`, `80` or `"1024-65535"` as an inclusive pair."""
    low, dash, high = str(raw).partition("-")
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError
    pair = (_port(low), _port(high if dash else low))
    if pair[0] > pair[1]:
        raise ValueError("it ends before it begins")
    return pair


def hostname(text: str) -> str:
    """Lower case; an address is none."""
    if not _HOSTNAME.fullmatch(text) or _is_address(text):
        raise ValueError
    return text.lower()


def probe_url(text: str) -> str:
    """`http` or `https`, a host, perhaps a port, a path and a query; "" for none."""
    parts = urlsplit(text)
    if not text:
        return text
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii() or not text.isprintable():
        raise ValueError
    if parts.username is not None or parts.fragment or " " in text:
        raise ValueError("it must have no credentials, no fragment and no space")
    if not _HOSTNAME.fullmatch(parts.hostname):
        ipaddress.ip_address(parts.hostname)
    if parts.port == 0:
        raise ValueError("a port is a number from 1 to 65535")
    return text


def _host_and_port(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([0-9]+)", text, re.ASCII)
    if match is None:
        raise ValueError
    if match[1] is not None and ":" not in match[1]:
        raise ValueError("brackets are for IPv6")
    return match[1] or match[2], match[3]


def _range(text: str) -> Any:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        whole = ipaddress.ip_network(text, strict=False)  # ValueError where it is no range at all
        raise ValueError(f"did you mean {whole}?") from None
    if network.version == 6 and network.network_address.ipv4_mapped is not None and network.prefixlen >= 96:
        raise ValueError("IPv4-mapped addresses are compared as IPv4: write it so")
    return network


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


AUTHORITY = text_kind("host:port", authority)
NAMESERVER = text_kind("a name server's address such as 127.0.0.1:53", nameserver)
OPENING = text_kind(
    "a range such as 10.1.0.0/16, or one address and port such as 127.0.0.1:8080 or [::1]:8080", opening
)
NETWORK = text_kind("a range such as 10.1.0.0/16, or one address", _range)
PORTS = Kind('a port such as "80", or a range such as "1024-65535"', ports)
HOSTNAME = text_kind("a host name", hostname)
COUNTRY = pattern("a country's two letters (ISO 3166)", r"[A-Za-z]{2}", country_code)
PROBE_URL = text_kind("an http:// or https:// URL", probe_url)
