"""The interfaces of a client's connection, as other modules use it, and of the protocol that the client speaks."""

from __future__ import annotations

from typing import Protocol

from meshd.exits.choosing import Choice
from meshd.model import Admission, Refusal
from meshd.proxy.caps import Place
from meshd.proxy.request import ProxyRequest
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire


class Speech(Protocol):
    """The protocol of one connection, HTTP or SOCKS5: how a request is read and how it is answered."""

    async def read(self) -> ProxyRequest | None:
        """Read the next request; None where the client has left between two requests.
        Raises: BadMessage, Stopped, ClientGone.
        """

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        """The answer to a request whose tunnel stands.

        label: the exit's name as the client sees it; source: the local address of the connection to the origin.
        """

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        """The answer to a request that is refused, or that could not be read; keep: whether the connection goes on."""


class Client(Protocol):
    """The connection of one client."""

    wire: Wire
    buffer: bytes
    """Bytes received and not read as a message yet."""
    proxy: str
    """The name of the proxy that the client came to."""
    introduced: bool
    """Whether a PROXY header must come first, whoever the peer is."""
    place: Place
    task: Task
    speech: Speech | None
    """None while nothing can be answered, because a TLS handshake is under way."""

    # What the client says

    async def receive(self) -> bool:
        """Wait for more bytes; False where the client has left."""

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """Decide who is asking with these field values, None for an absent field; from memory, if possible."""

    def came_from(self, address: str) -> None:
        """Take the client's address from a PROXY header, in place of the peer's, and count the client there."""

    def swap(self, wire: Wire) -> None:
        """Replace the client's socket, after TLS was taken off."""

    # The time it has

    def phase(self, reason: str, seconds: float) -> None:
        """Bound what follows: without another call within so many seconds the exchange ends with that reason."""

    def expect_head(self) -> None:
        """Start the head timeout for an admitted client; calling again while one head arrives does not extend it."""

    def handshake(self, *, over: bool) -> None:
        """Start the grace of a client anew when its TLS handshake begins, and when it is over."""

    # The bytes it moves, counted

    @property
    def room(self) -> int:
        """How many bytes may be moved now."""

    async def take(self) -> bytes:
        """Wait for bytes of the client, to be counted by `took`; b"" where the client has ended.
        Raises: ClientGone, Stopped.
        """

    async def took(self, size: int, pieces: int = 0) -> None:
        """Count so many bytes of what `take` gave; pieces: the number of chunks that they came in."""

    async def deliver(self, data: bytes) -> None:
        """Send the client bytes, wait until the kernel has taken them, and count them.  Raises: ClientGone, Stopped."""

    async def worked(self, work: int) -> None:
        """Count work that takes as long as moving so many bytes; give others their turn after too much."""

    # The answer it gets

    def begin_answer(self, status: int, *, framed: bool = True) -> None:
        """Note that an answer begins; framed: whether the client can tell where that answer ends."""

    def end_interim(self) -> None:
        """Note that the answer was an interim response and is complete: a final one may still be given."""
