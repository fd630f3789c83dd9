"""UDP sockets by which questions leave for one name server: each on a port that the kernel draws, for a short while.

A forger has to guess which of the ports a question left by, its id and the spelling of its name (RFC 5452, section 9):
a socket is connected, so that the kernel drops what comes from elsewhere; it is one of several, by lot, and makes place
for another after a few questions or seconds.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from meshd.dns.messages import Reply, query, question, reply

OPEN = 8
"""Sockets to one server that questions leave by."""

USES = 32
"""Questions of one socket: their answers fit into its buffer in the kernel, were they all to come at once."""

SECONDS = 10.0
"""After which a socket is not used for a further question."""

MOST = 512
"""Sockets to one server, with those that only wait for answers; past it those that are open go on being used.  Of 4,096
names at a time two questions each, 32 by a socket, make 256, and as many again where each is asked once more.  They are
counted with the data plane's descriptors: those to a silent server keep new clients out, and take nothing of the
reserve.
"""

LONGEST = 4096
"""Bytes of a datagram that are read; without EDNS no answer has more than 512."""

AT_ONCE = 8
"""Datagrams of one socket that are read at one wake-up: each may let an exchange go on."""


Server = tuple[str, int]
"""An address and a port."""


class Polls(Protocol):
    """The part of an epoll that is used here."""

    def add(self, fd: int, owner: Port) -> None:
        """Tell the owner of each edge."""

    def remove(self, fd: int) -> None:
        """Forget fd, which is closed next."""

    def tell_again(self, fd: int) -> None:
        """Tell once more what is ready."""


class Asker(Protocol):
    """Who asks one question at a time."""

    def answered(self, reply: Reply, port: Port, number: int, /) -> None:
        """Hear the answer to the question of that number, which the port has forgotten already."""


class Port:
    """One socket, and the questions that wait for an answer by it.  Raises: OSError."""

    def __init__(self, poller: Polls, home: Ports, closed: Callable[[], None]) -> None:
        self._poller = poller
        self._closed = closed
        self.home = home
        self._asked: dict[int, tuple[bytes, Asker]] = {}
        self._leaving = False
        self.uses = 0
        family = socket.AF_INET6 if ":" in home.server[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(home.server)
            poller.add(self._socket.fileno(), self)
        except BaseException:
            self._socket.close()
            raise

    def ask(self, name: bytes, kind: int, asker: Asker, *, fold: bool = False) -> int:
        """Send a question; its id, for `forget`.  fold: in lower case, where the server knows no other.
        Raises: OSError.
        """
        noise = os.urandom(2 + len(name))
        number = int.from_bytes(noise[:2], "big")
        while number in self._asked:
            number = int.from_bytes(os.urandom(2), "big")
        section = question(name, kind, b"" if fold else noise[2:])
        self._send(query(number, section))
        self._asked[number] = section, asker
        self.uses += 1
        return number

    def forget(self, number: int) -> None:
        """Wait no longer for the answer to a question."""
        self._asked.pop(number, None)
        if self._leaving:
            self._leave()

    def retire(self) -> None:
        """Close when no question waits any more; the owner asks no further one."""
        self._leaving = True
        self._leave()

    def ready(self, fd: int, events: int) -> None:
        """Read answers; what answers nothing is dropped."""
        for _ in range(AT_ONCE):
            if self._socket.fileno() < 0:  # whoever was told has let the last question go
                return
            try:
                data = self._socket.recv(LONGEST)
            except BlockingIOError:
                return
            except OSError:  # a server that is not there for the moment is silent like any other
                continue
            self._take(data)
        if self._socket.fileno() >= 0:
            self._poller.tell_again(fd)

    def _take(self, data: bytes) -> None:
        number = int.from_bytes(data[:2], "big")
        asked = self._asked.get(number)
        if asked is None:
            return
        section, asker = asked
        found = reply(data, section)
        if found is not None:
            del self._asked[number]
            if self._leaving:
                self._leave()
            asker.answered(found, self, number)

    def _send(self, data: bytes) -> None:
        """A full buffer drops the datagram, as the network may.  Raises: OSError."""
        try:
            self._socket.send(data)
        except BlockingIOError:
            return
        except ConnectionRefusedError:  # said of an earlier question, and this one was not sent
            self._socket.send(data)

    def _leave(self) -> None:
        if not self._asked and self._socket.fileno() >= 0:
            self._poller.remove(self._socket.fileno())
            self._socket.close()
            self._closed()


class Ports:
    """The sockets to one server."""

    def __init__(self, poller: Polls, clock: IReactorTime, server: Server) -> None:
        self._poller = poller
        self._clock = clock
        self._open: list[Port | None] = [None] * OPEN
        self._until = [0.0] * OPEN
        self._count = 0
        self.server = server
        self.folds = False
        """Whether this server was seen to answer in lower case what was asked in other letters."""

    def __len__(self) -> int:
        return self._count

    def draw(self) -> Port:
        """A socket to ask by, perhaps a new one.  Raises: OSError."""
        place = os.urandom(1)[0] % OPEN
        port = self._open[place]
        now = self._clock.seconds()
        if port is not None and port.uses < USES and now < self._until[place]:
            return port
        if self._count >= MOST:
            if port is None:
                raise OSError(errno.EMFILE, "too many questions wait for their answers")
            return port
        fresh = Port(self._poller, self, self._gone)
        self._count += 1
        self._open[place] = fresh
        self._until[place] = now + SECONDS
        if port is not None:
            port.retire()
        return fresh

    def drop(self, port: Port) -> None:
        """Ask no more by a socket that could not send: its own address may be gone."""
        if port in self._open:
            self._open[self._open.index(port)] = None
            port.retire()

    def stop(self) -> None:
        """Close every socket that no question waits by, and the others with their last question."""
        for port in filter(None, self._open):
            port.retire()
        self._open = [None] * OPEN

    def _gone(self) -> None:
        self._count -= 1
