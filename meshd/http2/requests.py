"""A request of HTTP/2 as HTTP/1.1 says it: what is malformed (RFC 9113, 8.1.1) is told from what can be refused.  Pure.

The path of an exchange is one, whatever carries it.  So a request that is well-formed is written as HTTP/1.1 would have
it, and is judged, refused and counted as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from meshd.http1.framing import LONGEST_LENGTH
from meshd.http1.grammar import LONGEST_METHOD, TEXT

Header = tuple[bytes, bytes]

LENGTH = b"content-length"

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]++")
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[" + TEXT + rb"]*+(?<![ \t]))?)?+")
_METHOD = re.compile(rb"[!#$%%&'*+\-.^_`|~0-9A-Za-z]{1,%d}+" % LONGEST_METHOD)
_WORD = re.compile(rb"[!-~\x80-\xff]++")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}+")
PROTOCOL = b":protocol"
_PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path", PROTOCOL})
_CREDENTIALS = frozenset({b"proxy-authorization", b"authorization"})
OF_A_CONNECTION = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
"""Fields that no message of HTTP/2 has (RFC 9113, 8.2.2)."""


class Malformed(Exception):
    """The request breaks RFC 9113: its stream is to be reset, and nothing of it is served."""


@dataclass(slots=True)
class Asked:
    """A well-formed request.  Not frozen, which would double the time to make one."""

    method: bytes
    head: bytes
    """Of HTTP/1.1."""
    length: int | None
    """Bytes of the body, where the request tells; else None."""
    chunked: bool
    """Whether the body is to be written in chunks."""
    identity: bytes = b""
    """The fields by which it is known who is asking, each as it was written; none are an identity too.  Of a tunnel it
    is not kept, as no other request goes by its connection.
    """
    origin: bytes = b""
    """What is asked of whom: the method and the target, without its path."""
    upgraded: bool = False
    """Whether it is an extended CONNECT, which HTTP/1.1 asks for by an upgrade (RFC 8441, 4)."""

    @property
    def is_tunnel(self) -> bool:
        return self.method == b"CONNECT"


class Requests:
    """Reads the requests of a session, of which most are like the one before but for their paths."""

    __slots__ = ("_asked", "_at", "_ended", "_fields", "_lead", "_rest")

    def __init__(self) -> None:
        self._fields: list[Header] = []
        """Of the last request that may be repeated; none where there is none."""
        self._asked: Asked | None = None
        self._ended = False
        self._at = 0
        """Where its path is among them."""
        self._lead = self._rest = b""
        """Its head before its path, and behind it."""

    def read(self, headers: list[Header], *, ended: bool, extended: bool = False) -> Asked:
        """As `read` does, in fewer steps for a request that repeats the last one.  Raises: Malformed."""
        asked, at = self._asked, self._at
        if asked is not None and len(headers) == len(self._fields) and ended == self._ended:
            name, path = headers[at]
            if name == b":path" and path[:1] == b"/" and _WORD.fullmatch(path):
                headers[at] = self._fields[at]
                same = headers == self._fields
                headers[at] = (name, path)
                if same:
                    head = self._lead + path + self._rest
                    identity, origin = asked.identity, asked.origin
                    return Asked(asked.method, head, asked.length, asked.chunked, identity=identity, origin=origin)
        asked = read(headers, ended=ended, extended=extended)
        self._note(headers, asked, ended=ended)
        return asked

    def _note(self, headers: list[Header], asked: Asked, *, ended: bool) -> None:
        """Remember a request, unless it is a tunnel's or has no path as usual."""
        places = [at for at, (name, path) in enumerate(headers) if name == b":path" and path[:1] == b"/"]
        self._asked = asked if places and not asked.is_tunnel else None
        if self._asked is not None:
            self._fields, self._at, self._ended = list(headers), places[0], ended
            line = asked.head.index(b"\r\n")
            self._rest = asked.head[line - len(b" HTTP/1.1") :]
            self._lead = asked.head[: line - len(b" HTTP/1.1") - len(headers[places[0]][1])]


