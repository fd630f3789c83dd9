"""Clients of a stream's TCP port are accepted: many at one wake-up, within the descriptors of the process."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.logger import Logger

from meshd.hosts.common import Common
from meshd.hosts.ports import Offer
from meshd.hosts.services import Service
from meshd.hosts.sni import Names
from meshd.hosts.streams import StreamConnection
from meshd.passing.accepting import ACCEPTS, EXHAUSTED, INHERITED, PAUSE
from meshd.sockets.poll import IN
from meshd.sockets.wire import Wire, linger_none
from meshd.values.addresses import peer_address

log = Logger()


class StreamListener:
    """One listening socket of a place."""

    def __init__(self, common: Common, sock: socket.socket, offer: Offer) -> None:
        """sock: listens already; the listener closes it.

        Nothing waits for a client's first bytes here: of many protocols the server speaks first.
        """
        self._common = common
        self._sock = sock
        self._pause: Any = None
        for level, option, value in INHERITED:
            sock.setsockopt(level, option, value)
        self.change(offer)
        common.plane.poller.add(sock.fileno(), self, IN)

    def change(self, offer: Offer) -> None:
        """Serve others, whoever connects from now on."""
        self._alone: Service | None = offer.alone
        self._named: Names[Service] = Names(offer.names)

    def close(self) -> None:
        """Accept no more; what was accepted goes on."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._common.plane.poller.unregister(self._sock.fileno())
        self._sock.close()

    def ready(self, fd: int, events: int) -> None:
        for _ in range(ACCEPTS):
            try:
                client, address = self._sock.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._exhausted()
                return
            client.setblocking(False)
            self._accepted(client.detach(), peer_address(address))

    def _accepted(self, client: int, peer: str) -> None:
        plane = self._common.plane
        if plane.draining or plane.caps.crowded(len(plane.poller)):
            self._turn_away(client)
            return
        try:
            wire = Wire(plane.poller, client, peer)
        except OSError:  # epoll takes no more
            self._turn_away(client)
            return
        StreamConnection(self._common, wire, self._alone, self._named).begin()

    def _turn_away(self, client: int) -> None:
        self._common.plane.seldom.say(log.warn, "streams are full: clients are turned away")
        linger_none(client)
        os.close(client)

    def _exhausted(self) -> None:
        """Pause accepting, as no descriptor is left: the listener would stay ready and wake us again and again."""
        plane = self._common.plane
        plane.seldom.say(log.warn, "streams are out of descriptors: accepting is paused")
        if self._pause is None:
            plane.poller.pause(self._sock.fileno())
            self._pause = self._common.reactor.callLater(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._common.plane.poller.resume(self._sock.fileno())
