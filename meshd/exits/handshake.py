"""Asking an upstream proxy for a tunnel: HTTP CONNECT (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928, 1929), without a socket.

A handshake is fed the bytes that came and gives the bytes to send.  The upstream proxy resolves names itself.  The text
of its answers is never passed on to a client.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Protocol

from meshd.socks5 import CONNECT, IPV4, IPV6, NAME, UDP_ASSOCIATE, address_width
from meshd.topology import Exit, UpstreamProxy
from meshd.values.addresses import join_host, parse_ip

HEAD_BYTES = 64 * 1024
"""Bytes of the head of an answer to CONNECT: some send a page's worth of fields."""

REFUSED_US: Mapping[int, str] = MappingProxyType(
    {401: "exit-password", 402: "exit-unpaid", 407: "exit-password", 429: "exit-too-many"}
)
"""Causes by statuses that concern us and not the destination: wrong credentials, an unpaid bill, too many requests."""

# Only the status and the end of an answer to CONNECT mean anything, and hand-made ones abound: line ends of one LF,
# empty lines before the answer, lines that are no fields.
_STATUS = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]++([1-9][0-9]{2})(?![^ \t\r\n])[^\n]*+\n")
_END = re.compile(rb"\n\r?\n")


class Refused(Exception):
    """The upstream proxy opens no tunnel."""

    def __init__(self, reason: str, *, own_fault: bool, cause: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        """The refusal's reason, a key of `proxy.replies`."""
        self.own_fault = own_fault
        """Whether the upstream proxy would refuse every destination."""
        self.cause = cause or reason
        """The same as the operator may see it, who may know more of an exit than a client."""


class Handshake(Protocol):
    """What is said with an upstream proxy until the tunnel stands."""

    done: bool
    rest: bytes
    """Bytes that came after the end of the handshake: the destination's."""
    asked: bool
    """Whether the destination was asked for: from then on the destination may cause a delay or an end."""

    def begin(self) -> bytes:
        """The bytes to send first."""

    def feed(self, data: bytes) -> bytes:
        """Read the bytes that came, and give the bytes to send next; b"" for none.  Raises: Refused."""


def handshake(exit_: Exit, host: str, port: int) -> Handshake:
    """The handshake for a tunnel to host (a name, or an address without brackets) by an exit with an upstream proxy."""
    assert exit_.upstream is not None
    kind = SocksHandshake if exit_.kind == "socks5" else ConnectHandshake
    return kind(exit_.upstream, host, port)


def authorization(upstream: UpstreamProxy) -> bytes:
    """The value of `Proxy-Authorization` for an upstream proxy; b"" where the settings have no credentials for it."""
    if not upstream.username and not upstream.password:
        return b""
    return b"Basic " + b64encode(f"{upstream.username}:{upstream.password}".encode())


class ConnectHandshake:
    def __init__(self, upstream: UpstreamProxy, host: str, port: int) -> None:
        self._authority = join_host(host, port)
        self._authorization = authorization(upstream)
        self._buffer = b""
        self.asked = self.done = False
        self.rest = b""

    def begin(self) -> bytes:
        self.asked = True
        credential = b"Proxy-Authorization: %b\r\n" % self._authorization if self._authorization else b""
        authority = self._authority.encode("ascii")
        return b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (authority, authority, credential)

    def feed(self, data: bytes) -> bytes:
        self._buffer = (self._buffer + data).lstrip(b"\r\n") if not self._buffer else self._buffer + data
        while self._buffer and not self.done:
            status, size = _answer(self._buffer)
            if not size:
                if len(self._buffer) >= HEAD_BYTES:
                    raise Refused("exit-failed", own_fault=True, cause="exit-head")
                break
            self._buffer = self._buffer[size:]
            if not 100 <= status < 200 or status == 101:
                self._judge(status)
            else:
                self._buffer = self._buffer.lstrip(b"\r\n")
        return b""

    def _judge(self, status: int) -> None:
        if not 200 <= status < 300:
            cause = REFUSED_US.get(status, "")
            raise Refused("exit-failed" if cause else "exit-refused", own_fault=bool(cause), cause=cause)
        self.done, self.rest = True, self._buffer


def _answer(buffer: bytes) -> tuple[int, int]:
    """The status of an answer's head and the bytes of that head, 0 while it is unfinished.  Raises: Refused."""
    if not b"HTTP/".startswith(buffer[:5]):
        raise Refused("exit-failed", own_fault=True, cause=_spoken(buffer))
    end = _END.search(buffer, 0, HEAD_BYTES)
    line = _STATUS.match(buffer)
    if line is None:
        if b"\n" in buffer:
            raise Refused("exit-failed", own_fault=True, cause="exit-head")
        return 0, 0
    return int(line[1]), end.end() if end is not None else 0


def _spoken(buffer: bytes) -> str:
    """The cause that tells what is spoken where HTTP was expected."""
    if buffer[:1] in (b"\x00", b"\x04", b"\x05"):
        return "exit-speaks-socks"
    return "exit-speaks-tls" if buffer[:1] in (b"\x15", b"\x16") else "exit-head"


_NO_METHOD, _NO_AUTHENTICATION, _BY_PASSWORD = 0xFF, 0x00, 0x02

_SOCKS_REPLIES = {
    2: ("exit-refused", False),
    3: ("unreachable", False),
    4: ("unreachable", False),
    5: ("connection-refused", False),
    6: ("connection-timeout", False),
    7: ("exit-failed", True),
    8: ("exit-refused", False),
}
"""REP of RFC 1928, section 6, to a reason and `own_fault`.  8, an unknown address type, depends on the request."""


class SocksHandshake:
    command = CONNECT

    def __init__(self, upstream: UpstreamProxy, host: str, port: int) -> None:
        self._upstream = upstream
        self._host = host
        self._port = port
        self._buffer = b""
        self._stage = self._method_chosen
        self.asked = self.done = False
        self.rest = b""

    def begin(self) -> bytes:
        password = bool(self._upstream.username or self._upstream.password)
        return bytes([5, 2, _NO_AUTHENTICATION, _BY_PASSWORD] if password else [5, 1, _NO_AUTHENTICATION])

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        said = b""
        while not self.done and (more := self._stage()) is not None:
            said += more
        return said

    def _take(self, size: int) -> bytes | None:
        if len(self._buffer) < size:
            return None
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _method_chosen(self) -> bytes | None:
        chosen = self._take(2)
        if chosen is None:
            return None
        if chosen == bytes([5, _NO_AUTHENTICATION]):
            self._stage = self._connected
            return self._request()
        if chosen == bytes([5, _BY_PASSWORD]) and (self._upstream.username or self._upstream.password):
            self._stage = self._authenticated
            user, password = self._upstream.username.encode(), self._upstream.password.encode()
            return bytes([1, len(user)]) + user + bytes([len(password)]) + password
        raise Refused("exit-failed", own_fault=True, cause=_not_socks(chosen))

    def _authenticated(self) -> bytes | None:
        answer = self._take(2)
        if answer is None:
            return None
        if answer[1] != 0:
            raise Refused("exit-failed", own_fault=True, cause="exit-password")
        self._stage = self._connected
        return self._request()

    def _request(self) -> bytes:
        self.asked = True
        return b"\x05%c\x00%b%b" % (self.command, _address(self._host), self._port.to_bytes(2, "big"))

    def _connected(self) -> bytes | None:
        """Read the reply, whose length depends on the type of address and, of a name, on its fifth byte."""
        if len(self._buffer) < 5:
            return None
        version, reply, _, kind, first = self._buffer[:5]
        if version != 5:
            raise Refused("exit-failed", own_fault=True, cause="exit-head")
        if reply != 0:
            raise self._refused(reply)
        size = address_width(kind, first)
        if size is None:
            raise Refused("exit-failed", own_fault=True, cause="exit-head")
        bound = self._take(4 + size + 2)
        if bound is None:
            return None
        self._bound(bound[3:])
        self.done, self.rest, self._buffer = True, self._buffer, b""
        return b""

    def _refused(self, reply: int) -> Refused:
        reason, own_fault = _SOCKS_REPLIES.get(reply, ("exit-refused", False))
        return Refused(reason, own_fault=own_fault)

    def _bound(self, place: bytes) -> None:
        """Do nothing: which address the upstream proxy connects from is nobody's business here."""


class AssociateHandshake(SocksHandshake):
    """Asks for datagrams to be passed on (RFC 1928, 4: UDP ASSOCIATE)."""

    command = UDP_ASSOCIATE

    def __init__(self, upstream: UpstreamProxy) -> None:
        super().__init__(upstream, "0.0.0.0", 0)  # noqa: S104 (no address to bind to: we are behind NAT, for all we know)
        self.address = ""
        """Where datagrams are to be sent; "" for the address of the upstream proxy itself."""
        self.port = 0

    def _refused(self, reply: int) -> Refused:
        """Say that it passes no datagrams on, which says nothing of its connections."""
        return Refused("exit-refused", own_fault=False, cause="exit-no-datagrams")

    def _bound(self, place: bytes) -> None:
        if place[0] == NAME:
            raise Refused("exit-failed", own_fault=True, cause="exit-head")
        address = ip_address(place[1:-2])
        self.address = "" if address.is_unspecified else str(address)
        self.port = int.from_bytes(place[-2:], "big")
        if not self.port:
            raise self._refused(0)


def _not_socks(chosen: bytes) -> str:
    """The cause that tells why the answer to a greeting is none that will do."""
    if chosen[:1] == b"\x05":
        return "exit-password" if chosen[1] == _NO_METHOD or chosen[1] == _BY_PASSWORD else "exit-head"
    if chosen == b"HT":
        return "exit-speaks-http"
    return "exit-speaks-tls" if chosen[:1] in (b"\x15", b"\x16") else "exit-head"


def _address(host: str) -> bytes:
    """ATYP and address, as RFC 1928, section 5 has them."""
    address = parse_ip(host)
    if address is None:
        name = host.encode("ascii")
        return bytes([NAME, len(name)]) + name
    return bytes([IPV4 if address.version == 4 else IPV6]) + address.packed
