"""Doors: places that clients come to, and whom they get to there, which may change while the door is open.

Proxies accept from plain sockets themselves; connections to an endpoint that a plugin of Twisted's opens come through a
bridge.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol

from meshd.config.endpoints import BACKLOG, Endpoint, Foreign, Place
from meshd.daemon.accepting import AT_ONCE, TwistedAcceptor
from meshd.daemon.opening import ListeningSocket, cannot_listen
from meshd.passing.accepting import Acceptor
from meshd.passing.bridge import BridgeFactory
from meshd.passing.connection import Connection
from meshd.passing.plane import Plane
from meshd.proxy.accepting import connections, proxy_acceptor
from meshd.proxy.plane import DataPlane
from meshd.sockets.poll import IN
from meshd.sockets.wire import Wire
from meshd.values import hosting
from meshd.values.addresses import join_host
from meshd.values.metrics import METRICS
from meshd.web.server.introduction import IntroducedFactory

_MALFORMED = (ValueError, TypeError, AttributeError, LookupError, OSError)
"""What Twisted's plugins raise for text that they cannot use."""

APIS = {"": "API", hosting.API: "management of hosts", METRICS: "metrics"}
"""How people call each API, and what is served as an API is, by what leads to it."""

SERVED = {hosting.HTTP: "hosts by HTTP", hosting.HTTPS: "hosts by HTTPS"}
"""How people call each listener of published hosts, by what leads to it."""

Address = tuple[str, int] | str
"""Host and port of a TCP socket; the name of anything else."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The wish that clients of a proxy, or of what else is served ("" for the API), come in at an endpoint."""

    proxy: str
    endpoint: Endpoint
    place: Place | int
    """What the endpoint means; of a socket that the service manager handed over, the descriptor."""


class Hosts(Protocol):
    """What serves clients of the listeners of published hosts."""

    @property
    def plane(self) -> Plane: ...

    def acceptor(self, kind: str, listener: socket.socket, *, introduced: bool) -> Acceptor: ...

    def connection(self, kind: str, *, introduced: bool) -> Callable[[Any, str, Wire], Connection]: ...


@dataclass(frozen=True, slots=True)
class Behind:
    """What all doors lead to."""

    reactor: Any
    plane: DataPlane
    api: Callable[[str], IProtocolFactory]
    """Where clients of an API are served, by what leads to the API."""
    hosted: Hosts | None
    """None where nothing that is published is served."""


class Door(Protocol):
    """A listener opened for a wish; nobody gets in before `serve` is called."""

    wish: Wish

    def serve(self, wish: Wish) -> None:
        """Let in, as the wish says, whoever connects from now on, and whoever waits to be accepted."""

    def address(self) -> Address: ...

    def close(self) -> Deferred[None]:
        """Accept no more."""


def place_text(door: Door) -> str:
    """A door for people: `proxy us on [::]:31280`."""
    address = door.address()
    if isinstance(address, tuple):
        address = join_host(*address)
    kind = door.wish.proxy
    known = APIS.get(kind) or SERVED.get(kind)
    return f"{known or f'proxy {kind}'} on {address}"


class SocketDoor:
    """A door at a socket that meshd opened or was handed over; or at several of one address, of an earlier process."""

    def __init__(self, behind: Behind, wish: Wish, sockets: Sequence[ListeningSocket]) -> None:
        self.wish = wish
        self.sockets = tuple(sockets)
        self._behind = behind
        self._acceptors: list[Acceptor | TwistedAcceptor] = []

    def serve(self, wish: Wish) -> None:
        if self._acceptors:
            if wish == self.wish:
                return
            self._stop()
            for each in self.sockets:
                each.listen(wish.endpoint.backlog)
                each.set_mode(wish.endpoint.mode)
        self.wish = wish
        for each in self.sockets:
            each.own()
        self._acceptors = [self._acceptor_for(wish, each.sock) for each in self.sockets]
        for acceptor in self._acceptors:
            acceptor.start()

    def empty(self) -> None:
        """Accept all connections that wait in the backlog."""
        for acceptor, each in zip(self._acceptors, self.sockets, strict=True):
            for _ in range(0, BACKLOG, AT_ONCE):
                acceptor.ready(each.sock.fileno(), IN)

    def address(self) -> Address:
        name: Any = self.sockets[0].sock.getsockname()
        return (name[0], name[1]) if isinstance(name, tuple) else os.fsdecode(name)

    def close(self) -> Deferred[None]:
        self._stop()
        for each in self.sockets:
            each.close()
        return succeed(None)

    def _stop(self) -> None:
        for acceptor in self._acceptors:
            acceptor.stop()
        self._acceptors = []

    def _acceptor_for(self, wish: Wish, sock: socket.socket) -> Acceptor | TwistedAcceptor:
        reactor, plane = self._behind.reactor, self._behind.plane
        if wish.proxy in SERVED:
            assert self._behind.hosted is not None
            return self._behind.hosted.acceptor(wish.proxy, sock, introduced=wish.endpoint.haproxy)
        if wish.proxy not in APIS:
            return proxy_acceptor(plane, reactor, sock, wish.proxy, introduced=wish.endpoint.haproxy)
        return TwistedAcceptor(reactor, sock, _api(self._behind, wish))


class ForeignDoor:
    """A door at an endpoint that a plugin of Twisted's listens on."""

    def __init__(self, behind: Behind, wish: Wish, port: IListeningPort, lobby: Lobby) -> None:
        self.wish = wish
        self._behind = behind
        self._port = port
        self._lobby = lobby

    @classmethod
    async def open(cls, behind: Behind, wish: Wish) -> ForeignDoor:
        """Have the plugin listen; clients are turned away until `serve` is called.  Raises: ListenError."""
        assert isinstance(wish.place, Foreign)
        text, lobby = wish.place.text, Lobby()
        try:
            port: IListeningPort = await serverFromString(behind.reactor, text).listen(lobby)
        except CannotListenError as error:
            raise cannot_listen(text, error.socketError) from error
        except _MALFORMED as error:
            raise cannot_listen(text, error) from error
        return cls(behind, wish, port, lobby)

    def serve(self, wish: Wish) -> None:
        self.wish = wish
        behind = self._behind
        if wish.proxy in SERVED:
            assert behind.hosted is not None
            made = behind.hosted.connection(wish.proxy, introduced=wish.endpoint.haproxy)
            self._lobby.inner = BridgeFactory(behind.reactor, behind.hosted.plane, wish.proxy, made)
        elif wish.proxy not in APIS:
            connection = connections(introduced=wish.endpoint.haproxy)
            self._lobby.inner = BridgeFactory(behind.reactor, behind.plane, wish.proxy, connection)
        else:
            self._lobby.inner = _api(behind, wish)

    def address(self) -> Address:
        host: Any = self._port.getHost()
        return (host.host, host.port) if hasattr(host, "port") else str(host)

    def close(self) -> Deferred[None]:
        return self._port.stopListening() or succeed(None)


class Lobby(Factory):
    """The factory that a plugin listens with: passes each client on to where the door leads now."""

    noisy = False
    inner: IProtocolFactory | None = None
    """Where the door leads; None before it leads anywhere: then the connection is closed."""

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        return None if self.inner is None else self.inner.buildProtocol(addr)  # type: ignore[arg-type,return-value]


def _api(behind: Behind, wish: Wish) -> IProtocolFactory:
    """The API's factory; within a reader of PROXY headers where connections begin with one."""
    factory = behind.api(wish.proxy)
    return IntroducedFactory(factory) if wish.endpoint.haproxy else factory
