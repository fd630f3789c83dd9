"""Request targets (RFC 9112 3.2) as a forward proxy reads them, and the Host field beside them.

What two readers could take for two hosts, ports or paths is refused, never repaired; which spellings that concerns
stands in a table of docs/proxy.md.  What has one meaning is read, and written anew where it has a usual spelling:
user information goes no further, an empty port is left out.  Path and query are passed on byte by byte.  Whether a host
may be reached is not decided here, but on its addresses.
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
# For origins: no '#' anywhere, and no '\' in the path, where browsers take it for a '/'.
PATH = rb"/[!\"$->@-\[\]-~]*+"
QUERY = rb"\?[!\"$-~]*+"
# For a proxy, which follows no path: what the client would send the origin itself, but for '#', blanks and controls.
_PATH = rb"/[!\"$->@-~]*+"
_QUERY = rb"\?[!\"$-~]*+"
_ANY_PATH = rb"(?:/[!\"$->@-~\x80-\xff]*+)?+(?:\?[!\"$-~\x80-\xff]*+)?+"
# None of the bytes at which one reader or another ends a host: '@', '/', '?', '#', '\' and brackets.
_USER = rb"([!\"$-.0->A-Z^-~\x80-\xff]*+)@"

_AUTHORITY_FORM = re.compile(HOST + PORT)
_ABSOLUTE_FORM = re.compile(
    rb"(?i:http|ws)://(" + HOST + rb"(?:" + PORT + rb")?+)((?:" + _PATH + rb")?+(?:" + _QUERY + rb")?+)"
)
PATH_AND_QUERY = re.compile(_PATH + rb"(?:" + _QUERY + rb")?+")
_IN_UTF_8 = re.compile(rb"(?i:http|ws)://(" + HOST + rb"(?:" + PORT + rb")?+)(" + _ANY_PATH + rb")")
_LIKE_A_HOST = re.compile(_LABEL + rb"(?:\." + _LABEL + rb"){1,126}+\.?+(?::[0-9]*+)?+")
_WITH_USER = re.compile(rb"((?i:http|ws)://)" + _USER + rb"(.*+)", re.DOTALL)
_WITH_EMPTY_PORT = re.compile(rb"((?i:http|ws)://" + HOST + rb"):((?:[/?].*+)?+)", re.DOTALL)
_ANY_SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*+)://(.*+)", re.DOTALL)
_ONLY_HOST = re.compile(HOST)
_BARE = re.compile(rb"[0-9A-Fa-f:.]{2,45}+")
_HOST_VALUE = re.compile(rb"(?:" + HOST + rb"(?::[0-9]{0,5}+)?+)?+")

_OTHER_SCHEMES = {
    b"https": ("an https:// target has to come through CONNECT", "use CONNECT for https"),
    b"wss": ("a wss:// target has to come through CONNECT", "use CONNECT for wss"),
}
_FORWARDED = ("only http:// targets are forwarded", "")

LONGEST_NAME = 253
"""Characters of a host name (RFC 1035 2.3.4, less the length byte and the root)."""


def read_target(method: bytes, target: bytes, before: Target | None = None) -> Target:
    """Read a request target.

    before: the target of an earlier request of the client; the very same authority is not interpreted again.
    Raises: BadMessage, 400 for a wrong form or spelling, 501 for an unserved scheme.
    """
    if method == b"CONNECT":
        match = _AUTHORITY_FORM.fullmatch(target) or _AUTHORITY_FORM.fullmatch(_usual_authority(target))
        if match is None:
            raise BadMessage(400, _why_no_authority(target))
        host, port = match.groups()
        return AuthorityForm(read_host(host), read_port(port))
    match = _ABSOLUTE_FORM.fullmatch(target) or _unusual(target)
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
    elif not _HOST_VALUE.fullmatch(hosts[0]) and not _HOST_VALUE.fullmatch(_usual_host(hosts[0])):
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


def _usual_authority(target: bytes) -> bytes:
    """The target of a CONNECT with brackets around an IPv6 address, which many clients leave out.

    Only where all of it is no IPv6 address itself: `::1:443` is one, and some readers take another port then.
    """
    address, _, port = target.rpartition(b":")
    return b"[%b]:%b" % (address, port) if _is_ipv6(address) and not _is_ipv6(target) else target


def _unusual(target: bytes) -> re.Match[bytes] | None:
    """The parts of a URL in one of the spellings that clients use beside the usual one; None for any other."""
    return _IN_UTF_8.fullmatch(_usual_url(target)) if _is_utf_8(target) else None


def _is_utf_8(text: bytes) -> bool:
    """Whether these bytes are UTF-8: of any others it depends on the reader which characters they are."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _usual_url(target: bytes) -> bytes:
    """The target without user information, and without the colon of an empty port (RFC 3986, 6.2.3).

    User information that could be a host stays: a reader that stops too early would go there.
    """
    user = _WITH_USER.fullmatch(target)
    if user and not _LIKE_A_HOST.fullmatch(user[2]):
        target = user[1] + user[3]
    empty = _WITH_EMPTY_PORT.fullmatch(target)
    return empty[1] + empty[3] if empty else target


def _usual_host(value: bytes) -> bytes:
    """The value of Host with brackets around an IPv6 address; with or without a port, as it routes nothing."""
    return b"[%b]" % value if _is_ipv6(value) else _usual_authority(value)


def _is_ipv6(text: bytes) -> bool:
    """Whether this is an IPv6 address without brackets and without a zone."""
    if b":" not in text or not _BARE.fullmatch(text):
        return False
    try:
        IPv6Address(text.decode("ascii"))
    except AddressValueError:
        return False
    return True


def _why_no_absolute_form(target: bytes) -> BadMessage:
    scheme = _ANY_SCHEME.fullmatch(target)
    if scheme is None:
        return BadMessage(400, WHAT_THIS_PORT_IS if target[:1] in (b"/", b"*") else "the target is no absolute URL")
    if scheme[1].lower() not in (b"http", b"ws"):
        return BadMessage(501, *_OTHER_SCHEMES.get(scheme[1].lower(), _FORWARDED))
    authority = re.split(rb"[/?#]", scheme[2], maxsplit=1)[0]
    plain = _usual_url(b"http://" + authority)
    if not _ABSOLUTE_FORM.fullmatch(plain):
        return BadMessage(400, _why_no_authority(plain[7:]))
    if b"#" in target:
        return BadMessage(400, "a fragment in the target")
    if not _is_utf_8(target):
        return BadMessage(400, "bytes in the target that are no UTF-8")
    return BadMessage(400, "a byte in the target that a URL may not hold")


def _why_no_authority(authority: bytes) -> str:
    host, colon, port = authority.rpartition(b":")
    if not colon or b"]" in port:
        host, colon = authority, b""
    if not host:
        return "no host in the target"
    if b"\\" in authority:
        return "a backslash in the target's host"
    if b"@" in authority:
        return "user information in the target"
    if not authority.isascii():
        return "a host in the target that is not ASCII"
    if b"%" in authority and b":" in host:
        return "a zone in the target's IPv6 address, which would be an interface of the proxy's host"
    if _is_ipv6(authority) or _is_ipv6(host):
        return "an IPv6 address in the target needs its brackets, as [::1]:443"
    if not _ONLY_HOST.fullmatch(host):
        return "a malformed host in the target"
    return "a malformed port in the target" if colon else "no port in the target"
