"""HTTP/2 with a client whom another server serves, stream by stream: for the API, whose own server speaks HTTP/1.1."""

from __future__ import annotations

from typing import Protocol

from meshd.passing.handed import Line
from meshd.proxy.connection import ClientConnection
from meshd.proxy.passage import Passage
from meshd.proxy.plane import DataPlane
from meshd.proxy.session import Session
from meshd.sockets.poll import Behind
from meshd.sockets.wire import Wire

FEW = 20
"""Streams that a client whom nobody knows may have at once: more than a page is made of."""


class Serve(Protocol):
    """Serves one stream by HTTP/1.1."""

    def __call__(self, fd: int, stream: Served, /) -> None:
        """fd: a socket, for the server to close; stream: is to hear what becomes of it.  Raises: OSError."""


class Served:
    """A stream that is served elsewhere, as who serves it tells of it."""

    __slots__ = ("_behind", "_session")

    def __init__(self, session: SessionConnection, behind: Behind) -> None:
        self._session = session
        self._behind: Behind | None = behind

    def known(self, account_id: int) -> None:
        """Hear that a request on it has signed in."""
        self._session.known(account_id)

    def cut(self) -> None:
        """Hear that its end, which follows, is none that its client may take for a proper one."""
        if self._behind is not None:
            self._behind.abort()

    def gone(self) -> None:
        """Hear that its socket is closed; again does no harm."""
        if self._behind is not None:
            self._behind = None
            self._session.served()


class SessionConnection(ClientConnection):
    """Of a client whose TLS is another's; it knows HTTP/2 from its first byte on."""

    __slots__ = ("_line", "_serve_one")

    def __init__(self, plane: DataPlane, proxy: str, wire: Wire, line: Line, answering: str, serve: Serve) -> None:
        """answering: the address that answers for what the client does, "" for none."""
        super().__init__(plane, proxy, wire)
        self._line = line
        self.speech = Session(self, plane, answering, extended=True)
        self._serve_one = serve
        self._met = True

    async def _exchange(self) -> bool:
        """Serve the session, once its first bytes have come."""
        return await self.receive() and await super()._exchange()

    def takes_stream(self, under_way: int, most: int) -> bool:
        """As of any connection; strangers have few, and none while half of the data plane's room is taken."""
        if not self.place.known:
            return under_way < FEW and not busy(self._plane)
        return super().takes_stream(under_way, most)

    def serve_stream(self, wire: Wire) -> None:
        fd = wire.release()
        stream = Served(self, self._plane.poller.hand_out(fd))
        try:
            self._serve_one(fd, stream)
        except OSError:  # no descriptors
            stream.gone()

    # What streams tell

    def known(self, account_id: int) -> None:
        """Count the client as this account's, where that is told, and no longer as one whom nobody knows: no stranger
        has its place.
        """
        self._line.signed_in(account_id)
        if self.task.over:
            return
        self.place.admitted()
        if account_id:
            self.place.hold(account_id)

    def served(self) -> None:
        self._plane.poller.handed_in()


def busy(plane: DataPlane) -> bool:
    """Whether half of the data plane's descriptors are in use: no stranger to the API takes the other half."""
    return 2 * len(plane.poller) > plane.caps.ceiling


def passed_on(plane: DataPlane, line: Line, proxy: str, peer: str, answering: str, serve: Serve) -> Passage:
    """Have a client's bytes read as HTTP/2 from now on.  proxy: whose end ends it; answering: the address
    that answers for what the client does, "" for none.  Raises: OSError.
    """
    passage = Passage(plane, line)
    SessionConnection(plane, proxy, passage.join(peer), line, answering, serve).begin()
    return passage
