"""An origin's final response, and the head that the client gets of it."""

from __future__ import annotations

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import BodyFraming, Chunked, UntilClose, response_framing
from meshd.http1.head import ResponseHead, read_response
from meshd.http1.keep import end_to_end, keeps_alive
from meshd.http1.render import render_response
from meshd.model import Refusal
from meshd.sockets.ends import Stopped

DROPPED = frozenset({b"transfer-encoding", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-status"})
WITHOUT_LENGTH = DROPPED | {b"content-length"}
OURS = (b"x-proxymesh-",)
BY_A_PROXY = (b"x-proxymesh-error", b"x-squid-error")
"""Fields that meshd, ProxyMesh and Squid put on the answers that they make themselves."""


class ProxyResponse:
    """The meaning of a response head; one object serves all responses of an origin with the very same head."""

    __slots__ = ("_fields", "_head", "_rendered", "by_proxy", "framing", "method", "raw", "reusable", "status")

    def __init__(self, method: bytes, head: ResponseHead, raw: bytes) -> None:
        """method: the request's; raw: the head's bytes.  Raises: BadMessage where the body's end is not certain."""
        self.method = method
        self.raw = raw
        self.status = head.status
        self.framing: BodyFraming = response_framing(method, head)
        self.reusable = (
            keeps_alive(head.minor, head.fields, 502)
            and type(self.framing) is not UntilClose
            and not any(map(_signs_in_connection, head.fields.all(b"www-authenticate")))
        )
        """Whether the origin's connection serves another request, once the body is complete."""
        self.by_proxy = head.status >= 400 and _made_by_a_proxy(head.fields)
        """Whether the response says that a proxy, as far as can be told the nearest, has made it."""
        self._head = head
        # A length where no body follows is one that some client would wait for (RFC 9110, 8.6).
        bodiless = head.status == 204 or head.status < 200
        self._fields = end_to_end(head.fields, WITHOUT_LENGTH if bodiless else DROPPED, OURS, 502)
        self._rendered: tuple[tuple[int, bool, str, str, str], bytes] | None = None

    def must_close(self, minor: int) -> bool:
        """Whether only the connection's end can tell a client of that HTTP version where the body ends."""
        return type(self.framing) is UntilClose or (minor == 0 and type(self.framing) is Chunked)

    def render(self, minor: int, keep: bool, exit_label: str, not_found: str, status_value: str = "") -> bytes:
        """The head for the client: the origin's end-to-end fields in their order and case, our framing, and the exit.

        minor: of the client's HTTP version; not_found: the pinned exit that could not be taken; status_value: the value
        of `Proxy-Status`; "" for either leaves its field out.
        """
        asked = minor, keep, exit_label, not_found, status_value
        if self._rendered is not None and self._rendered[0] == asked:
            return self._rendered[1]
        fields = [*self._fields]
        if type(self.framing) is Chunked and minor == 1:
            fields.append((b"Transfer-Encoding", b"chunked"))
        fields.append((b"X-ProxyMesh-IP", exit_label.encode()))
        if not_found:
            fields.append((b"X-ProxyMesh-IP-Not-Found", not_found.encode()))
        if status_value:
            fields.append((b"Proxy-Status", status_value.encode()))
        if self.status == 101:
            fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        elif not keep:
            fields.append((b"Connection", b"close"))
        elif minor == 0:
            fields.append((b"Connection", b"keep-alive"))
        rendered = render_response(self.status, self._head.reason, fields)
        self._rendered = asked, rendered
        return rendered


def read_head(buffer: bytes, limit: int, seen: int) -> ResponseHead | None:
    """Read the head, of limit bytes at most, at the beginning of what an origin has sent; None while it is unfinished.

    seen: how many bytes of the buffer an earlier call answered with None.
    Raises: Stopped where the bytes are no head, or the head is too long.
    """
    try:
        return read_response(buffer, limit, seen=seen)
    except BadMessage as bad:
        too_large = len(buffer) >= limit and b"\r\n\r\n" not in buffer[:limit]
        reason = "response-head-too-large" if too_large else "bad-response"
        raise Stopped(Refusal(reason, bad.rule)) from None


def _made_by_a_proxy(fields: Fields) -> bool:
    """Whether Proxy-Status or a vendor's field says so; its last member is the nearest proxy's (RFC 9209, 2.1.1)."""
    told = fields.all(b"proxy-status")
    return bool(told and b"error=" in told[-1]) or any(name in fields for name in BY_A_PROXY)


def _signs_in_connection(challenge: bytes) -> bool:
    """Whether the challenge is NTLM or Negotiate, which authenticate a connection for one client (RFC 4559, 6)."""
    return challenge[:9].lower() == b"negotiate" or challenge[:4].lower() == b"ntlm"
