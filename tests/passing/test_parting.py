"""How a connection is left in the midst of an answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.caps import Caps
from meshd.passing.connection import Connection
from meshd.passing.parting import LINGER_SECONDS
from meshd.sockets.wheel import TICK, Wheel
from meshd.sockets.wire import Wire
from tests.passing.hand import Far, Hand, tcp_pair
from tests.support.live import settings

ANSWER = bytes(8 * 1024 * 1024)


class Answering(Connection):
    """Sends of an answer what the kernel takes, and is cut then."""

    __slots__ = ("reason", "sent")

    async def _serve(self) -> None:
        self.begin_answer(200)
        self.sent = self.wire.try_send(ANSWER)
        await self.cut_short(self.reason)


class CutShortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hand, self.clock = Hand(self), Clock()
        self.addCleanup(self.hand.close)
        self.wheel, live = Wheel(self.clock), settings()
        near, client = tcp_pair(self, 64 * 1024)
        self.client = Far(client)
        client.send(b"GET / HTTP/1.1\r\n" * 100)  # of which nothing is read
        plane: Any = SimpleNamespace(
            caps=Caps(live, 100), connections=set(), live=live, relay=None, wheel=self.wheel, seldom=None
        )
        self.connection = Answering(plane, Wire(self.hand.poller, near.detach(), "192.0.2.1"))

    def cut(self, reason: str) -> None:
        self.connection.reason = reason
        self.connection.begin()

    def look(self) -> None:
        self.clock.advance(TICK)
        self.wheel.tick()

    def test_a_client_that_has_sent_more(self) -> None:
        """Gets all that was counted, and then the end."""
        self.cut("quota-total")
        self.hand.until(lambda: self.client.ended, self.client.step)
        self.assertEqual((len(self.client.got), self.client.reset), (self.connection.sent, False))
        self.hand.until(lambda: self.connection.task.over, self.look)
        self.assertEqual(len(self.hand.poller), 0)

    def test_a_client_that_takes_nothing(self) -> None:
        """Is waited for no longer than a moment; not at all where that is what it was cut for."""
        self.cut("quota-total")
        for _ in range(int(LINGER_SECONDS / TICK)):
            self.look()
        self.assertFalse(self.connection.task.over)
        self.hand.until(lambda: self.connection.task.over, self.look)
        self.setUp()
        self.cut("idle-timeout")
        self.assertTrue(self.connection.task.over)
