"""What the API's listener serves beside HTTP: tunnels, which the data plane of this very process carries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from twisted.internet.interfaces import IAddress

from meshd.daemon.core import Core
from meshd.http1.errors import BadMessage
from meshd.masque.tcp import PATH, TOKENS
from meshd.passing.handed import AskedLine, Line, Taker
from meshd.proxy.carrier import Carrier
from meshd.proxy.resource import connect, wanted
from meshd.proxy.sessions import Served, busy, passed_on
from meshd.proxy.tunnelled import full
from meshd.tls.contexts import HTTP_2
from meshd.values.addresses import peer_host
from meshd.web.server.site import ApiSite
from meshd.web.server.streams import serve_stream
from meshd.web.server.upgrading import Asked, Refused


class Resources:
    """CONNECT-TCP, as the settings have it at each request."""

    prefix = PATH

    def __init__(self, reactor: Any, core: Core, site: ApiSite) -> None:
        self._reactor, self._core, self._site = reactor, core, site

    @property
    def tokens(self) -> Collection[bytes]:
        return TOKENS if self._core.config.api_connect_tcp else ()

    def take(self, asked: Asked, line: AskedLine) -> Taker | Refused | None:
        core, plane = self._core, self._core.plane
        try:
            target, proxy = wanted(asked.target)
        except BadMessage as bad:
            return Refused(bad.status, bad.rule)
        proxy = proxy or core.config.first.name
        if proxy not in core.live.topology.proxies:
            return Refused(404, "no proxy has that name")
        if plane.draining or plane.caps.crowded(len(plane.poller) + 2):
            full(plane, line)
            return None
        carrier = Carrier(plane, line, asked.token, TOKENS[asked.token.lower()])
        try:
            peer, head = asked.peer, connect(target, asked.fields)
            carrier.begin(proxy, peer, head, by_address=core.config.api_by_address)
        except OSError:  # no descriptors for a pair
            full(plane, line)
            return None
        return carrier

    def preferred(self, answering: str) -> bytes:
        """The protocol that a client may choose beside HTTP/1.1; b"" for none, as while it would have no room, and for
        whose address sessions were ended for what they asked of it.  answering: that address, as in `session`.
        """
        core, plane = self._core, self._core.plane
        offered = core.config.api_http2 and not (plane.draining or busy(plane) or plane.offenders.offends(answering))
        return HTTP_2.encode("ascii") if offered else b""

    def session(self, line: Line, peer: IAddress, answering: str) -> Taker | None:
        core, plane = self._core, self._core.plane
        if plane.draining or plane.caps.crowded(len(plane.poller) + 2):
            return None

        def serve(fd: int, stream: Served) -> None:
            serve_stream(self._reactor, self._site, peer, fd, stream)

        try:
            return passed_on(plane, line, core.config.first.name, peer_host(peer), answering, serve)
        except OSError:  # no descriptors for a pair
            return None
