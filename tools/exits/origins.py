"""What is asked for: origins on loopback, of every kind that an exit is to carry."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.daemon import free_port
from tests.support.origin import Received, RecordingOrigin, Stream
from tools.exits.lines import SECONDS, AmissError

HELLO, HELLO_BACK = b"\x81\x85\0\0\0\0hello", b"\x81\x05hello"
"""A WebSocket message of a client, under a mask of zeros, and the same of a server."""


class Origin(RecordingOrigin):
    """One that a proxy which reads WebSockets takes for a server of them, and that ends no connection: what a proxy
    does with one that stays open is looked at.
    """

    obliging = False

    async def _answer(self, request: Received, stream: Stream, writer: object) -> bool:
        if request.path != "/websocket":
            return await super()._answer(request, stream, writer)  # type: ignore[arg-type]
        head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(head + b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")  # type: ignore[attr-defined]
        got = b""
        while len(got) < len(HELLO) and (data := await stream.some()):
            got += data
        writer.write(HELLO_BACK if got.startswith(b"\x81\x85") else b"")  # type: ignore[attr-defined]
        await stream.some()
        return False


class Origins:
    """What is asked for: all on loopback, and one port at which nobody listens."""

    def __init__(self) -> None:
        self.plain, self.other, self.secure = Origin(), Origin(), Origin(tls=True)
        self.tunnelled = Origin()
        self.six = Origin(host="::1")
        self.refused = RecordingOrigin(raw="echo")
        """At a port that no exit's rules leave open to tunnels."""
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.listener.settimeout(SECONDS)
        self.raw: int = self.listener.getsockname()[1]
        self.closed = free_port()

    @property
    def open_ports(self) -> tuple[int, ...]:
        """To tunnels."""
        return self.secure.port, self.six.port, self.raw, self.closed, self.tunnelled.port

    @property
    def ports(self) -> tuple[int, ...]:
        """All that are asked for but `refused`."""
        return *self.open_ports, self.plain.port, self.other.port

    @contextmanager
    def by_tunnel(self) -> Iterator[None]:
        """The plain origin is one whose port is open to tunnels."""
        plain, self.plain = self.plain, self.tunnelled
        try:
            yield
        finally:
            self.plain = plain

    @contextmanager
    def accepted(self) -> Iterator[socket.socket]:
        """The next connection to the raw port.  Raises: AmissError"""
        try:
            far, _ = self.listener.accept()
        except TimeoutError:
            raise AmissError("nothing came to the origin") from None
        with far:
            far.settimeout(SECONDS)
            yield far

    def forget(self) -> None:
        for each in (self.plain, self.other, self.secure, self.six, self.tunnelled):
            each.forget()

    def close(self) -> None:
        for each in (self.plain, self.other, self.secure, self.six, self.tunnelled, self.refused):
            each.close()
        self.listener.close()
