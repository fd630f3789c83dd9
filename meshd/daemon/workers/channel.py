"""Frames and descriptors between a daemon and one process of its own, over a socket pair that has no name.

A frame is four bytes of length and its content.  A descriptor travels with the first bytes of its frame or before, so
that who reads the frame has it.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

SIZE = 4
"""Bytes of a frame's length."""

READ = 256 * 1024
DESCRIPTORS = 250
"""Most descriptors in one message; Linux takes 253."""


def frame(content: bytes) -> bytes:
    return len(content).to_bytes(SIZE, "big") + content


def receive(sock: socket.socket, size: int, descriptors: int, flags: int = 0) -> tuple[bytes, list[int], int]:
    """Bytes, descriptors that no program begun here inherits, and the flags of recvmsg(2).  Raises: OSError.

    `socket.recv_fds` takes flags and forgets them.
    """
    numbers = array("i")
    space = socket.CMSG_LEN(descriptors * numbers.itemsize)
    data, ancillary, told, _ = sock.recvmsg(size, space, flags | socket.MSG_CMSG_CLOEXEC)
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return data, list(numbers), told


def _copies(descriptors: Sequence[int]) -> list[int]:
    """A copy of each.  Raises: OSError, and then there is none."""
    made: list[int] = []
    try:
        for descriptor in descriptors:
            made.append(os.dup(descriptor))
    except OSError:
        for copy in made:
            os.close(copy)
        raise
    return made


@implementer(IReadWriteDescriptor)
class Channel:
    """One end; the other end's death, a frame that is too large, or descriptors that nobody wants are its end."""

    def __init__(
        self,
        reactor: Any,
        sock: socket.socket,
        heard: Callable[[bytes], None],
        lost: Callable[[], None],
        most: int,
        descriptors: int = 0,
    ) -> None:
        """heard: called with each frame's content; lost: called once, in a later turn at the earliest.

        most: bytes of a frame that the other end may send; descriptors: how many of its may wait to be taken.
        """
        sock.setblocking(False)
        self._reactor = reactor
        self._sock = sock
        self._heard = heard
        self._lost = lost
        self._most = most
        self._most_descriptors = descriptors
        self._received = bytearray()
        self._descriptors: deque[int] = deque()
        self._unsent = bytearray()
        self._enclosed: deque[int] = deque()
        """Copies of the descriptors that are still to be sent."""
        self.open = True
        reactor.addReader(self)

    @property
    def waiting(self) -> int:
        """Bytes that the other end has not taken yet."""
        return len(self._unsent)

    def send(self, content: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a frame, with copies of these descriptors; nothing where the channel has ended."""
        if self.open:
            self._enclosed.extend(_copies(descriptors))
            self._unsent += frame(content)
            self.doWrite()

    def take(self, count: int) -> list[int]:
        """The next descriptors that came, the caller's from now on.  Raises: IndexError where fewer came."""
        return [self._descriptors.popleft() for _ in range(count)]

    def close(self) -> None:
        """End the channel; `lost` is not called."""
        if self.open:
            self.open = False
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._sock.close()
            for descriptor in (*self._enclosed, *self._descriptors):
                os.close(descriptor)

    # What the reactor calls

    def fileno(self) -> int:
        return self._sock.fileno()

    def logPrefix(self) -> str:
        return "channel"

    def doRead(self) -> Any:
        """The exception that ends the channel, which is what Twisted asks for; None while it goes on."""
        try:
            data, descriptors, flags = receive(self._sock, READ, DESCRIPTORS)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return ConnectionLost()
        self._descriptors.extend(descriptors)
        if not data or flags & socket.MSG_CTRUNC or len(self._descriptors) > self._most_descriptors:
            return ConnectionLost()
        self._received += data
        return self._deliver()

    def _deliver(self) -> Exception | None:
        while self.open and len(self._received) >= SIZE:
            end = SIZE + int.from_bytes(self._received[:SIZE], "big")
            if end > SIZE + self._most:
                return ConnectionLost()
            if len(self._received) < end:
                return None
            content = bytes(self._received[SIZE:end])
            del self._received[:end]
            self._heard(content)
        return None

    def doWrite(self) -> None:
        """Send as much as the kernel takes; that the other end is gone is found by reading."""
        while self._unsent:
            enclosed = [self._enclosed[at] for at in range(min(len(self._enclosed), DESCRIPTORS))]
            size = READ if len(enclosed) == len(self._enclosed) else 1  # so that the others come before the frame's end
            try:
                with memoryview(self._unsent) as data, data[:size] as piece:
                    sent = socket.send_fds(self._sock, [piece], enclosed)
            except (BlockingIOError, InterruptedError):
                self._reactor.addWriter(self)
                return
            except OSError:
                self._unsent.clear()
                break
            del self._unsent[:sent]
            for _ in enclosed:
                os.close(self._enclosed.popleft())
        self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:
        if self.open:
            self.close()
            self._lost()
