"""Request targets (RFC 9112 3.2) as an origin server reads them, with the Host field that says whose they are.

The name in `Host` decides who answers, so there is exactly one, and it is spelled in one way.  An absolute target is
taken where it says the same as Host: two readers could follow one each.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from meshd.http1.errors import BadMessage
from meshd.http1.target import HOST, PATH, PORT, QUERY, read_host, read_port

PORTS = {False: 80, True: 443}
"""The port where none is named, by whether TLS is spoken."""

_AUTHORITY = re.compile(HOST + rb"(?:" + PORT + rb")?+")
PATH_AND_QUERY = re.compile(PATH + rb"(?:" + QUERY + rb")?+")
_ABSOLUTE_FORM = re.compile(rb"(?i:(http|https))://([^/?#]*+)(.*+)")


class OriginForm(NamedTuple):
    """What is asked for, of whom."""

    host: str
    """Lower case, no final dot, an IPv6 address in its short form and without brackets."""
    port: int
    path: bytes
    """Path and query, or `*`."""
    authority: bytes
    """The value of Host as it was written."""


def read_origin(method: bytes, target: bytes, hosts: list[bytes], *, secure: bool) -> OriginForm:
    """Read a request target beside all values of Host.  secure: whether the request came by TLS.
    Raises: BadMessage, 400 for a wrong form or Host, 501 for a method that is not served.
    """
    if method == b"CONNECT":
        raise BadMessage(501, "CONNECT is for proxies, and this is none")
    if method == b"TRACE":
        raise BadMessage(501, "TRACE is not served: the answer would show what is added on the way")
    if len(hosts) != 1:
        raise BadMessage(400, "two Host fields" if hosts else "no Host field")
    authority = hosts[0]
    host, port = _place(authority, secure)
    return OriginForm(host, port, read_path(method, target, authority, secure=secure), authority)


def read_path(method: bytes, target: bytes, authority: bytes, *, secure: bool) -> bytes:
    """The path and query of a target, or `*`.  authority: the one value of Host, read before.  Raises: BadMessage."""
    if PATH_AND_QUERY.fullmatch(target):
        return target
    if target == b"*":
        if method == b"OPTIONS":
            return target
        raise BadMessage(400, "the target * is for OPTIONS alone")
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None:
        raise BadMessage(400, "the target is no path")
    scheme, named, path = absolute.groups()
    if (scheme.lower() == b"https") is not secure:
        raise BadMessage(400, "the target has another scheme than the connection")
    if not _AUTHORITY.fullmatch(named) or _place(named, secure) != _place(authority, secure):
        raise BadMessage(400, "the target names another host than Host")
    if path[:1] != b"/":
        path = b"*" if method == b"OPTIONS" and not path else b"/" + path
    if path != b"*" and not PATH_AND_QUERY.fullmatch(path):
        raise BadMessage(400, "a byte in the target that a URL may not hold")
    return path


def _place(authority: bytes, secure: bool) -> tuple[str, int]:
    """Host and port.  Raises: BadMessage."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise BadMessage(400, "a malformed Host field")
    host, port = match.groups()
    return read_host(host), read_port(port) if port else PORTS[secure]
