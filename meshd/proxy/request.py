"""A proxy request: what a head means once its grammar has been read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import BodyFraming, Length, NoBody, request_framing
from meshd.http1.head import RequestHead
from meshd.http1.keep import end_to_end, keeps_alive
from meshd.http1.target import AbsoluteForm, AuthorityForm, check_host, read_target
from meshd.proxy.exits import NO_WISHES, Wishes

INTERNAL_HOST = "meshd.internal"
"""Asked for through the proxy, answered by meshd itself."""

_EXIT_NAME = re.compile(r"[A-Za-z0-9.:_-]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,5}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_STEERING = (
    b"x-proxymesh-ip",
    b"x-proxymesh-prefer-ip",
    b"x-proxymesh-not-ip",
    b"x-proxymesh-country",
    b"x-proxymesh-session",
    b"x-proxymesh-timeout",
)
_OURS = (b"proxy-", b"x-proxymesh-")
_REGENERATED = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade"})


@dataclass(slots=True)
class ProxyRequest:
    """One request as the proxy understands it."""

    method: bytes
    target: AuthorityForm | AbsoluteForm
    minor: int
    fields: Fields
    framing: BodyFraming
    keep: bool
    """Whether the client wants to go on using its connection."""
    size: int
    """Bytes of the head."""
    wishes: Wishes
    timeout: int
    """Seconds that the client wants to wait for connecting and for the first byte; 0 for no wish."""
    websocket: bool
    """An upgrade to WebSocket (RFC 6455), the only one that is forwarded."""

    @classmethod
    def from_head(cls, head: RequestHead) -> ProxyRequest:
        """BadMessage for a target or a framing that is wrong or ambiguous."""
        target = read_target(head.method, head.target)
        check_host(head, target)
        fields = head.fields
        steered = any(fields.get(name) is not None for name in _STEERING)
        tunnel = type(target) is AuthorityForm
        framing = request_framing(head)
        if tunnel and framing != NoBody():
            raise BadMessage(400, "a CONNECT request has no body")
        return cls(
            head.method,
            target,
            head.minor,
            fields,
            framing,
            keeps_alive(head.minor, fields),
            head.size,
            _wishes(fields) if steered else NO_WISHES,
            _seconds(fields.get(b"x-proxymesh-timeout")) if steered else 0,
            not tunnel and _wants_websocket(head),
        )

    @property
    def has_body(self) -> bool:
        return self.framing != NoBody() and self.framing != Length(0)

    @property
    def safe_to_repeat(self) -> bool:
        """Whether a kept connection that died may be replaced unnoticed: idempotent (RFC 9110, 9.2.2)."""
        return not self.has_body and self.method in {
            b"GET",
            b"HEAD",
            b"OPTIONS",
            b"TRACE",
            b"PUT",
            b"DELETE",
        }

    def origin_fields(self, consumed: str) -> list[tuple[bytes, bytes]]:
        """The fields that the origin gets besides those that are written anew.

        consumed: "authorization" where that field carried our credential.
        """
        drop = _REGENERATED | {b"authorization"} if consumed == "authorization" else _REGENERATED
        return end_to_end(self.fields, drop, _OURS)


def _wishes(fields: Fields) -> Wishes:
    wishes = Wishes(
        ip=_exit_name(fields.get(b"x-proxymesh-ip")),
        prefer=_exit_name(fields.get(b"x-proxymesh-prefer-ip")),
        avoid=frozenset(filter(None, map(_exit_name, (fields.get(b"x-proxymesh-not-ip") or b"").split(b",")))),
        country=_country(fields.get(b"x-proxymesh-country")),
        session=(fields.get(b"x-proxymesh-session") or b"").decode("latin-1"),
    )
    return NO_WISHES if wishes == NO_WISHES else wishes


def _exit_name(value: bytes | None) -> str:
    """An address or a name; what does not parse is ignored, as clients in the wild send all sorts."""
    text = (value or b"").decode("latin-1").strip()
    return text if _EXIT_NAME.fullmatch(text) else ""


def _country(value: bytes | None) -> str:
    """Upper case; a code that cannot exist stays one that no exit has."""
    text = (value or b"").decode("latin-1").strip().upper()
    if not text:
        return ""
    return {"UK": "GB"}.get(text, text) if _COUNTRY.fullmatch(text) else "-"


def _seconds(value: bytes | None) -> int:
    text = (value or b"").decode("latin-1").strip()
    return int(text) if _SECONDS.fullmatch(text) else 0


def _wants_websocket(head: RequestHead) -> bool:
    return (
        head.method == b"GET"
        and head.minor == 1
        and (head.fields.get(b"upgrade") or b"").strip().lower() == b"websocket"
        and b"upgrade" in head.fields.tokens(b"connection")
    )
