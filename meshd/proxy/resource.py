"""A tunnel that is asked for as a resource of the API (draft-ietf-httpbis-connect-tcp), said as CONNECT.  Pure.

The path of an exchange is one: what such a client asks for is written as a client of a proxy would say it, and what the
proxy answers as the server of a resource would: 101 for 200, and 401 for 407.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import NamedTuple

from meshd.http1.errors import BadMessage
from meshd.http1.target import AuthorityForm
from meshd.masque.tcp import PATH
from meshd.masque.upgrades import read_variables
from meshd.values.addresses import join_host

Header = tuple[bytes, bytes]

TEMPLATE = PATH.decode() + "{target_host}/{target_port}/"
"""The path of the URI template (RFC 6570)."""

_QUERY = re.compile(rb"proxy=([A-Za-z0-9._-]{1,64})")
_WISH = b"x-proxymesh-"

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NAMES = {b"proxy-authenticate": b"WWW-Authenticate"}
_SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\nCapsule-Protocol: ?1\r\n"


class Wanted(NamedTuple):
    """What a request's target asks for."""

    target: AuthorityForm
    proxy: str
    """The proxy's name; "" for the first one."""


def wanted(target: bytes) -> Wanted:
    """Read the path and query of a request.  Raises: BadMessage(400)."""
    path, mark, query = target.partition(b"?")
    found = _QUERY.fullmatch(query)
    if mark and found is None:
        raise BadMessage(400, "the query may be proxy= and a proxy's name, and nothing else")
    return Wanted(read_variables(path[len(PATH) :]), found[1].decode() if found else "")


def connect(target: AuthorityForm, fields: Iterable[Header]) -> bytes:
    """The head of a CONNECT request; fields: those of the client's request, of which few are passed on."""
    place = join_host(*target).encode()
    lines = [b"CONNECT %b HTTP/1.1" % place, b"Host: %b" % place]
    for name, value in fields:
        lowered = name.lower()
        if lowered == b"authorization":
            lines.append(b"Proxy-Authorization: %b" % value)
        elif lowered.startswith(_WISH):
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])


def switched(token: bytes, head: Iterable[Header]) -> bytes:
    """The head of the answer to a request whose tunnel stands.

    token: the protocol's name, as the client wrote it; head: the fields of the answer to CONNECT, `:status` first.
    """
    return b"%b%b\r\n" % (_SWITCHED % token, b"".join(_lines(head)))


def refused(head: Iterable[Header], body: bytes) -> bytes:
    """The whole answer to a request that is refused, after which the connection ends (RFC 9931).

    head: the fields of the answer to CONNECT, `:status` first.
    """
    status = status_of(head)
    line = b"HTTP/1.1 %d %b\r\nConnection: close\r\n" % (status, _PHRASES.get(status, "Refused").encode())
    return b"%b%b\r\n%b" % (line, b"".join(_lines(head)), body)


def status_of(head: Iterable[Header]) -> int:
    """The status that such a client is told: 101 for a tunnel that stands."""
    status = int(next(value for name, value in head if name == b":status"))
    return {200: 101, 407: 401}.get(status, status)


def _lines(head: Iterable[Header]) -> Iterator[bytes]:
    return (b"%b: %b\r\n" % (_NAMES.get(name, name), value) for name, value in head if name != b":status")
