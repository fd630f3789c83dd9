"""Endpoint strings to listening ports: `tcp:31280`, `systemd:domain=INET:index=0`, `haproxy:tcp:31280`, `unix:…`.

A bare `tcp:PORT` listens on IPv6 and IPv4 alike.  Where the port is a plain socket the data plane accepts from it
itself; what Twisted wraps comes through a bridge.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.tcp import Port
from twisted.internet.unix import Port as UnixPort
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from zope.interface import implementer

from meshd.config.network import tcp_argument
from meshd.proxy.bridge import BridgeFactory
from meshd.proxy.destination import OwnListeners
from meshd.proxy.factory import Acceptor
from meshd.proxy.plane import DataPlane
from meshd.seldom import Seldom

BACKLOG = 4096
"""Connections that wait for their accept; Twisted's 50 are lost in the first burst."""

_BARE = re.compile(r"tcp:([0-9]+)")

_MALFORMED = (ValueError, TypeError, AttributeError, LookupError, OSError)
"""What Twisted's endpoints raise for text that they cannot use."""


class ListenError(Exception):
    """A listener could not be opened; the text names it."""


def expand(endpoint: str) -> str:
    """A bare TCP port on every address, of both families where the host has both."""
    bare = _BARE.fullmatch(endpoint)
    return rf"tcp6:{bare[1]}:interface=\:\:" if bare and _has_ipv6() else endpoint


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


async def listen(reactor: Any, endpoint: str, factory: IProtocolFactory) -> IListeningPort:
    """ListenError with the endpoint's own text."""
    try:
        port: IListeningPort = await serverFromString(reactor, expand(endpoint)).listen(factory)
    except CannotListenError as error:
        raise ListenError(f"cannot listen on {endpoint}: {_reason(error.socketError)}") from error
    except _MALFORMED as error:
        raise ListenError(f"cannot listen on {endpoint}: {_reason(error)}") from error
    few = _FewLines(Seldom(reactor.seconds))
    port._logger = Logger(namespace=__name__, observer=few)  # type: ignore[attr-defined]  # it has no public name
    return port


@implementer(ILogObserver)
class _FewLines:
    """Twisted says a line or three for each client that there is no descriptor for; one a minute says as much."""

    def __init__(self, seldom: Seldom) -> None:
        self._seldom = seldom

    def __call__(self, event: LogEvent) -> None:
        if self._seldom.due(event.get("log_format")) is not None:
            globalLogPublisher(event)


def probe(endpoints: Iterable[str]) -> None:
    """ListenError for an endpoint that is none, or whose TCP port is taken: found before anything is made."""
    with ExitStack() as taken:
        for endpoint in endpoints:
            try:
                serverFromString(None, expand(endpoint))
                if int(tcp_argument(endpoint, "port") or 0):
                    taken.enter_context(_bound(endpoint))
            except _MALFORMED as error:
                raise ListenError(f"cannot listen on {endpoint}: {_reason(error)}") from error


def _bound(endpoint: str) -> socket.socket:
    """A socket that listens where a TCP endpoint will; all are held, so that none of the endpoints takes another's."""
    text = expand(endpoint)
    six = text.removeprefix("haproxy:").startswith("tcp6:")
    interface = tcp_argument(text, "interface") or ("::" if six else "0.0.0.0")  # noqa: S104 (only to see if it is free)
    bound = socket.socket(socket.AF_INET6 if ":" in interface else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((interface, int(tcp_argument(text, "port"))))
        bound.listen(1)
    except BaseException:
        bound.close()
        raise
    return bound


def _reason(error: object) -> str:
    if isinstance(error, LookupError):  # of Twisted's systemd endpoint alone
        return "systemd has handed over no such socket"
    return getattr(error, "strerror", None) or str(error)


class Listener:
    """One endpoint that clients come to."""

    def __init__(self, proxy: str, endpoint: str, port: IListeningPort, acceptor: Acceptor | None = None) -> None:
        self.proxy = proxy
        """The named proxy that it belongs to; "" for the API."""
        self.endpoint = endpoint
        self.port = port
        self._acceptor = acceptor

    @classmethod
    async def of_proxy(cls, reactor: Any, plane: DataPlane, proxy: str, endpoint: str) -> Listener:
        """Listening and accepting.  ListenError."""
        factory = BridgeFactory(reactor, plane, proxy)
        port: Any = await listen(reactor, endpoint, factory)
        acceptor = None
        if isinstance(port, Port | UnixPort) and port.factory is factory:
            port.stopReading()
            port.socket.listen(BACKLOG)
            acceptor = Acceptor(plane, reactor, port.socket, proxy)
            acceptor.start()
        return cls(proxy, endpoint, port, acceptor)

    @classmethod
    async def of_api(cls, reactor: Any, factory: IProtocolFactory, endpoint: str) -> Listener:
        """ListenError."""
        return cls("", endpoint, await listen(reactor, endpoint, factory))

    def __str__(self) -> str:
        host: Any = self.port.getHost()
        if hasattr(host, "port"):
            place = f"[{host.host}]:{host.port}" if ":" in host.host else f"{host.host}:{host.port}"
        else:
            place = os.fsdecode(host.name) if hasattr(host, "name") else str(host)
        return f"proxy {self.proxy} on {place}" if self.proxy else f"API on {place}"

    async def close(self) -> None:
        """Accept no more."""
        if self._acceptor is not None:
            self._acceptor.stop()
        closing = self.port.stopListening()
        if closing is not None:
            await closing


class Listeners:
    """All that clients come to.  A pair is a proxy's name ("" for the API) and an endpoint."""

    log = Logger()

    def __init__(self, reactor: Any, plane: DataPlane, api: Callable[[], IProtocolFactory]) -> None:
        self.own = OwnListeners()
        """What customers must not reach through the proxy."""
        self._reactor = reactor
        self._plane = plane
        self._api = api
        self._open: list[Listener] = []

    def __len__(self) -> int:
        return len(self._open)

    async def opened(self, wanted: Sequence[tuple[str, str]]) -> list[Listener]:
        """New ones for those pairs that have none; all or none.  ListenError."""
        known = {(each.proxy, each.endpoint) for each in self._open}
        new: list[Listener] = []
        try:
            for proxy, endpoint in wanted:
                if (proxy, endpoint) in known:
                    continue
                if proxy:
                    new.append(await Listener.of_proxy(self._reactor, self._plane, proxy, endpoint))
                else:
                    new.append(await Listener.of_api(self._reactor, self._api(), endpoint))
        except ListenError:
            for listener in new:
                await listener.close()
            raise
        return new

    async def take(self, wanted: Sequence[tuple[str, str]], new: Sequence[Listener]) -> None:
        """From now on these new ones, and those of the others that are wanted still."""
        gone = [each for each in self._open if (each.proxy, each.endpoint) not in wanted]
        self._open = [*(each for each in self._open if each not in gone), *new]
        for listener in gone:
            await listener.close()
        self.own = own_listeners(listener.port for listener in self._open)
        for listener in self._open:  # the API's last: who waits for its line waits for all
            self.log.info("{listener} listens", listener=str(listener))

    async def close(self) -> None:
        await DeferredList([Deferred.fromCoroutine(listener.close()) for listener in self._open])


def own_listeners(ports: Iterable[IListeningPort]) -> OwnListeners:
    """What customers must not reach through the proxy."""
    hosts = [port.getHost() for port in ports]
    return OwnListeners(
        ports=frozenset(host.port for host in hosts if hasattr(host, "port")),
        addresses=frozenset(host.host for host in hosts if hasattr(host, "host")),
    )
