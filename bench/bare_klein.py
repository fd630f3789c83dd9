"""The API's peer: a route of bare Klein behind the same TLS: `python bench/bare_klein.py PORT CERTIFICATE KEY BODY`.

Twisted's own Site without a log, no credentials, no bounds, no store: what the machine, TLS and Klein take by
themselves.  Loopback only; it says when it listens.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from klein import Klein
from twisted.internet import reactor
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.server import Site

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from meshd.tls.server import ReloadableTLS  # noqa: E402

PATH = "/api/proxies/"


class SilentSite(Site):
    """Twisted's, which would write a line for each request."""

    def log(self, request: Any) -> None:
        """Nothing."""


def bare_klein(body: bytes) -> Klein:
    app = Klein()

    @app.route(PATH, methods=["GET"])
    def proxies(request: Any) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"content-length", b"%d" % len(body))  # Klein's own answers are chunked, which takes longer
        return body

    return app


def main(port: str, certificate: str, key: str, body: str) -> None:
    site = SilentSite(bare_klein(body.encode("ascii")).resource())
    tls = ReloadableTLS(Path(certificate), Path(key))
    reactor.listenTCP(int(port), TLSMemoryBIOFactory(tls, False, site), interface="127.0.0.1")
    reactor.callWhenRunning(print, "listening", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
