"""What may be asked for by an upgrade, or by an extended CONNECT (RFC 8441): a protocol and its destination.  Pure.

By HTTP/1.1 such a request is `GET` with the protocol's name in `Upgrade`; by HTTP/2 `CONNECT` with that name in
`:protocol`, which `http2.requests` writes as HTTP/1.1 has it.  So there is one reader for both.  Which of them a
listener serves is its own matter.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import NO_BODY, request_framing
from meshd.http1.head import RequestHead
from meshd.http1.keep import options
from meshd.http1.target import HOST, PORT, AuthorityForm, read_host, read_port


class Upgrade(NamedTuple):
    """A protocol that a connection may go on in."""

    token: bytes
    """Its name, in lower case."""
    path: bytes
    """What the paths of its requests begin with; a host and a port follow, each with a slash behind it."""


WELL_KNOWN = b"/.well-known/masque/"
"""What the paths of all of them begin with."""

CONNECT_UDP = Upgrade(b"connect-udp", WELL_KNOWN + b"udp/")
"""Datagrams of UDP, in capsules (RFC 9298)."""

_SCHEME_AND_AUTHORITY = re.compile(rb"(?i:https?)://[!\"$-.0->A-\[\]-~]++(?=/)")
_VARIABLES = re.compile(rb"([^/?#]++)/([^/?#]++)/")
_ESCAPES = re.compile(rb"(?:[^%]|%[0-9A-Fa-f]{2})*+")
_ONLY_HOST = re.compile(HOST)
_ONLY_PORT = re.compile(PORT)


def asked(fields: Fields) -> bytes:
    """What the fields ask for: the value of Upgrade in lower case; b"" for nothing.  Raises: BadMessage."""
    names = fields.all(b"upgrade")
    return b",".join(names).lower() if names and b"upgrade" in options(fields) else b""


def path_of(target: bytes) -> bytes:
    """The path of a target that is one, or a URL with one; b"" for another form.

    Whose authority a URL has is not looked at: clients write the proxy's own there, by whatever name they know it.
    """
    url = _SCHEME_AND_AUTHORITY.match(target)
    if url is not None:
        return target[url.end() :]
    return target if target[:1] == b"/" else b""


def destination(head: RequestHead, upgrade: Upgrade) -> AuthorityForm:
    """Where a request for that protocol leads.  Raises: BadMessage(400) where it is malformed (RFC 9298, 3.2)."""
    if head.method != b"GET" or head.minor != 1:
        raise BadMessage(400, "an upgrade is asked for by GET and HTTP/1.1")
    if not head.fields.all(b"host"):
        raise BadMessage(400, "no Host field")
    if request_framing(head) != NO_BODY:
        raise BadMessage(400, "a body with an upgrade")
    path = path_of(head.target)
    if not path.startswith(upgrade.path):
        raise BadMessage(400, f"the path of such a request begins with {upgrade.path.decode()}")
    return read_variables(path[len(upgrade.path) :])


def read_variables(path: bytes) -> AuthorityForm:
    """The host and the port of `{target_host}/{target_port}/`.  Raises: BadMessage(400)."""
    match = _VARIABLES.fullmatch(path)
    if match is None:
        raise BadMessage(400, "the path does not end in a host and a port, each with a slash behind it")
    host, port = (_decoded(value) for value in match.groups())
    if b":" in host:
        if host[:1] == b"[":
            raise BadMessage(400, "brackets around the IPv6 address in the path")
        host = b"[%b]" % host
    if not _ONLY_HOST.fullmatch(host):
        raise BadMessage(400, "a malformed host in the path")
    if not _ONLY_PORT.fullmatch(b":" + port):
        raise BadMessage(400, "a malformed port in the path")
    return AuthorityForm(read_host(host), read_port(port))


def _decoded(value: bytes) -> bytes:
    """The value with its escapes decoded, once.  Raises: BadMessage(400)."""
    if not _ESCAPES.fullmatch(value):
        raise BadMessage(400, "a malformed escape in the path")
    return unquote_to_bytes(value)
