"""Every answer that a published host is not asked for: by reason a status and a phrase, as a small page.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType

REASONS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "bad-request": (400, "Bad Request"),
        "no-login": (401, "Unauthorized"),
        "access-list": (403, "Forbidden"),
        "acl-private": (502, "Bad Gateway"),
        "no-host": (404, "Not Found"),
        "dead-host": (404, "Not Found"),
        "head-timeout": (408, "Request Timeout"),
        "uri-too-long": (414, "URI Too Long"),
        "misdirected": (421, "Misdirected Request"),
        "rate-requests": (429, "Too Many Requests"),
        "rate-tunnels": (429, "Too Many Requests"),
        "fields-too-large": (431, "Request Header Fields Too Large"),
        "internal": (500, "Internal Server Error"),
        "not-implemented": (501, "Not Implemented"),
        "bad-response": (502, "Bad Gateway"),
        "connection-refused": (502, "Bad Gateway"),
        "connection-reset": (502, "Bad Gateway"),
        "dns-error": (502, "Bad Gateway"),
        "exit-failed": (502, "Bad Gateway"),
        "response-head-too-large": (502, "Bad Gateway"),
        "response-incomplete": (502, "Bad Gateway"),
        "tls-failed": (502, "Bad Gateway"),
        "unreachable": (502, "Bad Gateway"),
        "account-inactive": (503, "Service Unavailable"),
        "auth-invalid": (503, "Service Unavailable"),
        "auth-unavailable": (503, "Service Unavailable"),
        "no-upstream": (503, "Service Unavailable"),
        "overloaded": (503, "Service Unavailable"),
        "ended-by-operator": (503, "Service Unavailable"),
        "ended-by-holder": (503, "Service Unavailable"),
        "connection-timeout": (504, "Gateway Timeout"),
        "dns-timeout": (504, "Gateway Timeout"),
        "first-byte-timeout": (504, "Gateway Timeout"),
        "http-version": (505, "HTTP Version Not Supported"),
        "quota-monthly": (509, "Bandwidth Limit Exceeded"),
        "quota-parent": (509, "Bandwidth Limit Exceeded"),
        "quota-total": (509, "Bandwidth Limit Exceeded"),
    }
)
"""What a refusal's reason is answered with; a reason that is not here is a 503."""

UNKNOWN = (503, "Service Unavailable")
_KNOWN = frozenset(HTTPStatus)

HTML = "text/html; charset=utf-8"
CHALLENGE = ("WWW-Authenticate", 'Basic realm="Restricted", charset="UTF-8"')

Lines = Iterable[tuple[str, str]]


def answer(
    status: int, phrase: str, content: bytes, kind: str, extra: Lines = (), *, keep: bool, with_body: bool = True
) -> bytes:
    """A whole answer.  kind: the media type; keep: whether the connection goes on; with_body: False for HEAD."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in extra)
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n{lines}Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode("latin-1") + (content if with_body else b"")


def page(status: int, phrase: str) -> bytes:
    """What a person sees."""
    title = f"{status} {phrase}"
    return f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n".encode()


def refusal(
    reason: str,
    pages: Mapping[int, bytes],
    extra: Lines = (),
    *,
    retry_after: int = 0,
    keep: bool,
    with_body: bool = True,
) -> bytes:
    """The answer to a refused request.  pages: the host's own, by status; extra: further fields."""
    status, phrase = REASONS.get(reason, UNKNOWN)
    lines = [*extra, ("Cache-Control", "no-store")]
    if retry_after:
        lines.append(("Retry-After", str(retry_after)))
    if status == 401:
        lines.append(CHALLENGE)
    content = pages.get(status) or page(status, phrase)
    return answer(status, phrase, content, HTML, lines, keep=keep, with_body=with_body)


def redirection(status: int, location: str, extra: Lines = (), *, keep: bool, with_body: bool = True) -> bytes:
    """The answer that sends a client elsewhere."""
    phrase = HTTPStatus(status).phrase if status in _KNOWN else "Redirect"
    lines = [*extra, ("Location", location)]
    return answer(status, phrase, page(status, phrase), HTML, lines, keep=keep, with_body=with_body)


def challenge(text: str, method: bytes, *, keep: bool) -> bytes:
    """What a certificate authority reads at a challenge's place (RFC 8555, 8.3)."""
    content = text.encode("ascii", "replace")
    return answer(200, "OK", content, "application/octet-stream", keep=keep, with_body=method != b"HEAD")
