"""The path of datagrams to one destination from an address of this machine."""

from __future__ import annotations

import socket

from meshd.sockets.datagrams import AT_ONCE, Receiver
from meshd.sockets.poll import IN, Poller


class LocalPath:
    """A connected socket."""

    __slots__ = ("_buffer", "_poller", "_receiver", "_sock", "address", "source")

    def __init__(self, poller: Poller, sock: socket.socket, address: str, source: str) -> None:
        self._poller, self._sock = poller, sock
        self.address = address
        self.source = source or str(sock.getsockname()[0])
        self._receiver: Receiver | None = None
        self._buffer = memoryview(b"")

    def begin(self, receiver: Receiver, buffer: memoryview) -> None:
        self._poller.add(self._sock.fileno(), self, IN)  # first: what was not added cannot be removed
        self._receiver, self._buffer = receiver, buffer

    def send(self, data: bytes | memoryview) -> None:
        self._sock.send(data)

    def ready(self, fd: int, events: int) -> None:
        """Hand over what has come."""
        for _ in range(AT_ONCE):
            receiver = self._receiver
            if receiver is None or not receiver.listens:
                return
            try:
                size = self._sock.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                receiver.failed(error)
                return
            receiver.came(self._buffer[:size])

    def pause(self) -> None:
        self._poller.pause(self._sock.fileno())

    def resume(self) -> None:
        fd = self._sock.fileno()
        self._poller.resume(fd)
        self.ready(fd, IN)

    def close(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            self._poller.remove(self._sock.fileno())
        self._sock.close()
