"""Accepting clients: many at one wake-up, within the descriptors that the process may open."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.passing.connection import Connection
from meshd.passing.plane import Plane
from meshd.seldom import Seldom
from meshd.sockets.poll import IN
from meshd.sockets.windows import NOTSENT_LOWAT, UNPROVEN
from meshd.sockets.wire import Wire
from meshd.socks5 import VERSION
from meshd.tls.records import HANDSHAKE
from meshd.values.addresses import peer_address

INHERITED = (
    (socket.IPPROTO_TCP, NOTSENT_LOWAT, UNPROVEN),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)
"""Options of a listener that accepted sockets inherit; keep-alive probes notice a vanished client in two minutes."""

ACCEPTS = 16
"""Connections accepted at one wake-up: a burst costs few, and connections that are open have their turn in a few ms."""

DEFER = 1
"""TCP_DEFER_ACCEPT: seconds that the kernel waits for a client's first bytes, which are then read without waiting."""

PAUSE = 0.5
"""Seconds without accepting after the process ran out of descriptors."""

_OTHERS = frozenset({HANDSHAKE, VERSION})
"""First bytes of TLS and SOCKS5."""

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """One listening socket of one named proxy, or of what is published."""

    log = Logger()

    def __init__(
        self,
        plane: Plane,
        clock: IReactorTime,
        listener: socket.socket,
        proxy: str,
        connection: Callable[[Any, str, Wire], Connection],
        full: Callable[[], bytes],
        receive_buffer: int = 0,
    ) -> None:
        """listener: a socket that listens already; the caller closes it.

        connection: makes one of plane, proxy and the client's socket; full: the answer while there is no room for more
        clients; receive_buffer: SO_RCVBUF of clients' sockets, 0 where the kernel decides.
        """
        self._connection = connection
        self._full = full
        self._plane = plane
        self._clock = clock
        self._listener = listener
        self.proxy = proxy
        self._pause: Any = None
        self._seldom = Seldom(clock.seconds)
        listener.setblocking(False)
        if listener.family != socket.AF_UNIX:
            for level, option, value in INHERITED:
                listener.setsockopt(level, option, value)
            if receive_buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER)

    def start(self) -> None:
        self._plane.poller.add(self._listener.fileno(), self, IN)

    def stop(self) -> None:
        """Accept no more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._plane.poller.unregister(self._listener.fileno())

    def ready(self, fd: int, events: int) -> None:
        for _ in range(ACCEPTS):
            try:
                found = self._next()
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._exhausted()
                return
            if found is None:
                return
            self._accepted(*found)

    def _next(self) -> tuple[int, str] | None:
        """The next client's descriptor, never to be waited for, and its address; None where nobody waits.
        Raises: OSError.
        """
        try:
            # `accept` would make a socket object, of no use here, and ask the kernel for its family: 8 us of each.
            client, address = self._listener._accept()  # type: ignore[attr-defined]
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return None
        os.set_blocking(client, False)
        return client, peer_address(address)

    def _accepted(self, client: int, peer: str) -> None:
        plane = self._plane
        if plane.caps.crowded(len(plane.poller)):
            self._turn_away(client)
            return
        try:
            wire = Wire(plane.poller, client, peer)
        except OSError:  # epoll takes no more
            self._turn_away(client)
            return
        self._connection(plane, self.proxy, wire).begin()

    def _turn_away(self, client: int) -> None:
        """Answer 503 in one write to a client that may speak HTTP, and close: there is room for no more clients."""
        self._seldom.say(self.log.warn, "proxy {proxy} is full: clients are turned away", proxy=self.proxy)
        answer = self._full()
        try:
            if speaks_http(_come(client)):
                os.write(client, answer)
        except OSError:
            pass
        finally:
            os.close(client)

    def _exhausted(self) -> None:
        """Pause accepting, as no descriptor is left: the listener would stay ready and wake us again and again."""
        self._seldom.say(self.log.warn, "proxy {proxy} is out of descriptors: accepting is paused", proxy=self.proxy)
        if self._pause is None:
            self._plane.poller.pause(self._listener.fileno())
            self._pause = self._clock.callLater(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._plane.poller.resume(self._listener.fileno())


def _come(client: int) -> bytes:
    """Read what the client has sent by now: a close with unread bytes would reset the answer away.  Raises: OSError."""
    try:
        return os.read(client, 4096)
    except BlockingIOError:
        return b""


def speaks_http(first: bytes) -> bool:
    """Whether a client with these first bytes, b"" for none yet, may understand an answer in HTTP."""
    return not first or first[0] not in _OTHERS


def descriptor_ceiling(limit: int, reserve: int) -> int:
    """Descriptors for the data plane: the limit less the reserve for all else, or at least half of the limit."""
    return max(limit - min(reserve, limit // 2), 8)
