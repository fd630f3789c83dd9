"""Datagrams over real sockets on loopback."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as any_reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from meshd.dns.datagrams import Datagrams

reactor: Any = any_reactor


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(10)
    return made


class DatagramsTests(TestCase):
    def setUp(self) -> None:
        self.peer = bound()
        self.addCleanup(self.peer.close)
        self.got: list[bytes] = []
        self.first: Deferred[None] = Deferred()

    def opened(self) -> Datagrams:
        datagrams = Datagrams(reactor, self.peer.getsockname(), self.received)
        self.addCleanup(datagrams.close)
        return datagrams

    def received(self, data: bytes) -> None:
        self.got.append(data)
        if not self.first.called:
            self.first.callback(None)

    async def test_what_others_send_is_not_heard(self) -> None:
        """Only the address that it speaks to."""
        datagrams = self.opened()
        datagrams.send(b"question")
        question, address = self.peer.recvfrom(100)
        with bound() as stranger:
            stranger.sendto(b"forged", address)
        self.peer.sendto(b"answer", address)
        await self.first
        self.assertEqual((question, self.got), (b"question", [b"answer"]))

    async def test_it_can_be_closed_by_whom_it_tells(self) -> None:
        """What came with it is dropped; to close it once more does no harm."""
        datagrams = self.opened()
        datagrams.send(b"question")
        _, address = self.peer.recvfrom(100)
        self.peer.sendto(b"answer", address)
        self.peer.sendto(b"another", address)
        self.first.addCallback(lambda _: datagrams.close())
        await self.first
        self.assertEqual(self.got, [b"answer"])

    async def test_a_port_that_is_closed_is_silence(self) -> None:
        """It may be a name server that starts again."""
        datagrams = self.opened()
        address = self.peer.getsockname()
        self.peer.close()
        datagrams.send(b"lost")
        datagrams.doRead()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(address)
            again.settimeout(10)
            datagrams.send(b"question")
            _, theirs = again.recvfrom(100)
            again.sendto(b"answer", theirs)
            await self.first
        self.assertEqual(self.got, [b"answer"])
