"""Twisted's own reverse proxy: `python bench/front_twisted.py HTTP HTTPS ORIGIN FOLDER`.

It opens a connection to the origin for each request.
"""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.internet import reactor, ssl
from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import Site


def main(http: str, https: str, origin: str, folder: str) -> None:
    host, _, port = origin.rpartition(":")
    site = Site(ReverseProxyResource(host, int(port), b""), logPath=str(Path(folder, "access.log")))
    pair = Path(folder, "both.pem").read_bytes()
    certificate = ssl.PrivateCertificate.loadPEM(pair)
    context = certificate.options()
    listener = reactor
    listener.listenTCP(int(http), site, interface="127.0.0.1")  # type: ignore[attr-defined]
    listener.listenSSL(int(https), site, context, interface="127.0.0.1")  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(*sys.argv[1:])
