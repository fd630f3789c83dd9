"""A proxy request: what a head means once its grammar has been read."""

from __future__ import annotations

import re
from functools import lru_cache

from meshd.auth.credentials import own_token
from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import BodyFraming, Length, NoBody, request_framing
from meshd.http1.grammar import REQUEST_LINE
from meshd.http1.head import RequestHead
from meshd.http1.keep import end_to_end, keeps_alive, options
from meshd.http1.target import AbsoluteForm, AuthorityForm, check_host, read_target
from meshd.selection import EXIT_NAME, NONE, Selection, country_code, plain

INTERNAL_HOST = "meshd.internal"
"""Asked for through the proxy, answered by meshd itself."""

SHORT = 256
"""Bytes of all wishes of a request that are understood once for many: 1 MB of them at most."""

MOST_NAMES = 100
"""Exits that X-ProxyMesh-Not-IP may name, over all its lines: to read that many addresses takes half a millisecond."""

MOST_HOPS = 10**9
"""More of `Max-Forwards` is not counted (RFC 9110, 7.6.2)."""

_HOPS = re.compile(rb"[0-9]{1,20}")
_SECONDS = re.compile(r"[0-9]{1,5}")
_COUNTRY = re.compile(r"[A-Z]{2}")
NO_BODY = NoBody()
_EMPTY = (NO_BODY, Length(0))
_NOTHING = (NONE, 0)
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
_COUNTED = frozenset({b"OPTIONS", b"TRACE"})
_OURS = (b"proxy-", b"x-proxymesh-")
_REGENERATED = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade"})


class Said:
    """What a client's fields say, whatever the request line above them.

    Clients say the same again and again on one connection, so it is worked out once and kept for as long as they do.
    At once only what decides who is asking and how he is told no: the rest is read when somebody is known.
    """

    __slots__ = (
        "_origin_fields",
        "_wishes",
        "authorization",
        "block",
        "fields",
        "keep",
        "proxy_authorization",
        "switches",
        "websocket",
    )

    def __init__(self, minor: int, fields: Fields, block: bytes) -> None:
        """block: the field lines with the blank line, as they came.  BadMessage where two fields could say who asks."""
        self.block = block
        self.fields = fields
        self.keep = keeps_alive(minor, fields)
        self.proxy_authorization = _one(fields, b"proxy-authorization", "Proxy-Authorization")
        self.authorization = fields.get(b"authorization") if self.proxy_authorization is not None else _origins(fields)
        self._wishes: tuple[Selection, int] | None = None
        wanted = _upgrade(fields) if minor == 1 else b""
        self.websocket = wanted == b"websocket"
        """Whether they ask for an upgrade to WebSocket."""
        self.switches = wanted not in {b"", b"h2c"}  # whose clients wait for the 101, and may well never see one
        """Whether they ask for another protocol."""
        self._origin_fields: dict[str, list[tuple[bytes, bytes]]] = {}

    def wishes(self) -> tuple[Selection, int]:
        """What is asked for of the exit, and the seconds that the client wants to wait for connecting and for the first
        byte, 0 for no wish.  Read when it is asked for, since nobody pays for what a stranger wishes.

        Raises: BadMessage where a field of ours is there twice, or names too many.
        """
        if self._wishes is None:
            fields = self.fields
            if b"x-proxymesh-" in self.block.lower():  # in a name, if not in a value
                seconds = _seconds(_one(fields, b"x-proxymesh-timeout", "X-ProxyMesh-Timeout"))
                self._wishes = _selection(fields), seconds
            else:
                self._wishes = _NOTHING
        return self._wishes

    def origin_fields(self, consumed: str) -> list[tuple[bytes, bytes]]:
        """The fields that the origin gets besides those that are written anew; not to be changed.

        consumed: "authorization" where that field carried our credential.
        """
        known = self._origin_fields.get(consumed)
        if known is None:
            ours = consumed == "authorization" or any(map(own_token, self.fields.all(b"authorization")))
            drop = _REGENERATED | {b"authorization"} if ours else _REGENERATED
            known = self._origin_fields[consumed] = end_to_end(self.fields, drop, _OURS)
        return known


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
        "size",
        "target",
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
    ) -> None:
        """BadMessage for a Max-Forwards that is no number."""
        self.method = method
        self.target = target
        self.minor = minor
        self.size = size
        """Bytes of the head."""
        self.framing = framing
        self.has_body = framing is not NO_BODY and framing not in _EMPTY
        self.said = said
        self.hops = _hops(said.fields) if method in _COUNTED else None
        """By how many others it may be passed on (`Max-Forwards`), where it says so and has such a method."""
        self.is_tunnel = is_tunnel = type(target) is AuthorityForm
        self.keep = said.keep and not said.switches and not is_tunnel
        """Whether the client's connection will go on.

        Never after a request for another protocol: its client may be speaking that already, and where it does not get
        it, what comes next is nobody's request (RFC 9931).
        """
        self.ends_here = self.hops == 0 or (target.host == INTERNAL_HOST and not is_tunnel)
        """Whether it is the proxy that is asked, and answers."""

    @classmethod
    def from_head(cls, head: RequestHead, buffer: bytes) -> ProxyRequest:
        """BadMessage for a target or a framing that is wrong or ambiguous.  buffer: what head was read from."""
        target = read_target(head.method, head.target)
        check_host(head, target)
        framing = request_framing(head)
        if type(target) is AuthorityForm and framing != NO_BODY:
            raise BadMessage(400, "a CONNECT request has no body")
        said = Said(head.minor, head.fields, buffer[buffer.find(b"\r\n", 2) + 2 : head.size])
        return cls(head.method, target, head.minor, head.size, framing=framing, said=said)

    def repeated(self, buffer: bytes, longest: int) -> ProxyRequest | None:
        """The next request, where all of buffer is its head and its fields are this one's; else None.

        Only what the general way has accepted is taken for granted: the fields.  The request line is read as ever.
        """
        if self.has_body or self.minor != 1 or self.is_tunnel or len(buffer) > longest:
            return None
        line = REQUEST_LINE.match(buffer)
        if line is None or not buffer.endswith(self.said.block) or line.end() + len(self.said.block) != len(buffer):
            return None
        method, target, minor = line.groups()
        if minor != b"1" or method == b"CONNECT":
            return None
        read = read_target(method, target)
        return ProxyRequest(method, read, 1, len(buffer), framing=self.framing, said=self.said)

    def origin_fields(self, consumed: str) -> list[tuple[bytes, bytes]]:
        """As those of what it says, with one hop less to go."""
        fields = self.said.origin_fields(consumed)
        if self.hops is None:
            return fields
        left = b"%d" % (self.hops - 1)
        return [(name, left if name.lower() == b"max-forwards" else value) for name, value in fields]

    @property
    def websocket(self) -> bool:
        """An upgrade to WebSocket (RFC 6455), the only one that is forwarded."""
        return self.said.websocket and self.method == b"GET" and not self.is_tunnel and not self.has_body

    @property
    def echoed(self) -> bool:
        """Whether a proxy that is asked may answer with the request itself (RFC 9110, 7.6.2 and 9.3.8)."""
        method = self.method.upper()
        return method == b"TRACE" or (method == b"OPTIONS" and self.said.fields.get(b"max-forwards") is not None)

    @property
    def safe_to_repeat(self) -> bool:
        """Whether a kept connection that died may be replaced unnoticed: idempotent (RFC 9110, 9.2.2)."""
        return not self.has_body and self.method in _IDEMPOTENT


