"""One client that is accepted: its descriptor, and its address as the log has it."""

from __future__ import annotations

import errno
import os
import resource
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.accepting import Acceptor
from meshd.sockets.poll import IN
from tests.support.ready import readable


class NextTest(SynchronousTestCase):
    def acceptor(self, listener: socket.socket) -> Acceptor:
        self.addCleanup(listener.close)
        nobody: Any = None
        return Acceptor(nobody, Clock(), listener, "test", nobody, nobody)

    def accepted(self, listener: socket.socket, where: Any, family: int) -> tuple[int, str]:
        acceptor = self.acceptor(listener)
        self.assertIsNone(acceptor._next())
        client = socket.socket(family)
        self.addCleanup(client.close)
        client.connect(where)
        client.send(b"x")  # or the kernel waits with the client for its first bytes
        readable([listener], 5)
        found = acceptor._next()
        assert found is not None
        self.addCleanup(os.close, found[0])
        self.assertEqual((os.get_blocking(found[0]), os.get_inheritable(found[0])), (False, False))
        self.assertEqual(os.read(found[0], 10), b"x")
        self.assertIsNone(acceptor._next())
        return found

    def test_addresses(self) -> None:
        """By IPv4, by IPv6, by IPv4 at a socket for both, and by a Unix socket."""
        four = socket.create_server(("127.0.0.1", 0))
        self.assertEqual(self.accepted(four, four.getsockname(), socket.AF_INET)[1], "127.0.0.1")
        six = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.assertEqual(self.accepted(six, six.getsockname(), socket.AF_INET6)[1], "::1")
        both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        where = "127.0.0.1", both.getsockname()[1]
        self.assertEqual(self.accepted(both, where, socket.AF_INET)[1], "127.0.0.1")
        with tempfile.TemporaryDirectory() as folder:
            unix, path = socket.socket(socket.AF_UNIX), str(Path(folder, "socket"))
            unix.bind(path)
            unix.listen()
            self.assertEqual(self.accepted(unix, path, socket.AF_UNIX)[1], "")

    def test_no_descriptor_is_left(self) -> None:
        """That is an error, and the client waits."""
        listener = socket.create_server(("127.0.0.1", 0))
        acceptor = self.acceptor(listener)
        client = socket.create_connection(listener.getsockname())
        self.addCleanup(client.close)
        client.send(b"x")
        readable([listener], 5)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            error = self.assertRaises(OSError, acceptor._next)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(error.errno, errno.EMFILE)
        found = acceptor._next()
        assert found is not None
        os.close(found[0])

    def test_a_listener_that_was_closed(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        acceptor = self.acceptor(listener)
        listener.close()
        self.assertRaises(OSError, acceptor._next)

    def test_an_epoll_that_takes_no_more(self) -> None:
        """The client is turned away, and its descriptor is not kept."""
        listener = socket.create_server(("127.0.0.1", 0))
        acceptor = self.acceptor(listener)
        acceptor._plane = Full()  # type: ignore[assignment]
        acceptor._full = lambda: b"there is no room"
        client = socket.create_connection(listener.getsockname())
        self.addCleanup(client.close)
        client.send(b"x")
        readable([listener], 5)
        before = os.listdir("/proc/self/fd")
        acceptor.ready(listener.fileno(), IN)
        self.assertEqual((client.recv(100), client.recv(100)), (b"there is no room", b""))
        self.assertEqual(os.listdir("/proc/self/fd"), before)


class Full:
    """A plane whose caps allow what its epoll does not."""

    @property
    def caps(self) -> Full:
        return self

    poller = caps

    def crowded(self, descriptors: int) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def add(self, fd: int, owner: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")
