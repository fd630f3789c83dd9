"""One attempt to connect: what the socket has, where it leaves by, and why there is none."""

from __future__ import annotations

import errno
import os
import resource
import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.poll import GONE, OUT
from meshd.sockets.race import PREPARED, DialError, Race
from meshd.sockets.task import Task
from meshd.sockets.wire import borrow
from tests.support.daemon import free_port


class ConnectTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def race(self, port: int = 0, source: str = "", buffer: int = 0) -> Race:
        nobody: Any = None
        return Race(nobody, nobody, (), port or self.port, source, buffer)

    def connected(self, race: Race, address: str = "127.0.0.1") -> socket.SocketType:
        fd, outcome = race._connect(address)
        self.assertIn(outcome, (0, errno.EINPROGRESS))
        self.addCleanup(os.close, fd)
        attempt = borrow(fd)
        self.addCleanup(attempt.detach)
        return attempt

    def test_its_options(self) -> None:
        """All that is prepared, not to be inherited, and never to be waited for."""
        attempt = self.connected(self.race(buffer=64 * 1024))
        for level, option, value in PREPARED:
            self.assertEqual(attempt.getsockopt(level, option), value)
        self.assertEqual(attempt.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), 2 * 64 * 1024)
        self.assertFalse(os.get_inheritable(attempt.fileno()))
        self.assertFalse(os.get_blocking(attempt.fileno()))

    def test_where_it_leaves_by(self) -> None:
        for source in ("", "127.0.0.9"):
            race = self.race(source=source)
            attempt = self.connected(race)
            self.assertEqual(race._local(attempt.fileno()), source or "127.0.0.1")

    def test_by_ipv6(self) -> None:
        """As by IPv4, where the machine has it."""
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            race = self.race(listener.getsockname()[1])
            attempt = self.connected(race, "::1")
            self.assertEqual(race._local(attempt.fileno()), "::1")

    def test_why_there_is_none(self) -> None:
        """An address of nobody's here, one of the other family, and one that is none; the socket is closed again."""
        before = os.listdir("/proc/self/fd")
        self.assertEqual(self.race(source="192.0.2.1")._connect("127.0.0.1"), (-1, errno.EADDRNOTAVAIL))
        self.assertEqual(self.race()._connect("255.255.255.255")[0], -1)
        self.assertEqual(self.race(source="127.0.0.1")._connect("::1")[0], -1)
        self.assertEqual(self.race()._connect("no address")[0], -1)
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_no_descriptor_is_left(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            found = self.race()._connect("127.0.0.1")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(found, (-1, errno.EMFILE))

    def test_no_socket(self) -> None:
        """It has no address."""
        for fd in (-1, 2**40, 10**6):
            self.assertRaises((OSError, OverflowError, ValueError), self.race()._local, fd)


class Full:
    """A poller that takes so many descriptors."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.owners: dict[int, Any] = {}

    def add(self, fd: int, owner: Any) -> None:
        if len(self.owners) >= self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.owners[fd] = owner

    def remove(self, fd: int) -> None:
        del self.owners[fd]


class FailingTest(SynchronousTestCase):
    """What cannot be watched, or whose address cannot be told, is closed and is a failed attempt."""

    def setUp(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.port = listener.getsockname()[1]
        self.before = os.listdir("/proc/self/fd")
        self.ended: list[BaseException | None] = []

    def race(self, poller: Full, *addresses: str) -> Race:
        watching: Any = poller
        return Race(watching, Clock(), addresses, self.port, "")

    def refused(self) -> str:
        ((error,), self.ended) = (self.ended, [])
        assert isinstance(error, DialError)
        return error.refusal.reason

    def run_one(self, race: Race) -> None:
        Task(race.winner(), self.ended.append).resume()

    def test_a_poller_that_is_full(self) -> None:
        """From the first on, or once one attempt is under way; that may win still."""
        for addresses in (("127.0.0.1", "127.0.0.2"), ("127.0.0.1",)):
            self.run_one(self.race(Full(0), *addresses))
            self.assertEqual((self.refused(), os.listdir("/proc/self/fd")), ("overloaded", self.before))

    def test_a_sole_address(self) -> None:
        """Nobody is there, it is none, or nothing is left of what the poller was told."""
        for address, reason in (("127.0.0.1", "connection-refused"), ("no address", "unreachable")):
            poller = Full(1)
            race = self.race(poller, address)
            race._port = free_port()
            self.run_one(race)
            for fd in list(poller.owners):
                race.ready(fd, OUT | GONE)
            self.assertEqual((self.refused(), poller.owners), (reason, {}))
            self.assertEqual(os.listdir("/proc/self/fd"), self.before)

    def test_an_address_that_cannot_be_told(self) -> None:
        poller = Full(2)
        race = self.race(poller, "127.0.0.1")

        def local(self: Race, fd: int) -> str:
            raise OSError(errno.ENOBUFS, "No buffer space available")

        self.patch(Race, "_local", local)
        self.run_one(race)
        for fd in list(poller.owners):
            race.ready(fd, OUT)
        self.assertEqual((self.refused(), poller.owners), ("unreachable", {}))
        self.assertEqual(os.listdir("/proc/self/fd"), self.before)
