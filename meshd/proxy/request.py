"""A proxy request: the meaning of a request head whose grammar has been read."""

from __future__ import annotations

import re

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import NO_BODY, BodyFraming, Length, request_framing
from meshd.http1.grammar import REQUEST_LINE
from meshd.http1.head import RequestHead
from meshd.http1.target import AbsoluteForm, AuthorityForm, check_host, read_target
from meshd.masque.upgrades import CONNECT_UDP, WELL_KNOWN, Upgrade, asked, destination
from meshd.proxy.said import Said, host_in, is_credential

INTERNAL_HOST = "meshd.internal"
"""The host whose requests meshd answers itself, when asked through the proxy."""

ASSOCIATE = b"UDP"
"""The method of a request to pass datagrams on, which has no target: each of them has its own."""

MOST_HOPS = 10**9
"""A higher `Max-Forwards` counts as this (RFC 9110, 7.6.2)."""

ONLY_UPGRADES = "of protocols that are asked for by an upgrade only connect-udp is served: use CONNECT for any other"

_AUTHORITY = len(b"http://")
_HOPS = re.compile(rb"[0-9]{1,20}")
_EMPTY = (NO_BODY, Length(0))
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
_COUNTED = frozenset({b"OPTIONS", b"TRACE"})
_OF_FIELDS = frozenset({b"CONNECT", b"TRACE"})
"""Methods whose fields mean something else, or are shown to the client as they came."""


class ProxyRequest:
    """One request as the proxy understands it."""

    __slots__ = (
        "ends_here",
        "framing",
        "has_body",
        "hops",
        "is_tunnel",
        "keep",
        "method",
        "minor",
        "said",
        "sender",
        "size",
        "target",
        "upgrade",
    )

    def __init__(
        self,
        method: bytes,
        target: AuthorityForm | AbsoluteForm,
        minor: int,
        size: int,
        *,
        framing: BodyFraming,
        said: Said,
        upgrade: Upgrade | None = None,
        sender: int = 0,
    ) -> None:
        """size: bytes of the head.  Raises: BadMessage for a Max-Forwards that is no number."""
        self.method = method
        self.target = target
        self.minor = minor
        self.size = size
        """Bytes of the head."""
        self.framing = framing
        self.has_body = framing is not NO_BODY and framing not in _EMPTY
        self.said = said
        self.upgrade = upgrade
        """The protocol that a tunnel goes on in, where it was asked for by an upgrade; None for any other request."""
        self.sender = sender
        """The port that the client says it will send datagrams from; 0 where it does not know, or sends none."""
        self.hops = _hops(said.fields) if method in _COUNTED else None
        """How many further hops `Max-Forwards` allows; None without that field, or where the method is not counted."""
        self.is_tunnel = is_tunnel = type(target) is AuthorityForm
        self.keep = said.keep and not said.switches and not is_tunnel
        """Whether the client's connection serves another request.

        Never after a request for another protocol: the client may speak that protocol already, and its next bytes be no
        HTTP request (RFC 9931).
        """
        self.ends_here = self.hops == 0 or (target.host == INTERNAL_HOST and not is_tunnel)
        """Whether the proxy itself is asked, and answers."""

    @classmethod
    def from_head(cls, head: RequestHead, buffer: bytes) -> ProxyRequest:
        """Interpret a head; buffer: what head was read from.  Raises: BadMessage for a wrong target or framing."""
        if head.target[:1] == b"/" or WELL_KNOWN in head.target:
            upgrade = _upgrade(head)
            if upgrade is not None:
                place = destination(head, upgrade)
                check_host(head, place)
                said = _for_itself(Said(head.minor, head.fields, _block(head, buffer)))
                name = upgrade.token.upper()  # for the log: by HTTP/2 its method is no GET
                return cls(name, place, head.minor, head.size, framing=NO_BODY, said=said, upgrade=upgrade)
        target = read_target(head.method, head.target)
        check_host(head, target)
        framing = request_framing(head)
        if type(target) is AuthorityForm and framing != NO_BODY:
            raise BadMessage(400, "a CONNECT request has no body")
        said = Said(head.minor, head.fields, _block(head, buffer))
        return cls(head.method, target, head.minor, head.size, framing=framing, said=said)

    def repeated(self, buffer: bytes, longest: int) -> ProxyRequest | None:
        """The next request, if buffer is exactly one head whose field block is the very one of this request, or differs
        from it in the value of Host alone, and the target names that host.  None for any other head, and for one that
        has to be refused.

        The fields were checked with this request; the request line is read as for any other.  longest: bytes of buffer.
        """
        if self.has_body or self.minor != 1 or self.is_tunnel or len(buffer) > longest:
            return None
        line = REQUEST_LINE.match(buffer)
        if line is None:
            return None
        method, target, minor = line.groups()
        if minor != b"1" or method in _OF_FIELDS:
            return None
        block = buffer[line.end() :]
        host = host_in(block) if block != self.said.block else b""
        said = self.said.of_host(block, host) if host and target.startswith(host, _AUTHORITY) else None
        if said is None:
            said, host = self.said.again(block), b""
        if said is None:
            return None
        try:
            read = read_target(method, target, self.target)
            if host and (type(read) is not AbsoluteForm or read.authority != host):
                return None
            return ProxyRequest(method, read, 1, len(buffer), framing=self.framing, said=said)
        except BadMessage:
            return None

    def at(self, path: bytes, said: Said, size: int) -> ProxyRequest:
        """The same request, which has no body, for another path of the same server.

        said: its fields, as `Said.again` gave them; size: bytes of its head.
        """
        assert type(self.target) is AbsoluteForm
        target = self.target._replace(path=path)
        return ProxyRequest(self.method, target, self.minor, size, framing=self.framing, said=said)

    def like(self, size: int, said: Said, /) -> ProxyRequest:
        """The same request in a head of so many bytes; said: its fields, which differ in the credential at most."""
        method, target, framing = self.method, self.target, self.framing
        upgrade, sender = self.upgrade, self.sender
        return ProxyRequest(
            method, target, self.minor, size, framing=framing, said=said, upgrade=upgrade, sender=sender
        )

    @property
    def has_more(self) -> bool:
        """Whether what comes behind the head is this request's own: its body, or what goes through a tunnel."""
        return self.has_body or self.is_tunnel or self.said.switches

    def origin_fields(self, consumed: str) -> list[tuple[bytes, bytes]]:
        """The fields that are forwarded to the origin, `Max-Forwards` one less.  consumed: as in `Said`."""
        fields = self.said.origin_fields(consumed, self.framing)
        if self.hops is None:
            return fields
        left = b"%d" % (self.hops - 1)
        return [(name, left if name.lower() == b"max-forwards" else value) for name, value in fields]

    @property
    def websocket(self) -> bool:
        """Whether this is an upgrade to WebSocket (RFC 6455), the only upgrade that is forwarded."""
        return self.said.websocket and self.method == b"GET" and not self.is_tunnel and not self.has_body

    @property
    def echoed(self) -> bool:
        """Whether an upstream proxy may answer with the request itself (RFC 9110, 7.6.2 and 9.3.8)."""
        method = self.method.upper()
        return method == b"TRACE" or (method == b"OPTIONS" and self.said.fields.get(b"max-forwards") is not None)

    @property
    def idempotent(self) -> bool:
        """Whether to do it twice is to do it once (RFC 9110, 9.2.2)."""
        return self.method in _IDEMPOTENT

    @property
    def safe_to_repeat(self) -> bool:
        """Whether the request may be sent again after a kept connection died, and nothing has to be kept for that."""
        return not self.has_body and self.method in _IDEMPOTENT


