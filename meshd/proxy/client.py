"""A client's connection as others see it: those who read its requests, have it wait, and bring it answers; and how it
is spoken to.
"""

from __future__ import annotations

from typing import Protocol

from meshd.exits.choosing import Choice
from meshd.model import Admission, Refusal
from meshd.proxy.caps import Place
from meshd.proxy.request import ProxyRequest
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire


class Speech(Protocol):
    """The protocol that one connection speaks.  Who may ask, and which way it goes, does not depend on it."""

    async def read(self) -> ProxyRequest | None:
        """The next request; None where the client has left between two.

        Raises: BadMessage, Stopped, ClientGone.
        """

    def established(self, label: str, choice: Choice, source: str, request_id: str) -> bytes:
        """The answer to a request whose tunnel stands.

        label: what the exit is called; source: the address that it leaves by.
        """

    def refusal(self, no: Refusal, request_id: str, *, keep: bool) -> bytes:
        """The answer to a request that is refused, or to what should have become one."""


class Client(Protocol):
    """The connection of one client."""

    wire: Wire
    buffer: bytes
    """Received and not yet understood."""
    proxy: str
    """The name of the proxy that the client came to."""
    place: Place
    task: Task
    speech: Speech | None
    """None while the client could not hear us."""

    # What it says

    async def receive(self) -> bool:
        """Wait for more bytes; False where the client has left."""

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """Who is asking with these credentials, or with none; from memory, if possible."""

    def came_from(self, address: str) -> None:
        """Take the client's own address, where the peer's is that of a proxy before us, and count it as that one's."""

    def swap(self, wire: Wire) -> None:
        """Go on with another socket, which the client is heard by from now on."""

    # Its time

    def phase(self, reason: str, seconds: float) -> None:
        """Let the exchange take so long until the next call, or end with that reason."""

    def expect_head(self) -> None:
        """Start the head's timeout for a client that is known; the same head does not extend it by a second call."""

    def handshake(self, *, over: bool) -> None:
        """Start the grace of a client whose TLS begins, or stands: what it has to say can only come after that."""

    # Its bytes, counted

    @property
    def room(self) -> int:
        """How many bytes may be moved now."""

    async def take(self) -> bytes:
        """Bytes of the client, to be counted by `took`; b"" where it has ended.

        Raises: ClientGone, Stopped.
        """

    async def took(self, size: int, pieces: int = 0) -> None:
        """Count so many bytes of what was taken; pieces: the chunks that they came in."""

    async def deliver(self, data: bytes) -> None:
        """Send the client bytes, and count them.

        Raises: ClientGone, Stopped.
        """

    async def worked(self, work: int) -> None:
        """Give others their turn after what takes as long as so many bytes."""

    # Its answer

    def begin_answer(self, status: int, *, framed: bool = True) -> None:
        """Note that the answer is on its way; framed: whether the client can tell where its end is."""

    def end_interim(self) -> None:
        """Note that the answer was an interim one, and is whole: another may still be given."""
