"""Request targets (RFC 9112 3.2) as a forward proxy reads them, and the Host field beside them.

One spelling is accepted for each thing: what two readers of a URL could take for two hosts is refused, never repaired.
Whether a host may be reached is not decided here, but on its addresses.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from meshd.http1.errors import BadMessage
from meshd.http1.head import RequestHead


class AuthorityForm(NamedTuple):
    """`CONNECT host:port`.  A tuple, as one is made for every request."""

    host: str
    """Lower case, no final dot, an IPv6 address in its short form and without brackets."""
    port: int


class AbsoluteForm(NamedTuple):
    """`GET http://host/path`."""

    scheme: str
    """Always "http", of which ws:// is another name (RFC 6455, 4.1): some clients ask so for an upgrade."""
    host: str
    """Spelled as in AuthorityForm."""
    port: int
    path: bytes
    """The target for the origin: path and query, or `*` (RFC 9112 3.2.4)."""
    authority: bytes
    """The authority as it was written, for the Host field that the origin is sent."""


Target = AuthorityForm | AbsoluteForm

LOOPBACK = ("::1", "127.0.0.1")
"""The addresses of localhost and the names under it (RFC 6761, 6.3)."""

WHAT_THIS_PORT_IS = "this port is an HTTP proxy: send CONNECT host:port, or a target that begins with http://"

# Every repeat is possessive, as in `grammar`; a name of the longest permitted length has at most 127 labels.
# Registered names as DNS has them (RFC 1035, with the underscore that is in use), or an IP literal.
_LABEL = rb"[A-Za-z0-9_-]{1,63}+"
HOST = rb"(" + _LABEL + rb"(?:\." + _LABEL + rb"){0,126}+\.?+|\[[0-9A-Fa-f:.]{2,45}+\])"
PORT = rb":([1-9][0-9]{0,4}+)"
# No '#' anywhere, and no '\' in the path, where browsers take it for a '/'.
PATH = rb"/[!\"$->@-\[\]-~]*+"
QUERY = rb"\?[!\"$-~]*+"

_AUTHORITY_FORM = re.compile(HOST + PORT)
_ABSOLUTE_FORM = re.compile(
    rb"(?i:http|ws)://(" + HOST + rb"(?:" + PORT + rb")?+)((?:" + PATH + rb")?+(?:" + QUERY + rb")?+)"
)
_ANY_SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*+)://(.*+)", re.DOTALL)
_ONLY_HOST = re.compile(HOST)
_HOST_VALUE = re.compile(rb"(?:" + HOST + rb"(?::[0-9]{0,5}+)?+)?+")

_OTHER_SCHEMES = {
    b"https": "an https:// target has to come through CONNECT",
    b"wss": "a wss:// target has to come through CONNECT",
}

LONGEST_NAME = 253
"""Characters of a host name (RFC 1035 2.3.4, less the length byte and the root)."""


def read_target(method: bytes, target: bytes, before: Target | None = None) -> Target:
    """Read a request target.

    before: the target of an earlier request of the client; the very same authority is not interpreted again.
    Raises: BadMessage, 400 for a wrong form or spelling, 501 for an unserved scheme.
    """
    if method == b"CONNECT":
        match = _AUTHORITY_FORM.fullmatch(target)
        if match is None:
            raise BadMessage(400, _why_no_authority(target))
        host, port = match.groups()
        return AuthorityForm(read_host(host), read_port(port))
    match = _ABSOLUTE_FORM.fullmatch(target)
    if match is None:
        raise _why_no_absolute_form(target)
    authority, host, port, path = match.groups()
    if path[:1] != b"/":
        path = b"*" if method == b"OPTIONS" and not path else b"/" + path
    if type(before) is AbsoluteForm and authority == before.authority:
        return AbsoluteForm("http", before.host, before.port, path, authority)
    return AbsoluteForm("http", read_host(host), read_port(port) if port else 80, path, authority)


def check_host(head: RequestHead, target: Target) -> None:
    """Raise BadMessage(400) where the Host field breaks RFC 9112 3.2: where it is doubled, malformed, or missing.

    Host may be missing in HTTP/1.0, and on CONNECT, since Python's own clients send none there.  Host need not agree
    with the target: the target wins (RFC 9112 3.2.2) and the origin is sent a Host made from the target.
    """
    hosts = head.fields.all(b"host")
    if len(hosts) > 1:
        raise BadMessage(400, "two Host fields")
    if not hosts:
        if head.minor == 1 and isinstance(target, AbsoluteForm):
            raise BadMessage(400, "no Host field")
    elif not _HOST_VALUE.fullmatch(hosts[0]):
        raise BadMessage(400, "a malformed Host field")


def read_host(host: bytes) -> str:
    if host[:1] == b"[":
        try:
            return str(IPv6Address(host[1:-1].decode("ascii")))
        except AddressValueError:
            raise BadMessage(400, "a malformed IPv6 address in the target") from None
    name = host.decode("ascii").lower().removesuffix(".")
    if len(name) > LONGEST_NAME:
        raise BadMessage(400, "the host name in the target is too long")
    return name


def read_port(port: bytes) -> int:
    number = int(port)
    if number > 65535:
        raise BadMessage(400, "the port in the target is above 65535")
    return number


def _why_no_absolute_form(target: bytes) -> BadMessage:
    scheme = _ANY_SCHEME.fullmatch(target)
    if scheme is None:
        return BadMessage(400, WHAT_THIS_PORT_IS if target[:1] in (b"/", b"*") else "the target is no absolute URL")
    if scheme[1].lower() not in (b"http", b"ws"):
        return BadMessage(501, _OTHER_SCHEMES.get(scheme[1].lower(), "only http:// targets are forwarded"))
    authority = re.split(rb"[/?#]", scheme[2], maxsplit=1)[0]
    if not _ABSOLUTE_FORM.fullmatch(b"http://" + authority):
        return BadMessage(400, _why_no_authority(authority))
    if b"#" in target:
        return BadMessage(400, "a fragment in the target")
    return BadMessage(400, "a byte in the target that a URL may not hold")


def _why_no_authority(authority: bytes) -> str:
    host, colon, port = authority.rpartition(b":")
    if not colon or b"]" in port:
        host, colon = authority, b""
    if not host:
        return "no host in the target"
    if b"@" in authority:
        return "user information in the target"
    if not authority.isascii():
        return "a host in the target that is not ASCII"
    if not _ONLY_HOST.fullmatch(host):
        return "a malformed host in the target"
    return "a malformed port in the target" if colon else "no port in the target"
