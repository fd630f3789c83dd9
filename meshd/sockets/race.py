"""From addresses to a connected socket: each address is tried as soon as the one before has failed or is slow, and the
first that connects wins (RFC 8305).
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import Any, Literal

from twisted.internet.interfaces import IReactorTime

from meshd.model import Refusal
from meshd.sockets.poll import GONE, OUT, URGENT, Poller
from meshd.sockets.task import READING, Task, parked
from meshd.sockets.wire import borrow

ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside a slow one (RFC 8305, section 8)."""

PREPARED = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
)
"""Options of each socket: a keep-alive probe a minute is for middleboxes; the idle timeout ends vanished origins."""

BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT: connect chooses the port, so that an address serves 28,000 connections to each origin."""

IPV6_FREEBIND = 78

UNTRIED = errno.EHOSTUNREACH
"""What is wrong where there was nothing to try."""

TIMEOUT = "connection-timeout"
"""The refusal's reason where nothing connected in time."""

_NOT_REACHED = {
    errno.ECONNREFUSED: "connection-refused",
    errno.ECONNRESET: "connection-reset",
    errno.ETIMEDOUT: TIMEOUT,
    errno.EADDRNOTAVAIL: "exit-failed",
    errno.EMFILE: "overloaded",
    errno.ENFILE: "overloaded",
    errno.ENOSPC: "overloaded",
}


Blame = Literal["destination", "exit", "either", "family"]
"""Whose fault it is that a connection failed; family: the destination has no address of the exit's address family."""


class DialError(Exception):
    """No connection could be made; `refusal` is the answer to the client."""

    def __init__(
        self, refusal: Refusal, blame: Blame = "destination", cause: str = "", *, answered: bool = False
    ) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.blame = blame
        """Whose fault it was; another exit may do better unless it was the destination's."""
        self.cause = cause or refusal.reason
        """The reason as the operator may see it, who may know more of an exit than a client."""
        self.answered = answered
        """Whether an upstream proxy that works was asked for the destination and has refused it."""


@dataclass(slots=True)
class Dialled:
    """A connected, registered, non-blocking socket."""

    fd: int
    address: str
    """The address that was dialled."""
    source: str
    """The local address of the socket; of an exit with an upstream proxy the exit's address, or its name."""
    readable: bool
    """Whether the peer may have sent something already."""
    early: bytes = b""
    """Bytes of the destination that came with the end of an upstream proxy's handshake."""


