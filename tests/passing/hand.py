"""The data plane driven by hand: a poller without a reactor, loopback connections, and a meter that only counts."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from meshd.model import Refusal
from meshd.sockets.metering import NOT_NOW
from meshd.sockets.poll import Poller
from meshd.values.bounds import OnLimit
from tests.support.ready import readable

PATIENCE = 60.0


class Hand:
    """A poller, and the calls that were put off to a later turn."""

    def __init__(self, test: Any) -> None:
        self.poller = Poller(None)  # type: ignore[arg-type]  # only start() and stop() need the reactor
        self.later: list[Callable[[], None]] = []
        self._test = test
        test.addCleanup(self.poller._epoll.close)

    def close(self) -> None:
        """Close what a test left registered, where nobody else will: pytest keeps every test's instance."""
        for fd in tuple(self.poller._owners):
            os.close(fd)

    def turn(self) -> None:
        """What one turn of the reactor does."""
        self.poller.doRead()
        later, self.later[:] = list(self.later), []
        for call in later:
            call()

    def until(self, condition: Callable[[], Any], meanwhile: Callable[[], Any] = lambda: None) -> None:
        """Turn after turn.  The test fails where the condition does not come true."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("it did not happen")
            meanwhile()
            if not self.later:
                readable([self.poller], 0.001)
            self.turn()

    def settle(self) -> None:
        """Until nothing is ready any more."""
        while self.later or readable([self.poller], 0.02):
            self.turn()


def take_no_more(test: Any, when: Callable[[int], bool] = lambda fd: True) -> None:
    """Have epoll take none of these descriptors from now on, as where the kernel's bound on them is reached."""
    add = Poller.add

    def refuse(poller: Poller, fd: int, *others: Any) -> None:
        if when(fd):
            raise OSError(errno.ENOSPC, "No space left on device")
        add(poller, fd, *others)

    test.patch(Poller, "add", refuse)


def tcp_pair(test: Any, buffers: int = 0) -> tuple[socket.socket, socket.socket]:
    """Two ends of a loopback connection, non-blocking; the first is to be given away (detach it)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.socket()
        if buffers:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        far.connect(listener.getsockname())
        near, _ = listener.accept()
    for end in (near, far):
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        test.addCleanup(end.close)
    return near, far


class Far:
    """The peer: sends what it has, keeps what it gets."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unsent = b""
        self.got = bytearray()
        self.ended = False
        self.reset = False
        self.reading = True

    def step(self) -> None:
        if self.unsent:
            try:
                self.unsent = self.unsent[self.sock.send(self.unsent[: 256 * 1024]) :]
            except BlockingIOError:
                pass
            except OSError:
                self.unsent, self.reset = b"", True
        while self.reading and not self.ended:
            try:
                data = self.sock.recv(1024 * 1024)
            except BlockingIOError:
                return
            except OSError:
                self.ended = self.reset = True
                return
            self.got += data
            self.ended = not data

    def end(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)


class CountingMeter:
    """As the ledger's meters, with a room that the test sets and a hook on each count."""

    short: Refusal = NOT_NOW
    """The answer to a datagram for which there is no room."""
    whose = 7

    def __init__(self, room: int = 2**62) -> None:
        self.room = room
        self.up = 0
        self.down = 0
        self.weighed: list[tuple[int, bool]] = []
        """The datagrams that have gone, of which a rate takes more than their bytes."""
        self.awaited: list[int] = []
        """The sizes of datagrams that wait for room, each time that it was asked for."""
        self.on_up: Callable[[int], None] = lambda n: None
        self.on_down: Callable[[int], None] = lambda n: None

    def against(self, size: int, *, upward: bool, on_limit: OnLimit) -> Refusal | None:
        return None if self.room >= (size or 1) else self.short

    def weigh(self, size: int, *, upward: bool) -> None:
        self.weighed.append((size, upward))

    def await_up(self, size: int) -> None:
        self.awaited.append(size)

    def sent_up(self, n: int) -> None:
        self.up += n
        self.room -= n
        self.on_up(n)

    def sent_down(self, n: int) -> None:
        self.down += n
        self.room -= n
        self.on_down(n)


def descriptors() -> set[int]:
    """Open in this process now."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            continue  # the listing's own
        found.add(int(name))
    return found
