"""Connections for Twisted's protocols, where there may be no descriptor for one more."""

from __future__ import annotations

import errno
import socket

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.accepting import PAUSE, TwistedAcceptor
from tests.support.said import said

LOGGER = "meshd.daemon.accepting.TwistedAcceptor"
EXHAUSTED = "a listener is out of descriptors: accepting is paused"


class ClockReactor(Clock):
    """What the acceptor asks of a reactor: who is watched, and the transports that it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: list[object] = []
        self.adopted = 0
        self.refuses: Exception | None = None

    def addReader(self, reader: object) -> None:
        self.watched.append(reader)

    def removeReader(self, reader: object) -> None:
        if reader in self.watched:
            self.watched.remove(reader)

    def adoptStreamConnection(self, fd: int, family: int, factory: object) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.adopted += 1


class AcceptingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.addCleanup(self.listener.close)
        self.reactor = ClockReactor()
        self.acceptor = TwistedAcceptor(self.reactor, self.listener, Factory())
        self.acceptor.start()

    def clients(self, count: int) -> None:
        for _ in range(count):
            self.addCleanup(socket.create_connection(self.listener.getsockname(), 60).close)

    def test_no_descriptor_for_the_transport(self) -> None:
        """Twisted copies the descriptor: where that fails accepting rests, as where the kernel had none, and the others
        wait in the listener's queue.
        """
        self.clients(3)
        self.reactor.refuses = OSError(errno.EMFILE, "Too many open files")
        with said(LOGGER) as lines:
            for _ in range(2):
                self.acceptor.doRead()
                self.assertEqual(self.reactor.watched, [])
                self.reactor.advance(PAUSE)
                self.assertEqual(self.reactor.watched, [self.acceptor])
        self.assertEqual(lines, [EXHAUSTED])
        self.reactor.refuses = None
        self.acceptor.doRead()
        self.assertEqual(self.reactor.adopted, 1)

    def test_one_that_left_at_once(self) -> None:
        """It is no reason to rest, nor for a line."""
        self.clients(2)
        self.reactor.refuses = OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        with said(LOGGER) as lines:
            self.acceptor.doRead()
        self.assertEqual((self.reactor.watched, lines), ([self.acceptor], []))

    def test_stopped_while_it_rests(self) -> None:
        """Nothing is left on the clock."""
        self.clients(1)
        self.reactor.refuses = OSError(errno.ENFILE, "Too many open files in system")
        self.acceptor.doRead()
        self.acceptor.stop()
        self.assertEqual((self.reactor.watched, self.reactor.getDelayedCalls()), ([], []))
