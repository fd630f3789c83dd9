"""A non-blocking stream socket of the data plane, read and written by one task.

Its descriptor is edge-triggered, so it keeps what the edges told it: `readable` and `writable` stay true until an
attempt says otherwise.  A read that fills less than was asked for has emptied the socket, which saves the attempt that
would only say so; after the peer's end was announced nothing is saved, or that end would be missed.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import termios

from meshd.sockets.poll import ENDING, GONE, IN, OUT, Poller
from meshd.sockets.task import READING, WRITING, Task, parked

READ_SIZE = 64 * 1024
"""The most that is read, and so held in memory, at once."""

_RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"
"""struct linger {1, 0}: close with a reset."""


class Wire:
    """One socket: its descriptor, what is known of it, and who waits for it."""

    __slots__ = ("ending", "fd", "gone", "peer", "poller", "readable", "reader", "watcher", "writable", "writer")

    def __init__(self, poller: Poller, fd: int, peer: str, *, registered: bool = False) -> None:
        """registered: fd is in the poller already, and changes its owner."""
        self.poller = poller
        self.fd = fd
        self.peer = peer
        """The other side's address, without a port; "" for a Unix socket."""
        self.readable = True
        self.writable = True
        self.ending = False
        self.gone = False
        self.reader: Task | None = None
        self.writer: Task | None = None
        self.watcher: Watcher | None = None
        """Hears of events that nobody waited for."""
        if registered:
            poller.hand_over(fd, self)
        else:
            poller.add(fd, self)

    def ready(self, fd: int, events: int) -> None:
        """Note the edges, then wake who waits."""
        if events & ENDING:
            self.ending = True
            if events & GONE:
                self.gone = True
        if events & (IN | ENDING):
            self.readable = True
            task = self.reader
            if task is not None:
                self.reader = None
                task.resume()
            elif self.watcher is not None and self.fd >= 0:
                self.watcher.stirred(self)
        if events & (OUT | GONE) and self.fd >= 0:
            self.writable = True
            task = self.writer
            if task is not None:
                self.writer = None
                task.resume()

    async def receive(self) -> bytes:
        """Wait for bytes, READ_SIZE at most; b"" where the peer has ended.  OSError."""
        while True:
            # As in try_receive, whose call would be one more for everything that comes.
            if self.readable:
                try:
                    data = os.read(self.fd, READ_SIZE)
                except BlockingIOError:
                    self.readable = False
                else:
                    if len(data) < READ_SIZE and not self.ending:
                        self.readable = False
                    return data
            await parked(self, READING)

    def try_receive(self, most: int) -> bytes | None:
        """What has come, up to so many bytes; b"" where the peer has ended, None where nothing came yet.  OSError."""
        if self.readable:
            try:
                data = os.read(self.fd, most)
            except BlockingIOError:
                self.readable = False
            else:
                if len(data) < most and not self.ending:
                    self.readable = False
                return data
        return None

    async def wait_readable(self) -> None:
        """Wait until there may be something to receive, after there was nothing."""
        await parked(self, READING)

    async def send(self, data: bytes) -> None:
        """Wait until the kernel has taken all of data.  OSError."""
        sent = self.try_send(data)
        while sent < len(data):
            self.writable = False
            await parked(self, WRITING)
            data = data[sent:]
            sent = self.try_send(data)

    async def wait_writable(self) -> None:
        """Wait until the kernel takes bytes again, after it took none."""
        self.writable = False
        await parked(self, WRITING)

    def try_send(self, data: bytes | memoryview) -> int:
        """How much of data the kernel takes now.  OSError."""
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0

    def end(self) -> None:
        """Tell the peer that no more will come."""
        shutdown(self.fd, socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the socket; what the kernel has taken is still delivered."""
        if self.fd >= 0:
            fd = self.release()
            self.poller.remove(fd)
            os.close(fd)

    def reset(self) -> None:
        """Close so that the peer sees that this was not the end."""
        if self.fd >= 0:
            linger_none(self.fd)
            self.poller.reset(self.fd)
        self.close()

    def release(self) -> int:
        """Give the descriptor, still registered, to another owner."""
        fd, self.fd = self.fd, -1
        self.watcher = None
        return fd


class Watcher:
    """Hears of a wire that stirred while nobody waited for it."""

    __slots__ = ()

    def stirred(self, wire: Wire) -> None:
        """Bytes or an end have come."""
        raise NotImplementedError


def shutdown(fd: int, how: int) -> None:
    """socket.shutdown of a bare descriptor; a peer that is gone already is no error."""
    borrowed = _borrow(fd)
    try:
        borrowed.shutdown(how)
    except OSError:
        pass
    finally:
        borrowed.detach()


def linger_none(fd: int) -> None:
    """Let the coming close of fd send a reset."""
    set_option(fd, socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def set_option(fd: int, level: int, option: int, value: bytes) -> None:
    """socket.setsockopt of a bare descriptor; one that knows no such option is no error."""
    borrowed = _borrow(fd)
    try:
        borrowed.setsockopt(level, option, value)
    except OSError:
        pass
    finally:
        borrowed.detach()


def unsent(fd: int) -> int:
    """Bytes that the kernel was given for the peer, and of which it does not know that they have arrived."""
    return int.from_bytes(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def _borrow(fd: int) -> socket.SocketType:
    """A socket object for a moment; the family is only said so that Python does not ask the kernel three questions.

    It is the type that `socket.socket` is made of, at half the price: nothing here wants a file or a `with` of it.
    """
    return socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, 0, fd)
