"""Datagrams to and from one address, by a socket of its own whose port the kernel draws.

The socket is connected: what others send, the kernel drops.  Twisted's UDP ports say in the log that they open and
close, which is four lines for each name that a client asks for.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

LONGEST = 65535
"""Bytes of a datagram."""

AT_ONCE = 16
"""Datagrams read at one wake-up."""


@implementer(IReadDescriptor)
class Datagrams:
    """A connected UDP socket, open until `close`; `received` is called with each datagram.  Raises: OSError."""

    def __init__(self, reactor: Any, address: tuple[str, int], received: Callable[[bytes], None]) -> None:
        self._reactor = reactor
        self._received = received
        self._socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(address)
            reactor.addReader(self)
        except BaseException:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        """Send one datagram; a full buffer drops the datagram, as the network may.  Raises: OSError."""
        try:
            self._socket.send(data)
        except BlockingIOError:
            return

    def close(self) -> None:
        self._reactor.removeReader(self)
        self._socket.close()

    # IReadDescriptor

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "datagrams"

    def doRead(self) -> None:
        for _ in range(AT_ONCE):
            try:
                data = self._socket.recv(LONGEST)
            except OSError:  # nothing more; or a port that is closed for the moment, which is silence like any other
                return
            self._received(data)
            if self._socket.fileno() < 0:  # whom it told has closed it
                return

    def connectionLost(self, reason: Any) -> None:
        """Do nothing: the reactor has let go of the socket, and the owner of this object closes it."""
