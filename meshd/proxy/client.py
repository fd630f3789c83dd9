"""The interfaces of a client's connection, as other modules use it, and of the protocol that the client speaks."""

from __future__ import annotations

import ssl
from typing import Protocol

from meshd.exits.choosing import Choice
from meshd.model import Admission, Refusal
from meshd.passing.client import Recipient
from meshd.passing.place import Place
from meshd.proxy.pairs import Server
from meshd.proxy.request import ProxyRequest
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire
from meshd.usage.meter import Meter


class Speech(Protocol):
    """The protocol of one connection, HTTP/1.1, HTTP/2 or SOCKS5: how a request is read and how it is answered."""

    async def read(self) -> ProxyRequest | None:
        """Read the next request; None where the client has left between two requests.
        Raises: BadMessage, Stopped, ClientGone.
        """

    def farewell(self) -> bool:
        """Ask the client to ask for no more here; whether the protocol can say that, and the connection then ends."""

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        """The answer to a request whose tunnel stands.

        label: the exit's name as the client sees it; source: the local address of the connection to the origin.
        """

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        """The answer to a request that is refused, or that could not be read; keep: whether the connection goes on."""


class Client(Recipient, Protocol):
    """The connection of one client."""

    proxy: str
    """The name of the proxy that the client came to."""
    introduced: bool
    """Whether a PROXY header must come first, whoever the peer is."""
    place: Place
    meter: Meter | None
    """The meter of the exchange under way."""
    cut: Refusal | None
    """Why the exchange may go no further; None while it may."""
    reader: Task | None
    writer: Task | None
    """Tasks that wait for `wake`."""
    speech: Speech | None
    """None while nothing can be answered, because a TLS handshake is under way."""

    @property
    def takes_datagrams(self) -> bool:
        """Whether the client may send datagrams: the settings say so, and it came by an address to send them to."""

    # What the client says

    async def receive(self) -> bool:
        """Wait for more bytes; False where the client has left."""

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """Decide who is asking with these field values, None for an absent field; from memory, if possible."""

    def came_from(self, address: str) -> None:
        """Take the client's address from a PROXY header, in place of the peer's, and count the client there."""

    async def introduce(self) -> bool:
        """Read a PROXY header and wait for the bytes after it; False where the client has left.  Raises: BadHeader."""

    def handshake(self, *, over: bool) -> None:
        """Start the time for a handshake of TLS, as it begins, or the first time after it, as it is over."""

    async def take_off_tls(self, context: ssl.SSLContext) -> bool:
        """Shake hands with a client that has begun to, and have plain bytes from then on; False where it has left."""

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read what the client says."""

    def takes_stream(self, under_way: int, most: int) -> bool:
        """Whether there is room for one more stream beside those under way; most: as the client was told."""

    def serve_stream(self, wire: Wire) -> Server | None:
        """Serve the client by a stream of this connection, with HTTP/1.1 by that wire; as in `Servers`."""

    # The time it has

    def alive(self) -> None:
        """Start the time of the present phase anew: bytes have moved."""

    async def let_it_read(self) -> None:
        """Read and drop what the client still sends: unread bytes would reset the answer away."""

    def wake(self) -> None:
        """Resume the tasks that wait for room, which look again."""

    def untimed(self) -> None:
        """Bound nothing until the next phase: what follows has a time of its own."""

    def expect_head(self) -> None:
        """Start the head timeout for an admitted client; calling again while one head arrives does not extend it."""
