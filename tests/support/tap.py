"""A wire between a client and a proxy that keeps every byte: a test can count and read what a real client saw."""

from __future__ import annotations

import contextlib
import inspect
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

TIMEOUT = 30.0

PATIENCE = 5.0
"""Seconds that a connection has to end by itself, once the tap is closed."""


@dataclass
class Tapped:
    """One connection, whole."""

    up: bytearray = field(default_factory=bytearray, repr=False)
    """From the client."""
    down: bytearray = field(default_factory=bytearray, repr=False)

    def counted(self) -> tuple[int, int]:
        """What a proxy bills of it: of SOCKS not the greeting and the login (RFC 1928, 3; RFC 1929, 2)."""
        if self.up[:1] != b"\x05":
            return len(self.up), len(self.down)
        skipped, answered = 2 + self.up[1], 2
        if self.down[1] == 2:
            skipped += 2 + self.up[skipped + 1]
            skipped += 1 + self.up[skipped]
            answered += 2
        return len(self.up) - skipped, len(self.down) - answered


class Tap:
    """Listens from the constructor on; `close`, or the owner's clean-up, ends it."""

    def __init__(self, owner: Any, port: int) -> None:
        """port: of the proxy, on 127.0.0.1."""
        self.connections: list[Tapped] = []
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)
        getattr(owner, "addClassCleanup" if inspect.isclass(owner) else "addCleanup")(self.close)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def received(self) -> bytes:
        """All that clients were sent."""
        return b"".join(bytes(each.down) for each in self.connections)

    def counted(self) -> tuple[int, int]:
        """Of all connections together."""
        pairs = [each.counted() for each in self.connections]
        return sum(up for up, _ in pairs), sum(down for _, down in pairs)

    def close(self) -> None:
        """Once the clients have ended; then whatever they have left."""
        _shut(self._listener)
        self._listener.close()
        for patience in (PATIENCE, TIMEOUT):
            for thread in list(self._threads):
                thread.join(patience)
            for each in list(self._open):
                _shut(each)

    # In threads

    def _spawn(self, work: Any, *args: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        tapped = Tapped()
        self.connections.append(tapped)
        with client, socket.create_connection(("127.0.0.1", self._target), TIMEOUT) as proxy:
            self._open |= {client, proxy}
            up = self._spawn(_copy, client, proxy, tapped.up)
            _copy(proxy, client, tapped.down)
            up.join(TIMEOUT)
            self._open -= {client, proxy}


def _copy(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    """Until the source ends, whether or not the target still listens; the end is passed on."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            kept += data
            with contextlib.suppress(OSError):
                target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _shut(each: socket.socket) -> None:
    """This wakes the thread that waits for it."""
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
