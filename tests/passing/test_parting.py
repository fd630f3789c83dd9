"""How a connection is left in the midst of an answer."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.caps import Caps
from meshd.passing.connection import Connection
from meshd.passing.place import Place
from meshd.proxy.connection import ClientConnection
from meshd.sockets.delivering import PATIENCE, Deliveries
from meshd.sockets.secure import SecureWire, Securing
from meshd.sockets.wheel import TICK, Wheel
from meshd.sockets.wire import READ_SIZE, Wire
from tests.passing.hand import Far, Hand, tcp_pair
from tests.sockets.securefar import SecureFar, client, server, shake_hands
from tests.support.live import settings

ANSWER = bytes(8 * 1024 * 1024)


class Answering(Connection):
    """Sends of an answer what the kernel takes, and is cut then."""

    __slots__ = ("answer", "ends", "reason", "sent")

    async def _serve(self) -> None:
        self.begin_answer(200, framed=self.ends)
        self.sent = self.wire.try_send(ANSWER)
        self.cut_short(self.reason)


class Answered(Answering):
    """Sends of an answer what the kernel takes, and serves no further request."""

    __slots__ = ()

    async def _serve(self) -> None:
        self.sent = self.wire.try_send(self.answer)


class Parting(SynchronousTestCase):
    """A client that gets an answer, and has sent more than its request."""

    kind: type[Answering]

    def setUp(self) -> None:
        self.hand, self.clock = Hand(self), Clock()
        self.addCleanup(self.hand.close)
        self.wheel, live = Wheel(self.clock), settings()
        near, client = tcp_pair(self, 64 * 1024)
        self.client = Far(client)
        client.send(b"GET / HTTP/1.1\r\n" * 100)  # of which nothing is read
        relay = SimpleNamespace(deliveries=Deliveries(self.hand.poller, self.wheel))
        plane: Any = SimpleNamespace(
            caps=Caps(live, 100), connections=set(), live=live, relay=relay, wheel=self.wheel, seldom=None
        )
        self.connection = self.kind(plane, Wire(self.hand.poller, near.detach(), "192.0.2.1"))
        self.connection.answer = ANSWER

    def look(self) -> None:
        self.clock.advance(TICK)
        self.wheel.tick()

    def gets_all(self, *, ends: bool) -> None:
        """It takes all that was counted, and hears then how that ends."""

        def meanwhile() -> None:
            self.client.step()
            self.look()

        self.hand.until(lambda: self.client.ended, self.client.step if ends else meanwhile)
        self.assertEqual((len(self.client.got), self.client.reset), (self.connection.sent, not ends))
        self.hand.until(lambda: len(self.hand.poller) == 0, self.look)


class CutShortTests(Parting):
    kind = Answering

    def cut(self, reason: str, *, ends: bool = True) -> None:
        """The connection is over at once, whatever the client still has to get."""
        self.connection.reason, self.connection.ends = reason, ends
        self.connection.begin()
        self.assertTrue(self.connection.task.over)

    def test_a_client_that_has_sent_more(self) -> None:
        """Gets all that was counted, and then the end."""
        self.cut("quota-total")
        self.gets_all(ends=True)

    def test_an_answer_without_an_end_of_its_own(self) -> None:
        """The client gets as much, and then a reset: it would take an end for that of the answer."""
        self.connection.wire.try_receive(READ_SIZE)
        self.cut("quota-total", ends=False)
        self.gets_all(ends=False)

    def test_a_client_that_sends_on(self) -> None:
        """What it says while it takes nothing changes nothing."""
        for ends in (True, False):
            self.cut("quota-total", ends=ends)
            for _ in range(3):
                self.client.sock.send(b"x")
                self.hand.settle()
            self.gets_all(ends=ends)
            self.setUp()

    def test_a_client_that_has_ended_its_side(self) -> None:
        """It still takes what was counted, whether it said so before or after."""
        for before in (True, False):
            for ends in (True, False):
                if before:
                    self.client.sock.shutdown(socket.SHUT_WR)
                    self.hand.settle()
                self.cut("quota-total", ends=ends)
                if not before:
                    self.client.sock.shutdown(socket.SHUT_WR)
                self.hand.settle()
                self.gets_all(ends=ends)
                self.setUp()

    def test_a_client_that_takes_nothing(self) -> None:
        """Is waited for no longer than a moment; not at all where that is what it was cut for."""
        self.cut("quota-total")
        for _ in range(int(PATIENCE / TICK)):
            self.look()
        self.assertEqual(len(self.hand.poller), 1)
        self.hand.until(lambda: len(self.hand.poller) == 0, self.look)
        self.setUp()
        self.cut("idle-timeout")
        self.assertEqual(len(self.hand.poller), 0)

    def test_whose_the_last_bytes_are(self) -> None:
        """The account's, as long as it counted for one; a stranger's by the address, as bans call it."""
        plane = self.connection._plane
        securing = Securing(plane.relay.deliveries, self.hand.later.append, lambda: 1.0)
        for account, whose in ((7, 7), (0, "2001:db8::/64")):
            near, _ = tcp_pair(self)
            wire = Wire(self.hand.poller, near.detach(), "2001:db8::1")
            connection = ClientConnection(plane, "", wire)  # type: ignore[arg-type]
            connection.place = Place(plane.caps, connection, wire.peer)
            if account:
                connection.place.hold(account)
            connection.wire = secure = SecureWire(wire, server(), securing)
            self.assertEqual(connection.whose, whose)
            connection._over(None)
            self.assertEqual((secure.whose, secure.fd), (whose, -1))


class LastAnswerTests(Parting):
    kind = Answered

    def test_a_client_that_has_pipelined(self) -> None:
        """Gets all of the last answer, and then the end, whatever else it asked for, or asks for until then."""
        for later in (b"", b"GET / HTTP/1.1\r\n"):
            self.connection.begin()
            self.assertTrue(self.connection.task.over)
            if later:
                self.client.sock.send(later)
            self.gets_all(ends=True)
            self.setUp()

    def test_a_pipeline_that_was_read(self) -> None:
        """Is one all the same: there may be more of it on its way."""
        self.connection.buffer = self.connection.wire.try_receive(READ_SIZE) or b""
        self.connection.begin()
        self.client.sock.send(b"GET / HTTP/1.1\r\n")
        self.gets_all(ends=True)

    def test_a_client_that_has_ended_its_side(self) -> None:
        self.client.sock.shutdown(socket.SHUT_WR)
        self.hand.settle()
        self.connection.begin()
        self.gets_all(ends=True)

    def test_a_pipeline_that_goes_on(self) -> None:
        """What comes once the answer was written, and is on its way still, resets nothing either."""
        self.connection.wire.try_receive(READ_SIZE)
        self.connection.begin()
        self.client.sock.send(b"GET / HTTP/1.1\r\n")
        self.gets_all(ends=True)

    def test_an_answer_that_is_there(self) -> None:
        """Has its end before what was not read resets the connection: some answers end there."""
        self.connection.answer = b"HTTP/1.1 200 OK\r\n\r\nall"
        self.connection.begin()
        self.gets_all(ends=True)

    def test_a_client_that_has_it_all(self) -> None:
        """Is left to the kernel at once, where it has sent its request alone."""
        self.connection.wire.try_receive(READ_SIZE)
        self.connection.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        self.connection.begin()
        self.assertEqual(len(self.hand.poller), 0)
        self.gets_all(ends=True)

    def test_a_client_by_tls_that_is_slow(self) -> None:
        """Has the time of one that may be: what the kernel has not taken is gone with the socket."""
        plane = self.connection._plane
        near, there = tcp_pair(self, 64 * 1024)
        far = SecureFar(there, client())
        sealed = shake_hands(far, near)
        wire = Wire(self.hand.poller, near.detach(), "192.0.2.1")
        connection = Answered(plane, wire)  # type: ignore[arg-type]
        securing = Securing(plane.relay.deliveries, self.hand.later.append, lambda: 60.0)
        connection.wire = secure = SecureWire(wire, server(), securing)
        secure.sealed, connection.answer = sealed, ANSWER
        connection.begin()
        self.assertTrue(connection.task.over)
        for _ in range(2 * int(PATIENCE / TICK)):
            self.look()
        self.hand.until(lambda: far.ended, far.step)
        self.assertEqual((len(far.got), far.told, far.reset), (connection.sent, True, False))
