"""HTTP/2 with a client whom another server serves, stream by stream: for the API, whose own server speaks HTTP/1.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meshd.proxy.connection import ClientConnection
from meshd.proxy.passage import Line, Passage
from meshd.proxy.plane import DataPlane
from meshd.proxy.session import Session
from meshd.sockets.wire import Wire


class Serve(Protocol):
    """Serves one stream by HTTP/1.1."""

    def __call__(self, fd: int, known: Callable[[], None], /) -> None:
        """fd: a socket, for the server to close; known: is to be called once a request on it has signed in."""


class SessionConnection(ClientConnection):
    """Of a client whose TLS is another's; it knows HTTP/2 from its first byte on."""

    __slots__ = ("_serve_one",)

    def __init__(self, plane: DataPlane, proxy: str, wire: Wire, serve: Serve) -> None:
        super().__init__(plane, proxy, wire)
        self.speech = Session(self, plane, extended=True)
        self._serve_one = serve
        self._met = True

    async def _exchange(self) -> bool:
        """Serve the session, once its first bytes have come."""
        return await self.receive() and await super()._exchange()

    def serve_stream(self, wire: Wire) -> None:
        fd = wire.release()
        self._plane.poller.unregister(fd)
        self._serve_one(fd, self._known)

    def _known(self) -> None:
        """Count the client no longer as one whom nobody knows."""
        if not self.task.over and not self.place.known:
            self.place.admitted()


def passed_on(plane: DataPlane, line: Line, proxy: str, peer: str, serve: Serve) -> Passage:
    """Have a client's bytes read as HTTP/2 from now on.  proxy: whose end ends it.  Raises: OSError."""
    passage = Passage(plane, line)
    SessionConnection(plane, proxy, passage.join(peer), serve).begin()
    return passage