def _upgrade(head: RequestHead) -> Upgrade | None:
    """The protocol that is asked for in the place of a request to be forwarded; None for a request that is none such.
    Raises: BadMessage(501) for a protocol that is not served, asked of the proxy itself.
    """
    token = asked(head.fields)
    upgrade = CONNECT_UDP if token == CONNECT_UDP.token else None
    if upgrade is None and head.target[:1] == b"/" and token not in {b"", b"h2c"}:
        raise BadMessage(501, ONLY_UPGRADES)
    return upgrade


def _for_itself(said: Said) -> Said:
    """The same, of a request that goes no further: Authorization is a credential for the proxy there, if it is alone.
    Raises: BadMessage for two.
    """
    own = said.fields.all(b"authorization")
    if len(own) > 1:
        raise BadMessage(400, "two Authorization fields")
    if said.proxy_authorization is None and own and is_credential(own[0]):
        return said.with_credential(said.block, own[0])
    return said


def _block(head: RequestHead, buffer: bytes) -> bytes:
    """The field lines of a head, with the blank line."""
    return buffer[buffer.find(b"\r\n", 2) + 2 : head.size]


def _hops(fields: Fields) -> int | None:
    """The value of Max-Forwards; None where absent.  Raises: BadMessage."""
    said = fields.all(b"max-forwards")
    if not said:
        return None
    if len(said) > 1 or not _HOPS.fullmatch(said[0]):
        raise BadMessage(400, "Max-Forwards has to be one number")
    return min(int(said[0]), MOST_HOPS)
