"""Every answer that the proxy writes itself: one table, a row for each reason.

The same short ASCII text stands in the reason phrase, in `X-ProxyMesh-Error` and at the end of the body, because most
clients show only one of the three.  It says who did what, since Go, socat, corkscrew, wget and LWP show it without its
number: "connection refused" would read as if the proxy had refused.  `Proxy-Status` (RFC 9209) says the kind of error
and the reason; nothing internal is ever in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from meshd.model import Refusal


class Row(NamedTuple):
    """How the proxy answers for one reason."""

    status: int
    phrase: str
    error: str
    """A proxy error type of RFC 9209, section 2.3."""
    end: str = "\n"
    """What follows the phrase in the body, for who reads it in a terminal."""


_DENIED = "http_request_denied"
_MALFORMED = "http_request_error"

REASONS: Mapping[str, Row] = MappingProxyType(
    {
        "auth-required": Row(407, "Proxy Authentication Required", _DENIED),
        "auth-invalid": Row(407, "invalid credentials", _DENIED),
        "auth-banned": Row(407, "too many failures", _DENIED),
        "auth-unavailable": Row(503, "proxy cannot look up accounts now", "proxy_internal_error"),
        "account-inactive": Row(402, "account inactive", _DENIED),
        # Its body ends with the words themselves: scripts of ProxyMesh's customers look for that.
        "proxy-not-authorized": Row(402, "proxy not authorized", _DENIED, end=""),
        "quota-monthly": Row(509, "bandwidth limit exceeded", _DENIED),
        "quota-total": Row(509, "bandwidth limit exceeded", _DENIED),
        "quota-parent": Row(509, "bandwidth limit exceeded", _DENIED),
        "rate-tunnels": Row(429, "too many tunnels", _DENIED),
        "rate-requests": Row(429, "too many requests", _DENIED),
        "rate-addresses": Row(429, "too many client addresses", _DENIED),
        "acl-host": Row(403, "destination not allowed", _DENIED),
        "acl-port": Row(403, "destination not allowed", _DENIED),
        "acl-private": Row(403, "destination not allowed", "destination_ip_prohibited"),
        "ended-by-operator": Row(403, "ended by the operator", _DENIED),
        "ended-by-holder": Row(403, "ended by the account's holder", _DENIED),
        "acl-plan": Row(403, "destination not allowed", _DENIED),
        "acl-parent": Row(403, "destination not allowed", _DENIED),
        "acl-account": Row(403, "destination not allowed", _DENIED),
        "acl-token": Row(403, "destination not allowed", _DENIED),
        "no-exit": Row(503, "no exit available", "destination_unavailable"),
        "exit-failed": Row(502, "exit failed", "destination_unavailable"),
        "exit-refused": Row(502, "exit refused", "destination_unavailable"),
        "session-exit-gone": Row(502, "session exit gone", "destination_unavailable"),
        "bad-selection": Row(400, "bad selection", _MALFORMED),
        "overloaded": Row(503, "proxy overloaded", "connection_limit_reached"),
        "bad-request": Row(400, "Bad Request", _MALFORMED),
        "uri-too-long": Row(414, "URI Too Long", _MALFORMED),
        "fields-too-large": Row(431, "Request Header Fields Too Large", _MALFORMED),
        "not-implemented": Row(501, "Not Implemented", _MALFORMED),
        "http-version": Row(505, "HTTP Version Not Supported", _MALFORMED),
        "head-timeout": Row(408, "request head came too slowly", _MALFORMED),
        "dns-error": Row(502, "destination name does not resolve", "dns_error"),
        "dns-timeout": Row(504, "destination name look-up timed out", "dns_timeout"),
        "connection-refused": Row(502, "destination refused the connection", "connection_refused"),
        "connection-reset": Row(502, "destination closed the connection", "connection_terminated"),
        "unreachable": Row(502, "destination unreachable", "destination_ip_unroutable"),
        "connection-timeout": Row(504, "timed out", "connection_timeout"),
        "first-byte-timeout": Row(504, "timed out", "connection_read_timeout"),
        "bad-response": Row(502, "invalid response from destination", "http_protocol_error"),
        "response-head-too-large": Row(
            502, "response header from destination too large", "http_response_header_section_size"
        ),
        "response-incomplete": Row(502, "response from destination incomplete", "http_response_incomplete"),
        "internal": Row(500, "internal error", "proxy_internal_error"),
    }
)

CHALLENGES = b'Proxy-Authenticate: Basic realm="meshd", charset="UTF-8"\r\nProxy-Authenticate: Bearer realm="meshd"\r\n'


def refusal(no: Refusal, request_id: str, *, keep: bool, with_body: bool = True) -> bytes:
    """The whole answer to a refused request.

    keep: whether the connection serves another request; with_body: False in answer to HEAD.
    """
    row = REASONS[no.reason]
    detail = _ascii(no.detail)
    phrase = _ascii(no.words) or row.phrase
    body = (f"{detail}\n{phrase}" if detail and detail != phrase else phrase) + row.end
    head = (
        f"HTTP/1.1 {row.status} {phrase}\r\n"
        f"X-ProxyMesh-Error: {phrase}\r\n"
        f"{proxy_status(request_id, row.error, no.reason, detail)}"
        f"{f'Retry-After: {no.retry_after}' + CRLF if no.retry_after else ''}"
        "Content-Type: text/plain; charset=us-ascii\r\nCache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n"
    ).encode("ascii")
    challenges = CHALLENGES if row.status == 407 else b""
    return head + challenges + b"\r\n" + (body.encode("ascii") if with_body else b"")


CRLF = "\r\n"


def proxy_status(request_id: str, error: str = "", reason: str = "", detail: str = "") -> str:
    """The `Proxy-Status` line with its end: an error type, its details and the request's id in the log."""
    parts = ["Proxy-Status: meshd"]
    if error:
        parts.append(f"error={error}")
    if reason:
        text = f"{reason}: {detail}" if detail else reason
        parts.append('details="' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    parts.append(f'request-id="{request_id}"')
    return "; ".join(parts) + CRLF


def established(exit_label: str, not_found: str, request_id: str, *, moved: bool = False) -> bytes:
    """The answer to a CONNECT whose tunnel stands: no body, no length, one write.

    not_found: the pinned exit that could not be taken, "" for none; moved: whether the sticky key means another exit.
    """
    details = 'details="session-moved"; ' if moved else ""
    missing = f"X-ProxyMesh-IP-Not-Found: {not_found}\r\n" if not_found else ""
    return (
        f"HTTP/1.1 200 Connection established\r\nX-ProxyMesh-IP: {exit_label}\r\n{missing}"
        f'Proxy-Status: meshd; {details}request-id="{request_id}"\r\n\r\n'
    ).encode("ascii")


def switched(token: bytes, exit_label: str, not_found: str, request_id: str, *, moved: bool = False) -> bytes:
    """The answer to a request for an upgrade whose tunnel stands; token: the protocol; the others as of a CONNECT."""
    _, fields = established(exit_label, not_found, request_id, moved=moved).split(b"\r\n", 1)
    upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\nCapsule-Protocol: ?1\r\n" % token
    return b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + fields


class Content(NamedTuple):
    """The content of an answer to a request that the proxy itself was asked."""

    kind: str
    """The media type; "" for no body."""
    body: bytes
    fields: str = ""
    """Further field lines, each with its CRLF."""


def own(content: Content, request_id: str, *, keep: bool, with_body: bool = True) -> bytes:
    """The answer to a request that the proxy itself was asked."""
    kind = f"Content-Type: {content.kind}{CRLF}" if content.kind else ""
    return (
        f"HTTP/1.1 200 OK\r\n{kind}Content-Length: {len(content.body)}\r\n"
        f"Cache-Control: no-store\r\n{content.fields}{proxy_status(request_id)}"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("ascii") + (content.body if with_body else b"")


def _ascii(text: str) -> str:
    """At most 200 characters of a text, those that are not printable ASCII replaced by "?", for use in a field."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:200])
