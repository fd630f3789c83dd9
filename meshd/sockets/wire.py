"""A non-blocking stream socket of the data plane, read and written by one task.

The descriptor is edge-triggered, so a wire remembers what the edges said: `readable` stays true until an attempt says
otherwise.  A read that gives less than was asked for has emptied the socket, so no further attempt is made; but once
the peer's end was announced, attempts are made until that end is read, and after urgent data, before which a read
stops whatever follows, until nothing is left.  The urgent byte itself is skipped by the kernel.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import sys
import termios

from meshd.sockets.poll import ENDING, GONE, IN, OUT, UNSURE, Poller
from meshd.sockets.sealed import Sealed
from meshd.sockets.task import READING, WRITING, Task, parked
from meshd.sockets.wheel import Wheel

READ_SIZE = 64 * 1024
"""Bytes that are read, and so held in memory, at once."""

_RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"
"""struct linger {1, 0}: close with a reset."""

_OUTQNSD = 0x894B
"""SIOCOUTQNSD of linux/sockios.h."""


class Wire:
    """One socket: its descriptor, what the poller said of it, and the tasks that wait for it."""

    __slots__ = ("ending", "fd", "gone", "peer", "poller", "readable", "reader", "unsure", "watcher", "writer")

    sealed: Sealed | None = None
    """The TLS between this wire and its peer; None for plain bytes."""

    def __init__(self, poller: Poller, fd: int, peer: str, *, registered: bool = False) -> None:
        """registered: whether fd is in the poller already, and only changes its owner."""
        self.poller = poller
        self.fd = fd
        self.peer = peer
        """The other side's address, without a port; "" for a Unix socket."""
        self.readable = True
        self.unsure = False
        """Whether a read that gave less than was asked for may have left something."""
        self.ending = False
        self.gone = False
        self.reader: Task | None = None
        self.writer: Task | None = None
        self.watcher: Watcher | None = None
        """Hears of what comes in while no task waits for it."""
        if registered:
            poller.hand_over(fd, self)
        else:
            poller.add(fd, self)

    def ready(self, fd: int, events: int, /) -> None:
        """Note the edges, then wake the tasks that wait."""
        if events & UNSURE:
            self.unsure = True
            if events & ENDING:
                self.ending = True
                if events & GONE:
                    self.gone = True
        if events & (IN | UNSURE):
            self.readable = True
            task = self.reader
            if task is not None:
                self.reader = None
                task.resume()
            elif self.watcher is not None and self.fd >= 0:
                self.watcher.stirred(self)
        if events & (OUT | GONE) and self.fd >= 0:
            task = self.writer
            if task is not None:
                self.writer = None
                task.resume()

    async def receive(self) -> bytes:
        """Wait for bytes, READ_SIZE at most; b"" where the peer has ended.  Raises: OSError."""
        while True:
            # The same as try_receive, written out to save a call for each read.
            if self.readable:
                try:
                    data = os.read(self.fd, READ_SIZE)
                except BlockingIOError:
                    self.readable, self.unsure = False, self.ending
                else:
                    if len(data) < READ_SIZE and not self.unsure:
                        self.readable = False
                    return data
            await parked(self, READING)

    async def receive_within(self, wheel: Wheel, seconds: float) -> bytes | None:
        """What comes within so many seconds, as `receive` gives it; None where nothing does.  Raises: OSError."""
        data = self.try_receive(READ_SIZE)
        if data is not None:
            return data
        timer = wheel.soon(seconds, self._wake)
        try:
            await parked(self, READING)
        finally:
            if timer.active():
                timer.cancel()
        return self.try_receive(READ_SIZE)

    def _wake(self) -> None:
        task, self.reader = self.reader, None
        if task is not None:
            task.resume()

    def quiet(self) -> bool:
        """Whether nothing has come and the peer has not ended, as the kernel knows it at this very moment."""
        if self.ending:
            return False
        borrowed = borrow(self.fd)
        try:
            borrowed.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            borrowed.detach()
        return False

    @property
    def has_another_behind(self) -> bool:
        """Whether the peer is at the other end of a connection behind this one, as of TLS."""
        return self.poller.has_behind(self.fd)

    def try_receive(self, most: int, /) -> bytes | None:
        """Read up to so many bytes; b"" where the peer has ended, None where nothing has come.  Raises: OSError."""
        if self.readable:
            try:
                data = os.read(self.fd, most)
            except BlockingIOError:
                self.readable, self.unsure = False, self.ending
            else:
                if len(data) < most and not self.unsure:
                    self.readable = False
                return data
        return None

    async def wait_readable(self) -> None:
        """Wait until there may be something to receive, after `try_receive` gave None."""
        await parked(self, READING)

    async def send(self, data: bytes) -> None:
        """Wait until the kernel has taken all of data.  Raises: OSError."""
        sent = self.try_send(data)
        while sent < len(data):
            await parked(self, WRITING)
            data = data[sent:]
            sent = self.try_send(data)

    async def wait_writable(self) -> None:
        """Wait until the kernel takes bytes again, after `try_send` gave less than all."""
        await parked(self, WRITING)

    def try_send(self, data: bytes | memoryview, /) -> int:
        """Write what the kernel takes of data now, and give how many bytes that is.  Raises: OSError."""
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0

    def last(self, size: int) -> None:
        """Nothing is sent after the next so many bytes: where the peer is told so, by TLS, it hears it with them."""

    def spent(self) -> bool:
        """Whether the peer has ended, and all that it sent was received."""
        return self.ending and not _unread(self.fd)

    def end(self) -> None:
        """Shut down the writing side: the peer reads the end."""
        shutdown(self.fd, socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket; the kernel still delivers what it has taken."""
        if self.fd >= 0:
            self.poller.close(self.release())

    def reset(self) -> None:
        """Close with a reset, so that the peer does not take it for a proper end."""
        if self.fd >= 0:
            linger_none(self.fd)
            self.poller.reset(self.fd)
        self.close()

    def inherit(self, other: Wire) -> None:
        """Know what the edges have told another wire, whose socket this is now."""
        self.readable, self.unsure = other.readable, other.unsure
        self.ending, self.gone = other.ending, other.gone

    def release(self) -> int:
        """Give up the descriptor, which stays open and registered, for another owner."""
        fd, self.fd = self.fd, -1
        self.watcher = None
        return fd


class Watcher:
    """Hears of what comes in on a wire while no task waits for it."""

    __slots__ = ()

    def stirred(self, wire: Wire) -> None:
        """React to bytes or an end that came in on the wire."""
        raise NotImplementedError


def shutdown(fd: int, how: int) -> None:
    """Call socket.shutdown on a bare descriptor; a peer that is gone already is no error."""
    borrowed = borrow(fd)
    try:
        borrowed.shutdown(how)
    except OSError:
        pass
    finally:
        borrowed.detach()


def unacknowledged(fd: int) -> int:
    """Bytes that were sent by a bare descriptor, and that the peer has not acknowledged."""
    return int.from_bytes(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def untransmitted(fd: int) -> int:
    """Bytes that were written to a bare descriptor, and that have not left once; 0 for what is no TCP."""
    try:
        return int.from_bytes(fcntl.ioctl(fd, _OUTQNSD, bytes(4)), sys.byteorder)
    except OSError:
        return 0


def hung_up(fd: int) -> bool:
    """Whether both directions of the socket are over, as the kernel knows it at this very moment."""
    poll = select.poll()
    poll.register(fd, 0)
    return bool(poll.poll(0))


def linger_none(fd: int) -> None:
    """Set SO_LINGER so that closing fd sends a reset."""
    set_option(fd, socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def set_option(fd: int, level: int, option: int, value: bytes) -> None:
    """Call socket.setsockopt on a bare descriptor; a socket without that option is no error."""
    borrowed = borrow(fd)
    try:
        borrowed.setsockopt(level, option, value)
    except OSError:
        pass
    finally:
        borrowed.detach()


def _unread(fd: int) -> bool:
    """Whether a socket has bytes that nobody has read."""
    borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=fd)
    try:
        return bool(borrowed.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False
    finally:
        borrowed.detach()


def borrow(fd: int) -> socket.SocketType:
    """A socket object around fd for a moment; a family is named only so that Python does not ask the kernel for it.

    SocketType, the base of `socket.socket`, costs half as much, and neither a file nor a `with` is wanted here.
    """
    return socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, 0, fd)
