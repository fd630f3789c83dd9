"""Asking an upstream proxy for a tunnel: HTTP CONNECT (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928, 1929), without a socket.

A handshake is fed the bytes that came and gives the bytes to send.  The upstream proxy resolves names itself.  The text
of its answers is never passed on to a client.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Protocol

from meshd.http1.errors import BadMessage
from meshd.http1.head import read_response
from meshd.socks5 import IPV4, IPV6, NAME
from meshd.topology import Exit, UpstreamProxy
from meshd.values.addresses import join_host, parse_ip

HEAD_BYTES = 16 * 1024
"""Bytes of the head of an answer to CONNECT, which is short."""

_REFUSED_US = frozenset({401, 402, 407, 429})
"""Statuses that concern us and not the destination: wrong credentials, an unpaid bill, too many requests."""


class Refused(Exception):
    """The upstream proxy opens no tunnel."""

    def __init__(self, reason: str, *, own_fault: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        """The refusal's reason, a key of `proxy.replies`."""
        self.own_fault = own_fault
        """Whether the upstream proxy would refuse every destination."""


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
        self._buffer += data
        try:
            head = read_response(self._buffer, HEAD_BYTES)
            while head is not None and 100 <= head.status < 200 and head.status != 101:
                self._buffer = self._buffer[head.size :]
                head = read_response(self._buffer, HEAD_BYTES) if self._buffer else None
        except BadMessage:
            raise Refused("exit-failed", own_fault=True) from None
        if head is None:
            return b""
        if not 200 <= head.status < 300:
            ours = head.status in _REFUSED_US
            raise Refused("exit-failed" if ours else "exit-refused", own_fault=ours)
        self.done, self.rest = True, self._buffer[head.size :]
        return b""


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
        raise Refused("exit-failed", own_fault=True)

    def _authenticated(self) -> bytes | None:
        answer = self._take(2)
        if answer is None:
            return None
        if answer[1] != 0:
            raise Refused("exit-failed", own_fault=True)
        self._stage = self._connected
        return self._request()

    def _request(self) -> bytes:
        self.asked = True
        return b"\x05\x01\x00" + _address(self._host) + self._port.to_bytes(2, "big")

    def _connected(self) -> bytes | None:
        """Read the reply to CONNECT, whose length depends on the address type and, for a name, on its fifth byte."""
        if len(self._buffer) < 5:
            return None
        version, reply, _, kind, first = self._buffer[:5]
        if version != 5:
            raise Refused("exit-failed", own_fault=True)
        if reply != 0:
            reason, own_fault = _SOCKS_REPLIES.get(reply, ("exit-refused", False))
            raise Refused(reason, own_fault=own_fault)
        size = {IPV4: 4, IPV6: 16, NAME: 1 + first}.get(kind)
        if size is None:
            raise Refused("exit-failed", own_fault=True)
        if self._take(4 + size + 2) is None:
            return None
        self.done, self.rest, self._buffer = True, self._buffer, b""
        return b""


def _address(host: str) -> bytes:
    """ATYP and address, as RFC 1928, section 5 has them."""
    address = parse_ip(host)
    if address is None:
        name = host.encode("ascii")
        return bytes([NAME, len(name)]) + name
    return bytes([IPV4 if address.version == 4 else IPV6]) + address.packed
