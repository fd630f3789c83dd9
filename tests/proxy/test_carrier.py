"""One tunnel of CONNECT-TCP between a line and a pair: how it ends, and what a slow client has of it."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from meshd.masque.tcp import TOKENS
from meshd.proxy.carrier import Carrier
from meshd.sockets.poll import Poller
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import Wire
from tests.support.resources import DATA, FINAL, capsule

TOKEN = b"connect-tcp"
STANDS = b"HTTP/1.1 200 Connection established\r\n\r\n"
HALF_CLOSED = 4.0


class Line:
    """A client's connection whose client takes what it is told to."""

    def __init__(self) -> None:
        self.sent = b""
        self.early = b""
        self.waiting = 0
        self.left: list[tuple[float, bool]] = []
        self.reading: list[bool] = []

    def switch(self, head: bytes, account_id: int) -> bytes:
        return self.early

    def decline(self, status: int, answer: bytes) -> None:
        raise AssertionError(answer)

    def signed_in(self, account_id: int) -> None:
        raise AssertionError

    def send(self, data: bytes) -> None:
        self.sent += data

    def read_on(self, on: bool, /) -> None:
        self.reading.append(on)

    def unsent(self) -> int:
        return self.waiting

    def leave(self, seconds: float, *, properly: bool) -> None:
        self.left.append((seconds, properly))


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.poller = Poller(MemoryReactor())
        self.wheel = Wheel(self.clock)
        self.wheel.start()
        timeouts = SimpleNamespace(half_closed=HALF_CLOSED)
        relay = SimpleNamespace(again=lambda call: self.clock.callLater(0, call))
        live = SimpleNamespace(timeouts=timeouts)
        plane: Any = SimpleNamespace(poller=self.poller, wheel=self.wheel, relay=relay, live=live)
        self.line = Line()
        self.carrier = Carrier(plane, self.line, TOKEN, TOKENS[TOKEN])
        self.resets = 0

    def tearDown(self) -> None:
        self.carrier.lost()
        self.wheel.stop()
        self.poller.stop()

    def opened(self, head: bytes = b"CONNECT") -> Wire:
        """The other end of the pair, on which the tunnel stands."""
        wire = self.carrier.join("", head)
        self.addCleanup(wire.close)
        self.assertEqual(wire.try_receive(len(head)), head)
        os.write(wire.fd, STANDS)
        self.carrier.stands(self.reset)
        self.turn()
        return wire

    def reset(self) -> None:
        self.resets += 1

    def turn(self) -> None:
        self.poller.doRead()
        self.clock.advance(0)

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)


class EndTests(Case):
    def test_a_slow_client(self) -> None:
        """Has all that was counted, however long it takes, while it takes anything."""
        wire = self.opened()
        self.carrier.pause()
        self.line.waiting = 1_000_000
        os.write(wire.fd, b"last")
        wire.close()
        self.carrier.over("")
        for _ in range(10):
            self.line.waiting -= 10
            self.wait(HALF_CLOSED - 1)
        self.assertEqual((self.line.left, self.line.sent), ([], b""))
        self.carrier.resume()
        self.turn()
        self.assertEqual(self.line.sent, capsule(DATA, b"last") + capsule(FINAL, b""))

    def test_one_that_takes_nothing(self) -> None:
        """Has its time, and no more."""
        wire = self.opened()
        self.carrier.pause()
        self.line.waiting = 1_000_000
        os.write(wire.fd, b"last")
        wire.close()
        self.carrier.over("")
        self.wait(HALF_CLOSED - 1)
        self.assertEqual(self.line.left, [])
        self.wait(3)
        self.assertEqual(self.line.left, [(0, False)])

    def test_over_after_the_end(self) -> None:
        """A tunnel whose ends were both passed on is told that it is over: nothing waits for it any more."""
        wire = self.opened()
        wire.end()
        self.turn()
        self.carrier.received(capsule(FINAL, b""))
        self.assertEqual(self.line.left, [(HALF_CLOSED, True)])
        self.carrier.over("")
        self.wait(HALF_CLOSED * 3)
        self.assertEqual(len(self.line.left), 1)

    def test_an_end_before_the_answer(self) -> None:
        """Is the end of what came with it, once the tunnel stands."""
        wire = self.carrier.join("")
        self.addCleanup(wire.close)
        self.line.early = capsule(FINAL, b"last")
        self.carrier.ended()
        self.assertEqual(self.line.left, [])
        os.write(wire.fd, STANDS)
        self.turn()
        self.assertEqual((os.read(wire.fd, 100), os.read(wire.fd, 100)), (b"last", b""))
        self.assertEqual((self.line.left, self.resets), ([], 0))

    def test_an_end_without_a_last_capsule(self) -> None:
        """Is none, also before the answer."""
        wire = self.carrier.join("")
        self.addCleanup(wire.close)
        self.carrier.ended()
        os.write(wire.fd, STANDS)
        self.carrier.stands(self.reset)
        self.turn()
        self.assertEqual((self.line.left, self.resets), ([(HALF_CLOSED, False)], 1))

    def test_a_client_that_leaves_before_its_tunnel_stands(self) -> None:
        """Has its origin's connection reset as soon as there is one."""
        wire = self.carrier.join("")
        self.addCleanup(wire.close)
        self.carrier.lost()
        self.carrier.stands(self.reset)
        self.assertEqual(self.resets, 1)

    def test_a_long_head(self) -> None:
        """More than a pair takes at once comes whole."""
        head, got = b"h" * 1_000_000, b""
        wire = self.carrier.join("", head)
        self.addCleanup(wire.close)
        for _ in range(1000):
            wire.readable = True
            part = wire.try_receive(65536)
            got += part or b""
            if part is None:
                self.turn()
        self.assertEqual(got, head)