def read(headers: Iterable[Header], *, ended: bool, extended: bool = False) -> Asked:
    """The request of a header block.

    ended: whether no body follows; extended: whether extended CONNECT was offered to the client.  Raises: Malformed.
    """
    pseudo, fields = _split(headers)
    method = pseudo.get(b":method", b"")
    if not _METHOD.fullmatch(method):
        raise Malformed("no method")
    protocol = pseudo.get(PROTOCOL)
    if protocol is not None and not (extended and method == b"CONNECT" and _TOKEN.fullmatch(protocol)):
        raise Malformed("a protocol that is none, or that may not be asked for")
    target = _target(method, pseudo)
    authority = pseudo[b":authority"]
    if any(name == b"host" and value != authority for name, value in fields):
        raise Malformed("Host is not the authority")  # RFC 9113, 8.3.1
    length = _length(fields)
    if method == b"CONNECT" and (ended or length is not None):
        raise Malformed("a CONNECT request that has ended, or tells a length")
    if ended and length:
        raise Malformed("a body is told of, and none follows")
    chunked = not ended and length is None and method != b"CONNECT"
    if protocol is None:
        lines = [b"%b %b HTTP/1.1" % (method, target), b"host: " + authority]
    else:
        upgrade = [b"connection: upgrade", b"upgrade: " + protocol]
        lines = [b"GET %b HTTP/1.1" % target, b"host: " + authority, *upgrade]
    lines += [b"%b: %b" % pair for pair in _passed_on(fields)]
    lines += [b"transfer-encoding: chunked"] if chunked else []
    credentials = [b"%b: %b" % pair for pair in fields if pair[0] in _CREDENTIALS] if method != b"CONNECT" else []
    return Asked(
        method,
        b"\r\n".join([*lines, b"", b""]),
        length,
        chunked,
        identity=b"\n".join(credentials),
        origin=b"%b %b" % (method, authority) if method != b"CONNECT" else b"",
        upgraded=protocol is not None,
    )


def trailers(headers: Iterable[Header]) -> list[Header]:
    """The fields behind a body.  Raises: Malformed."""
    pseudo, fields = _split(headers)
    if pseudo:
        raise Malformed("a pseudo-header field behind the body")
    return fields


def _split(headers: Iterable[Header]) -> tuple[dict[bytes, bytes], list[Header]]:
    """Pseudo-header fields, and the others, each of them right by itself.  Raises: Malformed."""
    pseudo: dict[bytes, bytes] = {}
    fields: list[Header] = []
    for name, value in headers:
        if not _VALUE.fullmatch(value):
            raise Malformed("a byte that no value has")
        if name[:1] == b":":
            behind = bool(fields) and name != PROTOCOL  # libcurl 8.23 puts this one behind its credential
            if behind or name in pseudo or name not in _PSEUDO:
                raise Malformed("a pseudo-header field too many, unknown, or behind others")
            pseudo[name] = value
            continue
        if not _NAME.fullmatch(name) or name in OF_A_CONNECTION or name == b"http2-settings":
            raise Malformed("a field that HTTP/2 does not have")
        if name == b"te" and value != b"trailers":
            raise Malformed("a TE of HTTP/1.1")
        fields.append((name, value))
    return pseudo, fields


def _target(method: bytes, pseudo: dict[bytes, bytes]) -> bytes:
    """The target, as a proxy is told it by HTTP/1.1.  Raises: Malformed."""
    authority, scheme, path = (pseudo.get(name) for name in (b":authority", b":scheme", b":path"))
    if authority is None or not _WORD.fullmatch(authority) or b"@" in authority:
        raise Malformed("no authority, or one with user information")
    if method == b"CONNECT" and PROTOCOL not in pseudo:
        if scheme is not None or path is not None:
            raise Malformed("CONNECT with a scheme or a path")  # RFC 9113, 8.5
        return authority
    if scheme is None or not _WORD.fullmatch(scheme) or path is None or not _WORD.fullmatch(path):
        raise Malformed("no scheme or no path")
    if path == b"*" and method == b"OPTIONS":
        path = b""
    elif path[:1] != b"/":
        raise Malformed("a path that does not begin with a slash")
    if PROTOCOL in pseudo:
        return path
    return b"%b://%b%b" % (scheme, authority, path)


def _length(fields: list[Header]) -> int | None:
    """What Content-Length says; None where it is absent.  Raises: Malformed."""
    said = [value for name, value in fields if name == LENGTH]
    if not said:
        return None
    if len(said) > 1 or not said[0].isdigit() or len(said[0]) > LONGEST_LENGTH:
        raise Malformed("a malformed Content-Length")
    return int(said[0])


def _passed_on(fields: list[Header]) -> list[Header]:
    """All but Host, which is written from the authority, and TE; crumbs of cookies as one (RFC 9113, 8.2.3)."""
    crumbs = [value for name, value in fields if name == b"cookie"]
    others = [pair for pair in fields if pair[0] not in {b"host", b"te", b"cookie"}]
    return [*others, (b"cookie", b"; ".join(crumbs))] if crumbs else others
