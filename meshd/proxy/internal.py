"""Answers to requests for the proxy itself: `http://meshd.internal/`, and a TRACE or OPTIONS whose `Max-Forwards` is 0
(RFC 9110, 7.6.2).
"""

from __future__ import annotations

import json

from meshd.http1.target import AbsoluteForm
from meshd.model import Admission
from meshd.proxy.replies import Content
from meshd.proxy.request import INTERNAL_HOST, ProxyRequest

METHODS = "CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE"
"""The methods that `Allow` names, though any other is forwarded as well."""

_SECRET = frozenset({b"authorization", b"cookie"})
_SECRETS = (b"proxy-", b"x-proxymesh-")


def answer(request: ProxyRequest, admission: Admission, proxy: str, exit_: str | None, client: str) -> Content:
    """The answer to a request that ends here.  exit_: the label of the exit it would leave by; None for none."""
    if request.target.host == INTERNAL_HOST:
        told = {"account": admission.account.username, "proxy": proxy, "exit": exit_, "client": client}
        return Content("application/json", json.dumps(told).encode() + b"\n")
    if request.method == b"TRACE":
        return Content("message/http", echo(request))
    return Content("", b"", f"Allow: {METHODS}\r\n")


def echo(request: ProxyRequest) -> bytes:
    """The request as it was understood, without secrets, which a page's script must not learn by TRACE."""
    target = request.target
    assert isinstance(target, AbsoluteForm)
    line = b"%b http://%b%b HTTP/1.%d\r\n" % (request.method, target.authority, target.path, request.minor)
    fields = request.said.fields
    shown = (
        b"%b: %b\r\n" % pair
        for name, pair in zip(fields.names, fields.pairs, strict=True)
        if name not in _SECRET and not name.startswith(_SECRETS)
    )
    return line + b"".join(shown) + b"\r\n"
