"""Clients of streams that there is no room for."""

from __future__ import annotations

import errno
import socket
from typing import Any

from meshd.hosts import arriving
from meshd.hosts.arriving import StreamListener
from meshd.hosts.datagrams import DatagramListener
from meshd.hosts.ports import Offer
from meshd.hosts.services import Service
from meshd.passing.accepting import PAUSE
from meshd.values.published import Upstream
from tests.hosts.ground import GroundCase
from tests.support.ready import readable
from tests.support.said import said


class Exhausted:
    """A listening socket at which no descriptor is left for whoever comes, as long as `full`."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.full = True
        self.asked = 0

    def accept(self) -> Any:
        self.asked += 1
        if self.full:
            raise OSError(errno.EMFILE, "Too many open files")
        return self._sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class ExhaustedTests(GroundCase):
    def setUp(self) -> None:
        super().setUp()
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port: int = listening.getsockname()[1]
        self.server = self.upstream()
        self.sock: Any = Exhausted(listening)
        service = Service("stream-hosts", 1, (Upstream(*self.server.getsockname()),), 7, 101)
        self.listener = StreamListener(self.common, self.sock, Offer(service))

    def test_accepting_is_paused(self) -> None:
        """Else the listener would be ready again at once; whoever waits is accepted later."""
        with said("meshd.hosts.arriving") as lines:
            client = self.come(self.port)
            self.hand.until(lambda: self.sock.asked)
            self.hand.settle()
            self.assertEqual(self.sock.asked, 1)
            self.sock.full = False
            self.clock.advance(PAUSE)
            self.accepted(self.server, client)
        self.listener.close()
        self.assertEqual(lines, ["streams are out of descriptors: accepting is paused"])

    def test_closed_while_it_is_paused(self) -> None:
        self.come(self.port)
        self.hand.until(lambda: self.sock.asked)
        before = len(self.clock.getDelayedCalls())
        self.listener.close()
        self.assertEqual(len(self.clock.getDelayedCalls()), before - 1)


class HandedOnTests(GroundCase):
    def test_who_comes_to_the_next_process_wakes_nobody_here(self) -> None:
        """Which has a copy of the socket, so that a close alone takes nothing out of the kernel's set."""
        for kind, listen in ((socket.SOCK_STREAM, StreamListener), (socket.SOCK_DGRAM, DatagramListener)):
            sock = socket.socket(socket.AF_INET, kind)
            sock.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                sock.listen()
            sock.setblocking(False)
            service = Service("stream-hosts", 1, (Upstream("127.0.0.1", 9),), 7, 101)
            with sock.dup() as copy, socket.socket(socket.AF_INET, kind) as client:
                listen(self.common, sock, Offer(service)).close()
                client.connect(copy.getsockname())
                client.send(b"x")
                self.assertTrue(readable([copy], 10.0))
                self.assertFalse(readable([self.hand.poller], 0.0))


class CrowdedTests(GroundCase):
    ceiling = 1

    def test_turned_away(self) -> None:
        """By a reset, as a close could be taken for an answer."""
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        service = Service("stream-hosts", 1, (Upstream("127.0.0.1", 9),), 7, 101)
        listener = StreamListener(self.common, listening, Offer(service))
        self.addCleanup(listener.close)
        with said("meshd.hosts.arriving") as lines:
            for _ in range(2):
                client = self.come(listening.getsockname()[1])
                self.until(lambda client=client: client.ended, client)
                self.assertTrue(client.reset)
        self.assertEqual(lines, ["streams are full: clients are turned away"])


class FullTests(GroundCase):
    def test_an_epoll_that_takes_no_more(self) -> None:
        """Has the client turned away, and its descriptor is not kept."""

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(arriving, "Wire", full)
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        service = Service("stream-hosts", 1, (Upstream("127.0.0.1", 9),), 7, 101)
        listener = StreamListener(self.common, listening, Offer(service))
        self.addCleanup(listener.close)
        client = self.come(listening.getsockname()[1])
        self.until(lambda: client.ended, client)
        self.assertTrue(client.reset)
