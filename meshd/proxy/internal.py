"""What the proxy answers where it is asked itself: by `http://meshd.internal/`, or by a TRACE or OPTIONS that is to go
no further (RFC 9110, 7.6.2).
"""

from __future__ import annotations

import json

from meshd.http1.target import AbsoluteForm
from meshd.model import Admission, Refusal
from meshd.proxy.exits import Choice
from meshd.proxy.replies import Content
from meshd.proxy.request import INTERNAL_HOST, ProxyRequest

METHODS = "CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE"
"""Any other is passed on as well."""

_SECRET = frozenset({b"authorization", b"cookie"})
_SECRETS = (b"proxy-", b"x-proxymesh-")


def answer(request: ProxyRequest, admission: Admission, proxy: str, choice: Choice | Refusal, client: str) -> Content:
    """To a request that ends here.  choice: the exit that would be used."""
    if request.target.host == INTERNAL_HOST:
        return Content("application/json", facts(request, admission, proxy, choice, client))
    if request.method == b"TRACE":
        return Content("message/http", echo(request))
    return Content("", b"", f"Allow: {METHODS}\r\n")


def facts(request: ProxyRequest, admission: Admission, proxy: str, choice: Choice | Refusal, client: str) -> bytes:
    """How the proxy sees whoever asks it, as JSON."""
    told = {
        "account": admission.account.username,
        "proxy": proxy,
        "exit": None if isinstance(choice, Refusal) else choice.label(request.wishes, choice.exit.name),
        "client": client,
    }
    return json.dumps(told).encode() + b"\n"


def echo(request: ProxyRequest) -> bytes:
    """The request as it was understood, without what may be a secret: a page's script must not read it by TRACE."""
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
