"""An origin's final response, and the head that the client of a proxy gets of it."""

from __future__ import annotations

from meshd.http1.fields import Fields
from meshd.http1.framing import Chunked
from meshd.http1.render import render_response
from meshd.passing.response import Response
from meshd.passing.upload import OURS

DROPPED = frozenset({b"transfer-encoding", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-status"})
WITHOUT_LENGTH = DROPPED | {b"content-length"}
BY_A_PROXY = (b"x-proxymesh-error", b"x-squid-error")
"""Fields that meshd, ProxyMesh and Squid put on the answers that they make themselves."""


class ProxyResponse(Response):
    __slots__ = ()

    dropped = DROPPED
    bodiless = WITHOUT_LENGTH
    ours = OURS

    @property
    def by_proxy(self) -> bool:
        """Whether the response says that a proxy, as far as can be told the nearest, has made it."""
        return self.status >= 400 and _made_by_a_proxy(self._head.fields)

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


def _made_by_a_proxy(fields: Fields) -> bool:
    """Whether Proxy-Status or a vendor's field says so; its last member is the nearest proxy's (RFC 9209, 2.1.1)."""
    told = fields.all(b"proxy-status")
    return bool(told and b"error=" in told[-1]) or any(name in fields for name in BY_A_PROXY)