class Race:
    """Attempts at the addresses of one name; the first that connects wins."""

    __slots__ = (
        "_addresses",
        "_clock",
        "_error",
        "_open",
        "_poller",
        "_port",
        "_receive_buffer",
        "_source",
        "_timer",
        "_won",
        "reader",
        "writer",
    )

    _open: dict[int, str]
    """Attempts under way: descriptors, and the addresses that they connect to."""

    def __init__(
        self,
        poller: Poller,
        clock: IReactorTime,
        addresses: tuple[str, ...],
        port: int,
        source: str,
        receive_buffer: int = 0,
    ) -> None:
        """source: the address to leave by, or ""; receive_buffer: SO_RCVBUF, or 0 where the kernel decides."""
        self._poller = poller
        self._clock = clock
        self._addresses = addresses
        """Those that are still to be tried, in this order."""
        self._port = port
        self._source = source
        self._receive_buffer = receive_buffer
        self._won: Dialled | None = None
        self._error = UNTRIED
        self._timer: Any = None
        self.reader: Task | None = None
        self.writer: Task | None = None

    async def winner(self) -> Dialled:
        """Connect; runs in a Task.  Raises: DialError with the last failure when every attempt has failed."""
        self._open = {}
        try:
            self._next()
            while (won := self._won) is None and (self._open or self._addresses):
                await parked(self, READING)
        finally:
            if self._open or self._timer is not None:
                self._abandon()
        if won is None:
            reason = _NOT_REACHED.get(self._error, "unreachable")
            raise DialError(Refusal(reason), "exit" if reason == "exit-failed" else "destination")
        return won

    def ready(self, fd: int, events: int, /) -> None:
        """Note that the attempt with this descriptor has connected or failed."""
        if events & GONE:
            error = _error_of(fd)
            if error:  # epoll also reports EPOLLHUP for a socket that has not begun to connect
                self._failed(fd, error)
                self._next()
        elif events & OUT:
            if not self._connected(fd, bool(events & ~OUT)):
                self._next()
            elif events & URGENT:
                self._poller.tell_again(fd)
        self._tell()

    def _tell(self) -> None:
        """Wake the task in `winner` if the race is over."""
        if self.reader is not None and (self._won is not None or not (self._open or self._addresses)):
            task, self.reader = self.reader, None
            task.resume()

    def _next(self) -> None:
        """Begin attempts until one is under way, and schedule the one after that."""
        while self._addresses and self._won is None:
            address, self._addresses = self._addresses[0], self._addresses[1:]
            if self._begin(address):
                break
        if self._addresses and self._won is None and self._open:
            self._stop_timer()
            self._timer = self._clock.callLater(ATTEMPT_DELAY, self._slow)

    def _slow(self) -> None:
        self._timer = None
        self._next()
        self._tell()

    def _begin(self, address: str) -> bool:
        """Begin an attempt; whether it is under way, or has won already."""
        fd, outcome = self._connect(address)
        if fd < 0:
            self._error = outcome
            return False
        try:
            self._poller.add(fd, self)
        except OSError as error:  # epoll takes no more
            os.close(fd)
            self._error = error.errno or errno.EHOSTUNREACH
            return False
        self._open[fd] = address
        return outcome != 0 or self._connected(fd, True)

    def _connect(self, address: str, /) -> tuple[int, int]:
        """A socket that connects to address, and 0 where it has, else EINPROGRESS; -1 and the error where it cannot."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            attempt = socket.SocketType(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0)
        except OSError as error:
            return -1, error.errno or errno.EHOSTUNREACH
        try:
            self._prepare(attempt)
            outcome = attempt.connect_ex((address, self._port))
        except OSError as error:
            outcome = error.errno or errno.EHOSTUNREACH
        if outcome not in {0, errno.EINPROGRESS}:
            attempt.close()
            return -1, outcome
        return attempt.detach(), outcome

    def _prepare(self, attempt: socket.SocketType) -> None:
        for level, option, value in PREPARED:
            attempt.setsockopt(level, option, value)
        if self._receive_buffer:  # before connecting: the handshake fixes the window scale
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        if self._source:
            attempt.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
            if ":" in self._source:  # any address of a prefix that is routed here, whether or not an interface has it
                attempt.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            attempt.bind((self._source, 0))

    def _connected(self, fd: int, readable: bool) -> bool:
        """Whether the attempt has won, as its address can be told."""
        try:
            source = self._source or self._local(fd)
        except OSError as error:
            self._failed(fd, error.errno or errno.EHOSTUNREACH)
            return False
        self._won = Dialled(fd, self._open.pop(fd), source, readable)
        return True

    def _local(self, fd: int, /) -> str:
        """The address that the kernel chose for a connected socket."""
        borrowed = socket.SocketType(socket.AF_INET6, socket.SOCK_STREAM, 0, fd)  # which has room for either family's
        try:
            return str(borrowed.getsockname()[0])
        finally:
            borrowed.detach()

    def _failed(self, fd: int, error: int) -> None:
        del self._open[fd]
        self._close(fd)
        self._error = error

    def _abandon(self) -> None:
        self._stop_timer()
        for fd in self._open:
            self._close(fd)
        self._open.clear()

    def _close(self, fd: int) -> None:
        self._poller.remove(fd)
        os.close(fd)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _error_of(fd: int) -> int:
    """Why a socket failed, once; 0 where it did not."""
    borrowed = borrow(fd)
    try:
        return borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    finally:
        borrowed.detach()
