"""Kinds of settings about the network: addresses, ranges, ports, names.

Each function here reads the text of one, and raises ValueError for text that is none.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meshd.config.kinds import Kind, pattern, text_kind
from meshd.selection import country_code
from meshd.topology import Opening
from meshd.values.addresses import is_name, join_host, parse_ip, read_port, split_host, unmapped
from meshd.values.mailboxes import is_mailbox


def authority(text: str) -> str:
    """`host:port` as people enter it in the settings of a client."""
    _check_host(split_host(text)[0])
    return text


def nameserver(text: str) -> str:
    """An address with or without a port, as `host:port`; the default port is 53."""
    host, port = (text, 53) if parse_ip(text) else split_host(text)
    return join_host(ipaddress.ip_address(host), port)


def opening(text: str) -> Opening:
    """The Opening that `10.1.0.0/16`, `fd00::/8`, `192.0.2.1`, `127.0.0.1:8080` or `[::1]:8080` means."""
    if "/" in text or parse_ip(text):
        return Opening(_range(text))
    host, port = split_host(text)
    return Opening(_range(host), port)


def opening_text(value: Opening) -> str:
    """An Opening as text that `opening` reads."""
    network = value.network
    host = str(network.network_address if network.num_addresses == 1 else network)
    return join_host(host, value.port) if value.port else host


def ports(raw: Any, _: Path) -> tuple[int, int]:
    """`"80"`, `80` or `"1024-65535"` as an inclusive pair."""
    low, dash, high = str(raw).partition("-")
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError
    pair = (read_port(low), read_port(high if dash else low))
    if pair[0] > pair[1]:
        raise ValueError("it ends before it begins")
    return pair


def hostname(text: str) -> str:
    """A host name in lower case; an address is no host name."""
    if not is_name(text) or parse_ip(text):
        raise ValueError
    return text.lower()


def host(text: str) -> str:
    """A host name in lower case, or an address as ipaddress prints it, without brackets."""
    return text.lower() if is_name(text) and not parse_ip(text) else str(ipaddress.ip_address(text))


def probe_url(text: str) -> str:
    """An absolute `http` or `https` URL without credentials and fragment; "" for none."""
    parts = urlsplit(text)
    if not text:
        return text
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii() or not text.isprintable():
        raise ValueError
    if parts.username is not None or parts.fragment or " " in text:
        raise ValueError("it must have no credentials, no fragment and no space")
    _check_host(parts.hostname)
    if parts.port == 0:
        raise ValueError("a port is a number from 1 to 65535")
    return text


def _check_host(text: str) -> None:
    if not is_name(text):
        ipaddress.ip_address(text)


def _range(text: str) -> Any:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        whole = ipaddress.ip_network(text, strict=False)  # ValueError where it is no range at all
        raise ValueError(f"did you mean {whole}?") from None
    first = network.network_address
    if unmapped(first) is not first and network.prefixlen >= 96:
        raise ValueError("IPv4-mapped addresses are compared as IPv4: write it so")
    return network


AUTHORITY = text_kind("host:port", authority)
NAMESERVER = text_kind("a name server's address such as 127.0.0.1:53", nameserver)
OPENING = text_kind(
    "a range such as 10.1.0.0/16, or one address and port such as 127.0.0.1:8080 or [::1]:8080", opening
)
NETWORK = text_kind("a range such as 10.1.0.0/16, or one address", _range)
ADDRESS = text_kind(
    'an address such as "198.51.100.7", or "" for none', lambda text: text and str(ipaddress.ip_address(text))
)
PORTS = Kind('a port such as "80", or a range such as "1024-65535"', ports)
HOSTNAME = text_kind("a host name", hostname)
HOST = text_kind("a host name or an address, without a port", host)
COUNTRY = pattern("a country's two letters (ISO 3166)", r"[A-Za-z]{2}", country_code)


def acme_url(text: str) -> str:
    """An absolute `https` URL.  Raises: ValueError."""
    if not text.startswith("https://"):
        raise ValueError
    return probe_url(text)


PROBE_URL = text_kind("an http:// or https:// URL", probe_url)


ACME_URL = text_kind("an https:// URL", acme_url)


def _mailbox(text: str) -> str:
    if not is_mailbox(text):
        raise ValueError
    return text


MAILBOX = text_kind("an e-mail address", _mailbox)
USER = pattern("a name of printable ASCII", r"[!-~]{1,255}")
