"""A proxy request: the meaning of a request head whose grammar has been read."""

from __future__ import annotations

import re
from functools import lru_cache

from meshd.auth.credentials import own_token
from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import NO_BODY, BodyFraming, Length, framing_field, request_framing
from meshd.http1.grammar import REQUEST_LINE
from meshd.http1.head import RequestHead
from meshd.http1.keep import end_to_end, keeps_alive, options
from meshd.http1.target import AbsoluteForm, AuthorityForm, check_host, read_target
from meshd.selection import EXIT_NAME, NONE, Selection, country_code, plain

INTERNAL_HOST = "meshd.internal"
"""The host whose requests meshd answers itself, when asked through the proxy."""

SHORT = 256
"""Bytes of a request's X-ProxyMesh fields up to which their Selection is remembered: 1 MB in all at most."""

MOST_NAMES = 100
"""Exits that X-ProxyMesh-Not-IP may name, over all its lines: to read that many addresses takes half a millisecond."""

MOST_HOPS = 10**9
"""A higher `Max-Forwards` counts as this (RFC 9110, 7.6.2)."""

EMPTY = re.compile(rb"(?i:basic)[ \t]++Og={0,2}")
"""A Basic credential with an empty name and an empty password, as wget and w3m send it where they have none."""

_HOPS = re.compile(rb"[0-9]{1,20}")
_SECONDS = re.compile(r"[0-9]{1,5}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_EMPTY = (NO_BODY, Length(0))
_NOTHING = (NONE, 0)
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
_COUNTED = frozenset({b"OPTIONS", b"TRACE"})
_OURS = (b"proxy-", b"x-proxymesh-")
_REGENERATED = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade"})


class Said:
    """The meaning of a request's fields, whatever the request line.

    Clients repeat their fields on a connection, so that one Said serves all requests with the very same field block.
    The constructor reads only what is needed to authenticate or refuse; the rest is read once the client is admitted.
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
        """block: the field lines as they came, with the blank line.  Raises: BadMessage for two credentials."""
        self.block = block
        self.fields = fields
        self.keep = keeps_alive(minor, fields)
        self.proxy_authorization = _credential(fields)
        self.authorization = fields.get(b"authorization") if self.proxy_authorization is not None else _origins(fields)
        self._wishes: tuple[Selection, int] | None = None
        wanted = _upgrade(fields) if minor == 1 else b""
        self.websocket = wanted == b"websocket"
        """Whether the fields ask for an upgrade to WebSocket."""
        self.switches = wanted not in {b"", b"h2c"}  # clients of h2c go on in HTTP/1.1 without a 101
        """Whether the fields ask for another protocol."""
        self._origin_fields: dict[str, list[tuple[bytes, bytes]]] = {}

    def wishes(self) -> tuple[Selection, int]:
        """The wanted exit, and the seconds allowed for connecting and for the first byte (0 for no wish); read at the
        first call, so that a client that is not admitted causes no work.
        Raises: BadMessage where an X-ProxyMesh field is there twice, or names too many exits.
        """
        if self._wishes is None:
            fields = self.fields
            if b"x-proxymesh-" in self.block.lower():  # in a name, if not in a value
                seconds = _seconds(_one(fields, b"x-proxymesh-timeout", "X-ProxyMesh-Timeout"))
                self._wishes = _selection(fields), seconds
            else:
                self._wishes = _NOTHING
        return self._wishes

    def origin_fields(self, consumed: str, framing: BodyFraming) -> list[tuple[bytes, bytes]]:
        """The fields that are forwarded to the origin, the one that frames written anew; callers must not change the
        list.

        consumed: "authorization" where that field carried a credential of this proxy; framing: what the fields say.
        """
        known = self._origin_fields.get(consumed)
        if known is None:
            ours = consumed == "authorization" or any(map(own_token, self.fields.all(b"authorization")))
            drop = _REGENERATED | {b"authorization"} if ours else _REGENERATED
            known = self._origin_fields[consumed] = end_to_end(self.fields, drop, _OURS, anew=framing_field(framing))
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
        """size: bytes of the head.  Raises: BadMessage for a Max-Forwards that is no number."""
        self.method = method
        self.target = target
        self.minor = minor
        self.size = size
        """Bytes of the head."""
        self.framing = framing
        self.has_body = framing is not NO_BODY and framing not in _EMPTY
        self.said = said
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
        target = read_target(head.method, head.target)
        check_host(head, target)
        framing = request_framing(head)
        if type(target) is AuthorityForm and framing != NO_BODY:
            raise BadMessage(400, "a CONNECT request has no body")
        said = Said(head.minor, head.fields, buffer[buffer.find(b"\r\n", 2) + 2 : head.size])
        return cls(head.method, target, head.minor, head.size, framing=framing, said=said)

    def repeated(self, buffer: bytes, longest: int) -> ProxyRequest | None:
        """The next request, if buffer is exactly one head with the very field block of this request; else None.

        The fields were checked with this request; the request line is read as for any other.  longest: bytes of buffer.
        Raises: BadMessage.
        """
        if self.has_body or self.minor != 1 or self.is_tunnel or len(buffer) > longest:
            return None
        line = REQUEST_LINE.match(buffer)
        if line is None or not buffer.endswith(self.said.block) or line.end() + len(self.said.block) != len(buffer):
            return None
        method, target, minor = line.groups()
        if minor != b"1" or method == b"CONNECT":
            return None
        read = read_target(method, target, self.target)
        return ProxyRequest(method, read, 1, len(buffer), framing=self.framing, said=self.said)

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


def _credential(fields: Fields) -> bytes | None:
    """The value of Proxy-Authorization; None where absent, and where a client without a credential sent an empty one.
    Raises: BadMessage for two.
    """
    value = _one(fields, b"proxy-authorization", "Proxy-Authorization")
    return None if value is not None and len(value) < 16 and EMPTY.fullmatch(value) else value


def _one(fields: Fields, name: bytes, shown: str) -> bytes | None:
    """The value of a field, None where absent; shown: its name in the error.  Raises: BadMessage where it is twice."""
    values = fields.all(name)
    if len(values) > 1:
        raise BadMessage(400, f"two {shown} fields")
    return values[0] if values else None


def _origins(fields: Fields) -> bytes | None:
    """The value of Authorization, None where absent.  Raises: BadMessage for two, if one has a token of this proxy."""
    values = fields.all(b"authorization")
    if len(values) > 1 and any(map(own_token, values)):
        raise BadMessage(400, "two Authorization fields, one of them with a token of this proxy")
    return values[0] if values else None


def _hops(fields: Fields) -> int | None:
    """The value of Max-Forwards; None where absent.  Raises: BadMessage."""
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
    # A client repeats its fields with each tunnel.  Long ones are not remembered: they could fill memory.
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
    """An exit's address or name; "" for a value that cannot be one, as clients in the wild send all sorts."""
    text = (value or b"").decode("latin-1").strip()
    return text if EXIT_NAME.match(text) else ""


def _country(value: bytes | None) -> str:
    """A country code in upper case; "" for none, and "-", which no exit has, for what is no code."""
    text = (value or b"").decode("latin-1").strip().upper()
    if not text:
        return ""
    return country_code(text) if _COUNTRY.fullmatch(text) else "-"


def _seconds(value: bytes | None) -> int:
    text = (value or b"").decode("latin-1").strip()
    return int(text) if _SECONDS.fullmatch(text) else 0


def _upgrade(fields: Fields) -> bytes:
    """The value of Upgrade in lower case; b"" where there is none, or Connection does not name it."""
    asked = fields.all(b"upgrade")
    return b",".join(asked).lower() if asked and b"upgrade" in options(fields) else b""
