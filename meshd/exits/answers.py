"""What an upstream HTTP proxy adds to the answers of origins, and which answers it has made itself.

A customer is to see origins, and not whose exits these are.  The nearest proxy's part of a field is the last one (RFC
9110, 7.6.3; RFC 9209, 2; RFC 9211, 2): only that part is taken away, so that what origins and their caches say stays.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from meshd.exits.handshake import REFUSED_US
from meshd.http1.fields import Fields

_ADDED = frozenset({b"proxy-agent", b"proxy-connection", b"proxy-features", b"x-squid-error"})
"""Fields that only proxies send."""
_LISTS = frozenset({b"via", b"cache-status"})
"""Fields to which each proxy appends a member."""
_X_CACHE = re.compile(rb"(?:HIT|MISS|NONE|REFRESH|UPDATED|STALE)[A-Z_]* from ([^ \t]++)")
"""How Squid says in X-Cache and X-Cache-Lookup that it is the cache."""
_X_CACHES = frozenset({b"x-cache", b"x-cache-lookup"})
_MEMBER = re.compile(rb'((?:[^,"(]++|"(?:[^"\\]++|\\.)*+"|\((?:[^()\\]++|\\.)*+\))*+)(?:,|\Z)')

_OF_PAGES = (b"x-proxymesh-error", b"x-squid-error", b"proxy-agent")
"""Fields of answers that a proxy has made itself."""
_SERVERS = (
    *(b"squid", b"tinyproxy", b"privoxy", b"mitmproxy", b"proxy.py", b"ats/", b"polipo", b"3proxy", b"cntlm"),
    *(b"goproxy", b"ziproxy", b"trafficserver", b"wwwoffle", b"oops", b"delegate", b"zscaler", b"ccproxy"),
)
"""Beginnings of Server, in lower case, by which proxies sign their own pages."""

_KINDS: Mapping[bytes, str] = MappingProxyType(
    {
        b"connection_refused": "connection-refused",
        b"connection_terminated": "connection-reset",
        b"connection_timeout": "connection-timeout",
        b"connection_read_timeout": "first-byte-timeout",
        b"dns_error": "dns-error",
        b"dns_timeout": "dns-timeout",
        b"destination_ip_unroutable": "unreachable",
        b"http_protocol_error": "bad-response",
        b"http_response_header_section_size": "response-head-too-large",
        b"http_response_incomplete": "response-incomplete",
    }
)
"""Reasons by error types of RFC 9209."""
_SQUIDS: Mapping[bytes, str] = MappingProxyType(
    {
        b"ERR_CONNECT_FAIL 111": "connection-refused",
        b"ERR_CONNECT_FAIL 110": "connection-timeout",
        b"ERR_CONNECT_FAIL 113": "unreachable",
        b"ERR_CONNECT_FAIL 101": "unreachable",
        b"ERR_DNS_FAIL": "dns-error",
        b"ERR_INVALID_RESP": "bad-response",
        b"ERR_READ_ERROR 104": "connection-reset",  # with 0 it may also be a name that does not resolve
        b"ERR_READ_TIMEOUT": "first-byte-timeout",
        b"ERR_TOO_BIG": "bad-response",
        b"ERR_WRITE_ERROR": "connection-reset",
        b"ERR_ZERO_SIZE_OBJECT": "connection-reset",
    }
)
"""Reasons by the words of X-Squid-Error."""

NOT_REACHED = frozenset({"exit-failed", "connection-refused", "dns-error", "dns-timeout", "unreachable"})
"""Reasons that say that the origin has not got the request, which may then be sent by another exit whatever it asks."""


class Page(NamedTuple):
    """An answer that an upstream proxy has made itself."""

    reason: str
    """The reason of the refusal that is given in its place."""
    cause: str
    """More of it, for the log."""


def page(status: int, fields: Fields) -> Page | None:
    """The page of its own that an upstream proxy has answered with; None for what may be the origin's answer."""
    if status < 400 or not _signed(fields):
        return None
    if status in REFUSED_US:
        return Page("exit-failed", REFUSED_US[status])
    told = fields.all(b"proxy-status")
    error = re.search(rb"error=([a-z_]+)", told[-1]) if told else None
    squid = fields.get(b"x-squid-error") or b""
    reason = _KINDS.get(error[1], "") if error else ""
    reason = reason or _SQUIDS.get(squid) or _SQUIDS.get(squid.partition(b" ")[0], "")
    return Page(reason or "exit-refused", f"exit-status-{status}")


def _signed(fields: Fields) -> bool:
    """Whether an answer says that the nearest proxy has made it (RFC 9209, 2.1.1), and not that it passed it on."""
    if len(_members(fields, b"via")) > 1:
        return False  # it came through a proxy beyond this one, whose page it may be
    told = fields.all(b"proxy-status")
    if (told and b"error=" in told[-1]) or any(name in fields for name in _OF_PAGES):
        return True
    # Traffic Server signs all that it passes on in the origin's place, and tells the age of that alone.
    return b"age" not in fields and (fields.get(b"server") or b"").lower().startswith(_SERVERS)


def cleaned(fields: Fields) -> Fields:
    """The fields of an answer without what the upstream proxy has added."""
    names = fields.names
    host = _host(fields)
    last = {name: place for place, name in enumerate(names) if name in _LISTS}
    pairs: list[tuple[bytes, bytes]] = []
    for place, (name, value) in enumerate(fields):
        lower = names[place]
        if lower in _ADDED or (lower in _X_CACHES and _is_its(value, host)):
            continue
        if last.get(lower) == place:
            members = _split(value)
            if lower == b"via" or _is_named(members[-1] if members else b"", host):
                members = members[:-1]
            pairs += [(name, b", ".join(members))] if members else []
        else:
            pairs.append((name, value))
    return Fields(pairs)


def _is_its(value: bytes, host: bytes) -> bool:
    """Whether a value of X-Cache is the proxy's, which is called that in Via; b"" where it does not say."""
    match = _X_CACHE.fullmatch(value)
    return match is not None and (not host or match[1].partition(b":")[0].lower() == host)


def _is_named(member: bytes, host: bytes) -> bool:
    """Whether a member of Cache-Status is of the proxy that is called that in Via."""
    return bool(host) and member.partition(b";")[0].strip(b' \t"').lower() == host


def _host(fields: Fields) -> bytes:
    """What the nearest proxy calls itself in Via, in lower case and without a port; b"" for nothing."""
    members = _members(fields, b"via")
    words = members[-1].split() if members else []
    return words[1].lower().partition(b":")[0] if len(words) > 1 else b""


def _members(fields: Fields, name: bytes) -> list[bytes]:
    return [member for value in fields.all(name) for member in _split(value)]


def _split(value: bytes) -> list[bytes]:
    """The members of a list, in which comments and quoted texts may hold commas; one member where it is malformed."""
    members, place = [], 0
    while place < len(value):
        match = _MEMBER.match(value, place)
        if match is None:
            return [value]
        members.append(match[1].strip(b" \t"))
        place = match.end()
    return [member for member in members if member]
