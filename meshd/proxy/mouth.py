"""The socket that one SOCKS5 client sends its datagrams to: bound beside the client's connection, heard of it alone.

Nobody else gets a byte: what does not come from the address of the client's connection, and from one port of it, is
dropped, so a made-up sender has nothing sent to whom it names.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random

from meshd.values.addresses import peer_address

ATTEMPTS = 64
"""Ports of a range that are tried for one association: a range so full has to be made larger."""


def local_address(fd: int) -> str:
    """The address of this machine that a client has connected to; "" where it came by no such address."""
    borrowed = socket.socket(fileno=fd)
    try:
        return peer_address(borrowed.getsockname())
    finally:
        borrowed.detach()


def bound(address: str, ports: Sequence[tuple[int, int]], chance: Random) -> socket.socket | None:
    """A socket for datagrams at the address, at one of the ports, or where there are none at any; None where none is
    free.  Raises: OSError.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        for port in drawn(ports, chance) if ports else (0,):
            try:
                sock.bind((address, port))
            except OSError:
                continue
            return sock
    except BaseException:
        sock.close()
        raise
    sock.close()
    return None


def drawn(ports: Sequence[tuple[int, int]], chance: Random) -> Iterator[int]:
    """Some of the ports, from one that is drawn on: who guesses where the next client is heard guesses long."""
    sizes = [high - low + 1 for low, high in ports]
    whole = sum(sizes)
    first = chance.randrange(whole)
    for step in range(min(whole, ATTEMPTS)):
        place = (first + step) % whole
        for (low, _), size in zip(ports, sizes, strict=True):
            if place < size:
                yield low + place
                break
            place -= size


class Mouth:
    """The socket, and the one place that it hears."""

    __slots__ = ("_peer", "_port", "fd", "place", "sock")

    def __init__(self, sock: socket.socket, peer: str, port: int) -> None:
        """sock: bound.  peer: the client's address; port: from which it says that it sends, 0 for the first it uses."""
        self.sock = sock
        self.fd = sock.fileno()
        self.place: tuple[str, int] = sock.getsockname()[:2]
        self._peer = peer
        self._port = 0
        """The client's port; 0 before it is known."""
        if port:
            self._pin(peer, port)

    def read(self, buffer: memoryview) -> int:
        """Bytes of the client's next datagram, which is in the buffer then; 0 for one that is to be dropped.
        Raises: OSError where nothing has come.
        """
        size, address = self.sock.recvfrom_into(buffer)
        if peer_address(address) != self._peer:
            return 0
        if not self._port:
            self._pin(address[0], address[1])
        return size if address[1] == self._port else 0

    def _pin(self, address: str, port: int) -> None:
        """Hear this place alone: the kernel drops what comes from others from now on."""
        self._port = port
        with suppress(OSError):  # each is looked at all the same
            self.sock.connect((address, port))

    def send(self, head: bytes, data: memoryview) -> bool:
        """Send the client a datagram; whether the kernel took it."""
        if not self._port:
            return False
        try:
            self.sock.sendmsg([head, data])
        except OSError:
            return False
        return True
