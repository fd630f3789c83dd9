"""A client's connection that one server goes on having, and whose bytes another one takes from some moment on.

The server has the socket and its TLS, which is the line; the taker has what is said on it.  So an edge that speaks HTTP
by Twisted and the data plane, strangers to each other, serve one client.
"""

from __future__ import annotations

from typing import Protocol


class Line(Protocol):
    """The client's connection, as whoever has taken it uses it."""

    def signed_in(self, account_id: int) -> None:
        """Count the client no longer as one whom nobody knows."""

    def send(self, data: bytes) -> None: ...

    def read_on(self, on: bool, /) -> None:
        """Read what the client sends, or leave it where it is."""

    def unsent(self) -> int:
        """Bytes that were sent and that the client has not taken, as far as the kernel knows; 0 where it is gone."""

    def leave(self, seconds: float, *, properly: bool) -> None:
        """Close once all was sent, or once the client takes nothing for so many seconds.

        properly: with the end that TLS has, without which the client knows that something is missing.
        """


class AskedLine(Line, Protocol):
    """The line of a client who has asked for another protocol, and has no answer yet."""

    def switch(self, head: bytes, account_id: int) -> bytes:
        """Send the answer that the other protocol begins behind, to a client who is that account's; what it has sent
        already.
        """

    def decline(self, status: int, answer: bytes) -> None:
        """Send that answer, whole, and close."""


class Taker(Protocol):
    """What carries a connection that goes on in another protocol."""

    def received(self, data: bytes) -> None:
        """Take bytes of the client."""

    def ended(self) -> None:
        """Hear that the client sends no more, and may go on reading."""

    def pause(self) -> None:
        """Send the client no more for now."""

    def resume(self) -> None:
        """Send the client more."""

    def lost(self) -> None:
        """Hear that the connection is gone."""
