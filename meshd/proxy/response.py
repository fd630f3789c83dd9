"""An origin's final response, and the head that the client of a proxy gets of it."""

from __future__ import annotations

from meshd.exits import answers
from meshd.exits.answers import Page
from meshd.http1.fields import Fields
from meshd.http1.head import ResponseHead
from meshd.http1.render import render_response
from meshd.passing.response import Response
from meshd.passing.upload import OURS

DROPPED = frozenset({b"transfer-encoding", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-status"})
WITHOUT_LENGTH = DROPPED | {b"content-length"}


class ProxyResponse(Response):
    __slots__ = ()

    page: Page | None = None
    """The page of its own that the proxy behind the exit has answered with; None for an origin's answer."""

    dropped = DROPPED
    bodiless = WITHOUT_LENGTH
    ours = OURS

    def render(self, minor: int, keep: bool, exit_label: str, not_found: str, status_value: str = "", /) -> bytes:
        """The head for the client: the origin's end-to-end fields in their order and case, our framing, and the exit.

        minor: of the client's HTTP version; not_found: the pinned exit that could not be taken; status_value: the value
        of `Proxy-Status`; "" for either leaves its field out.
        """
        asked = minor, keep, exit_label, not_found, status_value
        if self._rendered is not None and self._rendered[0] == asked:
            return self._rendered[1]
        fields = self.fields_for(minor)
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


class VisibleResponse(ProxyResponse):
    """An answer that came by an upstream HTTP proxy, with all that this proxy has added."""

    __slots__ = ("page",)

    def __init__(self, method: bytes, head: ResponseHead, raw: bytes) -> None:
        self.page = answers.page(head.status, head.fields)
        super().__init__(method, head, raw)


class UpstreamResponse(VisibleResponse):
    """The same without what the proxy has added."""

    __slots__ = ()

    def __init__(self, method: bytes, head: ResponseHead, raw: bytes) -> None:
        super().__init__(method, head, raw)
        self._fields = answers.cleaned(Fields(self._fields)).pairs
