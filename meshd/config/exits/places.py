"""Where an exit is, as people write it: an address or a prefix of this machine, or another proxy with its credentials.

Every reader here raises ValueError, whose text has nothing of what was read: that may be a piece of a password.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, IPv6Network
from typing import NamedTuple
from urllib.parse import unquote

from meshd.config.kinds import number, text_kind
from meshd.topology import ExitKind, UpstreamProxy
from meshd.values.addresses import ends_in_number, is_name, parse_ip, split_host, unmapped
from meshd.values.costs import read_rate

SCHEMES: dict[str, ExitKind] = {"http": "http", "https": "https", "socks5": "socks5", "socks5h": "socks5"}
"""Kinds of exits by the scheme of a URL.  The h of socks5h says that the other proxy resolves names: it always does."""

LONGEST = 255
"""Most bytes of a user name or a password: the bound of SOCKS5 (RFC 1929, 2), kept for HTTP too."""


PLACED = ("region", "city", "isp", "zip")
"""Keys that say where an exit is, beside its country."""

AS_NUMBER = number(1, 2**32 - 1)
"""That of an autonomous system (RFC 6793)."""

COST = text_kind('a decimal in quotes such as "2.50"', read_rate)
"""What a GB costs."""


class Place(NamedTuple):
    """Where another proxy listens."""

    host: str
    """A name in lower case, or an address without brackets."""
    port: int


def place(text: str) -> Place:
    """Read `host:port`, where an IPv6 address has brackets."""
    host, port = split_host(text)
    return Place(host if ":" in host else _host(host), port)


def proxy_url(text: str) -> tuple[ExitKind, UpstreamProxy]:
    """Read `http://user:password@host:port`, percent-encoded, or a URL of another scheme in SCHEMES."""
    scheme, _, rest = text.partition("://")
    kind = SCHEMES.get(scheme.lower())
    if kind is None:
        raise ValueError("its scheme is none of http, https, socks5 and socks5h")
    credentials, _, authority = rest.rpartition("@")
    host, port = place(authority.removesuffix("/"))
    username, _, password = credentials.partition(":")
    return kind, upstream(kind, host, port, _decoded(username), _decoded(password))


def upstream(
    kind: ExitKind, host: str, port: int, username: str = "", password: str = "", ca: str = ""
) -> UpstreamProxy:
    """An upstream proxy whose credentials can be sent to this kind of proxy."""
    if username or password:
        _check_credentials(kind, username, password)
    return UpstreamProxy(host, port, username, password, ca)


def single_address(text: str) -> str:
    """An address that something can be sent from, as ipaddress prints it."""
    address = parse_ip(text)
    if address is None:
        raise ValueError("it is no address")
    if (four := unmapped(address)) is not address:
        raise ValueError(f"write it as {four}")
    if address.is_unspecified or address.is_multicast or "%" in text:
        raise ValueError("nothing can be sent from it")
    return str(address)


def address_or_prefix(text: str) -> str | IPv6Network:
    """Read an address such as `2001:db8::1`, or a prefix such as `2001:db8:1::/64`."""
    return _prefix(text) if "/" in text else single_address(text)


def _prefix(text: str) -> IPv6Network:
    address, _, length = text.partition("/")
    if ":" not in address:
        raise ValueError("a prefix is one of IPv6; of IPv4 write each address")
    if not re.fullmatch(r"[0-9]{1,3}", length, re.ASCII) or not 32 <= int(length) <= 126:
        raise ValueError("a prefix has from 32 to 126 bits")
    try:
        prefix = IPv6Network(text, strict=False)
    except ValueError:
        raise ValueError("it is no prefix") from None
    if prefix.network_address != IPv6Address(address.partition("%")[0]):
        raise ValueError(f"did you mean {prefix}?")
    single_address(str(prefix[1]))
    return prefix


def _host(text: str) -> str:
    if not is_name(text) or (ends_in_number(text) and not parse_ip(text)):
        raise ValueError("its host is neither an address nor a name")
    return text.lower()


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("its percent-encoding is not of UTF-8") from None


def _check_credentials(kind: ExitKind, username: str, password: str) -> None:
    if not username.isprintable() or not password.isprintable():
        raise ValueError("its user name or password has a character that cannot be printed")
    if len(username.encode()) > LONGEST or len(password.encode()) > LONGEST:
        raise ValueError(f"its user name or password has more than {LONGEST} bytes")
    if kind != "socks5" and ":" in username:
        raise ValueError("a user name has no colon in HTTP (RFC 7617)")