def _one(fields: Fields, name: bytes, shown: str) -> bytes | None:
    """The value of a field that can mean one thing only: of two, another reader might take the other."""
    values = fields.all(name)
    if len(values) > 1:
        raise BadMessage(400, f"two {shown} fields")
    return values[0] if values else None


def _origins(fields: Fields) -> bytes | None:
    """The value of Authorization, where no other field says who asks.  The origin may have two, but none of ours."""
    values = fields.all(b"authorization")
    if len(values) > 1 and any(map(own_token, values)):
        raise BadMessage(400, "two Authorization fields, one of them with a token of this proxy")
    return values[0] if values else None


def _hops(fields: Fields) -> int | None:
    """None where it does not say."""
    said = fields.all(b"max-forwards")
    if not said:
        return None
    if len(said) > 1 or not _HOPS.fullmatch(said[0]):
        raise BadMessage(400, "Max-Forwards has to be one number")
    return min(int(said[0]), MOST_HOPS)


def _selection(fields: Fields) -> Selection:
    said = (
        _one(fields, b"x-proxymesh-ip", "X-ProxyMesh-IP"),
        _one(fields, b"x-proxymesh-prefer-ip", "X-ProxyMesh-Prefer-IP"),
        b",".join(fields.all(b"x-proxymesh-not-ip")),
        _one(fields, b"x-proxymesh-country", "X-ProxyMesh-Country"),
        _one(fields, b"x-proxymesh-session", "X-ProxyMesh-Session"),
    )
    # A client says the same with each of its tunnels.  What is long is not kept: anybody could fill memory with it.
    return _known_selection(*said) if sum(map(len, filter(None, said))) <= SHORT else _selection_of(*said)


def _selection_of(
    ip: bytes | None, prefer: bytes | None, avoid: bytes, country: bytes | None, session: bytes | None
) -> Selection:
    if avoid.count(b",") >= MOST_NAMES:
        raise BadMessage(400, f"more than {MOST_NAMES} exits in X-ProxyMesh-Not-IP")
    selection = Selection(
        exit=_exit_name(ip),
        prefer=_exit_name(prefer),
        avoid=frozenset(plain(name) for name in map(_exit_name, avoid.split(b",")) if name),
        country=_country(country),
        session=(session or b"").decode("latin-1"),
    )
    return NONE if selection == NONE else selection


_known_selection = lru_cache(1024)(_selection_of)


def _exit_name(value: bytes | None) -> str:
    """An address or a name; what does not parse is ignored, as clients in the wild send all sorts."""
    text = (value or b"").decode("latin-1").strip()
    return text if EXIT_NAME.match(text) else ""


def _country(value: bytes | None) -> str:
    """Upper case; a code that cannot exist stays one that no exit has."""
    text = (value or b"").decode("latin-1").strip().upper()
    if not text:
        return ""
    return country_code(text) if _COUNTRY.fullmatch(text) else "-"


def _seconds(value: bytes | None) -> int:
    text = (value or b"").decode("latin-1").strip()
    return int(text) if _SECONDS.fullmatch(text) else 0


def _upgrade(fields: Fields) -> bytes:
    """The one protocol, in lower case, that a request asks to go on with; b"" for none."""
    asked = fields.all(b"upgrade")
    return b",".join(asked).lower() if asked and b"upgrade" in options(fields) else b""
