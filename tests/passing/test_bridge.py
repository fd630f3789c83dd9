"""Clients that a plugin of Twisted's accepts become clients of the data plane; reactor and transports are played."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.bridge import BridgeFactory
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import Wire
from tests.passing.hand import Hand, descriptors, take_no_more
from tests.support.live import settings


class Transport:
    def __init__(self, peer: Any = None) -> None:
        self._peer = peer
        self.written = b""
        self.aborted = False

    def getPeer(self) -> Any:
        return self._peer

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """It never is ahead."""

    def unregisterProducer(self) -> None:
        """Likewise."""

    def resumeProducing(self) -> None:
        """Likewise."""

    def loseConnection(self) -> None:
        """Nobody looks."""

    def write(self, data: bytes) -> None:
        self.written += data

    def abortConnection(self) -> None:
        self.aborted = True


class Client:
    """In the place of a client's connection."""

    introduced = False
    met: list[Client]

    def __init__(self, plane: object, proxy: str, wire: Wire) -> None:
        self.proxy, self.wire = proxy, wire

    def begin(self) -> None:
        self.met.append(self)


class Introduced(Client):
    introduced = True


class BridgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        Client.met = []
        self.crowded = False
        self.inner = Transport()
        self.error: OSError | None = None
        caps = SimpleNamespace(crowded=lambda descriptors: self.crowded)
        parts = {"caps": caps, "poller": Hand(self).poller, "wheel": Wheel(Clock()), "live": settings()}
        self.plane: Any = SimpleNamespace(**parts)

    def adoptStreamConnection(self, fd: int, family: int, factory: Any) -> None:
        """As a reactor has it."""
        if self.error is not None:
            raise self.error
        self.assertEqual(family, socket.AF_UNIX)
        factory.buildProtocol(None).makeConnection(self.inner)

    def come(self, peer: object, *, introduced: bool = False) -> Any:
        """What the plugin has of a client; None where it was not taken."""
        protocol = BridgeFactory(self, self.plane, "us", Introduced if introduced else Client).buildProtocol(None)
        if protocol is not None:
            protocol.makeConnection(Transport(peer))  # type: ignore[arg-type]
        return protocol

    def test_a_client_is_the_data_planes_from_the_start(self) -> None:
        """By the address that the plugin tells, if it has one; and whether a PROXY header must come first."""
        for peer, introduced, address in (
            (IPv4Address("TCP", "192.0.2.7", 1), False, "192.0.2.7"),
            (IPv4Address("TCP", "::ffff:192.0.2.7", 1), True, "192.0.2.7"),
            (UNIXAddress(b"/a"), False, ""),
        ):
            protocol = self.come(peer, introduced=introduced)
            client = Client.met.pop()
            self.addCleanup(os.close, client.wire.fd)
            self.assertEqual((client.proxy, client.wire.peer, client.introduced), ("us", address, introduced))
            protocol.dataReceived(b"GET")
        self.assertEqual(self.inner.written, b"GET" * 3)

    def test_no_descriptors(self) -> None:
        """Closed, and nothing is left over."""
        self.crowded = True
        self.assertIs(self.come(None), None)
        self.crowded, self.error = False, OSError("no more of them")
        protocol = self.come(UNIXAddress(b"/a"))
        self.assertEqual((protocol.transport.aborted, Client.met, len(self.plane.poller)), (True, [], 0))

    def test_epoll_takes_no_more(self) -> None:
        """Likewise: both ends of the pair are closed."""
        take_no_more(self)
        before = descriptors()
        protocol = self.come(UNIXAddress(b"/a"))
        self.assertEqual((protocol.transport.aborted, Client.met, descriptors() - before), (True, [], set()))
        protocol.connectionLost()
        self.assertEqual(len(self.plane.poller), 0)
