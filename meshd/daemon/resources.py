"""What the API's listener serves beside HTTP: tunnels, which the data plane of this very process carries."""

from __future__ import annotations

from collections.abc import Collection

from meshd.daemon.core import Core
from meshd.http1.errors import BadMessage
from meshd.masque.tcp import PATH, TOKENS
from meshd.proxy.carrier import Carrier
from meshd.proxy.resource import connect, wanted
from meshd.proxy.tunnelled import full
from meshd.values.addresses import peer_address
from meshd.web.server.upgrading import Asked, Line, Refused, Taker


class Resources:
    """CONNECT-TCP, as the settings have it at each request."""

    prefix = PATH

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def tokens(self) -> Collection[bytes]:
        return TOKENS if self._core.config.api_connect_tcp else ()

    def take(self, asked: Asked, line: Line) -> Taker | Refused | None:
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
            carrier.begin(proxy, peer_address((asked.peer,)), connect(target, asked.fields))
        except OSError:  # no descriptors for a pair
            full(plane, line)
            return None
        return carrier
