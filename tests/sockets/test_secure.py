"""A wire whose peer speaks TLS, on a poller that is turned by hand."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets import delivering
from meshd.sockets.delivering import Deliveries, unsent
from meshd.sockets.secure import AT_ONCE, SecureWire, Securing
from meshd.sockets.task import Task
from meshd.sockets.wheel import TICK, Wheel
from meshd.sockets.wire import READ_SIZE, Wire
from tests.passing.hand import Far, Hand, tcp_pair
from tests.sockets.securefar import SecureFar, client, server

PATIENCE = 5.0


class SecureCase(SynchronousTestCase):
    version = ssl.TLSVersion.TLSv1_3

    def setUp(self) -> None:
        self.hand = Hand(self)
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.deliveries = Deliveries(self.hand.poller, self.wheel)
        self.securing = Securing(self.deliveries, self.hand.later.append, lambda: PATIENCE)
        self.ended: list[BaseException | None] = []
        self.received = b""
        self.meet()

    def meet(self) -> None:
        near, far = tcp_pair(self, 8192)
        self.far = SecureFar(far, client(self.version))
        plain = Wire(self.hand.poller, near.detach(), "peer")
        self.wire = SecureWire(plain, server(), self.securing)
        self.addCleanup(self.wire.close)

    def start(self, work: Any) -> None:
        self.ended.clear()
        Task(work, self.ended.append).resume()

    def until(self, condition: Any) -> None:
        self.hand.until(condition, self.far.step)

    def done(self, work: Any) -> None:
        self.start(work)
        self.until(lambda: self.ended)
        if self.ended[0] is not None:
            raise self.ended[0]

    def shaken(self) -> None:
        self.done(self.wire.shake_hands())
        self.until(lambda: self.far.shaken)

    def left_with_bytes(self, whose: int | str) -> None:
        """Close with bytes that the peer does not take."""
        self.shaken()
        self.far.reading = False
        while self.wire.try_send(bytes(READ_SIZE)):
            pass
        self.wire.whose = whose
        self.wire.close()

    def look(self) -> None:
        self.clock.advance(TICK)
        self.wheel.tick()

    async def receive_all(self) -> None:
        while data := await self.wire.receive():
            self.received += data


class WireTests(SecureCase):
    def test_there_and_back(self) -> None:
        """More than the kernel takes at once, in both directions at once."""
        self.shaken()
        there, back = os.urandom(5 * READ_SIZE + 1), os.urandom(5 * READ_SIZE + 1)
        self.far.unsent = there
        self.start(self.receive_all())
        sent: list[Any] = []
        Task(self.wire.send(back), sent.append).resume()
        self.until(lambda: len(self.received) == len(there) and len(self.far.got) == len(back))
        self.assertEqual((self.received, bytes(self.far.got)), (there, back))
        self.assertEqual(sent, [None])

    def test_the_first_bytes_came_before(self) -> None:
        """What was read of the handshake already is not read again."""
        self.far.step()
        near = socket.socket(fileno=os.dup(self.wire.fd))
        self.addCleanup(near.close)
        self.hand.settle()
        self.done(self.wire.shake_hands(near.recv(100)))

    def test_no_more_than_is_asked_for(self) -> None:
        """The rest is given out the next time, whole."""
        self.shaken()
        self.far.unsent = b"abcdefg"
        got: list[bytes] = []
        while sum(map(len, got)) < 7:
            self.far.step()
            self.hand.settle()
            if data := self.wire.try_receive(3):
                got.append(data)
        self.assertEqual(got, [b"abc", b"def", b"g"])
        self.assertIsNone(self.wire.try_receive(3))

    def test_the_peers_end(self) -> None:
        """Announced by TLS or not, and once all that came before was received."""
        for how in (SecureFar.end, Far.end):
            self.meet()
            self.shaken()
            self.received = b""
            self.far.unsent = b"last"
            self.far.step()
            how(self.far)
            self.done(self.receive_all())
            self.assertEqual(self.received, b"last")

    def test_an_end_of_ones_own(self) -> None:
        """Is announced behind what was sent; what the peer says is received still."""
        self.shaken()
        data = os.urandom(2 * READ_SIZE)
        self.start(self.wire.send(data))
        self.until(lambda: self.ended)
        self.wire.end()
        self.until(lambda: self.far.ended)
        self.assertEqual((bytes(self.far.got), self.far.told, self.far.reset), (data, True, False))
        self.far.unsent = b"but"
        self.far.step()
        self.far.end()
        self.done(self.receive_all())
        self.assertEqual(self.received, b"but")

    def test_what_came_before_the_end_of_ones_own(self) -> None:
        """Was taken off the socket, and not asked for: it is received all the same."""
        self.shaken()
        self.far.unsent = b"abcdef"
        self.until(lambda: self.wire.readable)
        self.far.step()
        self.hand.settle()
        self.assertEqual(self.wire.try_receive(1), b"a")
        self.wire.end()
        self.assertEqual(self.wire.try_receive(100), b"bcdef")

    def test_the_last_bytes_say_so(self) -> None:
        """In the write that has them, where all were sent that had been announced, and not where an answer was cut."""
        self.shaken()
        self.wire.last(10)
        writes: list[bytes] = []
        self.patch(os, "write", lambda fd, data: writes.append(bytes(data)) or len(data))
        for size in (4, 5, 1):
            self.assertFalse(self.wire.sealed.parted, size)
            self.assertEqual(self.wire.try_send(b"x" * size), size)
        self.assertTrue(self.wire.sealed.parted)
        self.wire.close()
        self.assertEqual(len(writes), 3)
        self.assertGreater(len(writes[2]), len(writes[1]))  # by the notice, though it has four bytes less

    def test_the_last_bytes_arrive_before_their_end(self) -> None:
        """More than the kernel takes; the peer hears of the end by TLS before it sees that of the connection."""
        self.shaken()
        answer = os.urandom(5 * READ_SIZE + 1)
        self.wire.last(len(answer))
        self.done(self.wire.send(answer))
        self.until(lambda: self.far.told)
        self.assertEqual((bytes(self.far.got), self.far.ended), (answer, False))

    def test_a_close_delivers(self) -> None:
        """Though the kernel takes no more at that moment; and the end is announced."""
        self.shaken()
        self.far.reading = False
        sent = 0
        while count := self.wire.try_send(bytes(READ_SIZE)):
            sent += count
        self.wire.close()
        self.assertEqual((self.wire.fd, len(self.hand.poller)), (-1, 1))
        self.far.reading = True
        self.until(lambda: self.far.ended)
        self.assertEqual((len(self.far.got), self.far.told), (sent, True))
        self.hand.until(lambda: len(self.hand.poller) == 0, self.look)

    def test_a_close_waits_so_long(self) -> None:
        """And resets then: the peer takes nothing, and must not take that for the end."""
        self.left_with_bytes("192.0.2.1")
        for _ in range(int(PATIENCE / TICK)):
            self.look()
        self.assertEqual(len(self.hand.poller), 1)
        self.look()
        self.look()
        self.assertEqual(len(self.hand.poller), 0)
        self.far.reading = True
        self.until(lambda: self.far.ended)
        self.assertEqual((self.far.told, self.far.reset), (False, True))

    def test_many_that_are_closed_with_bytes(self) -> None:
        """As many as wait in a process; who has most of them loses the oldest, and all give way to others."""
        fars = []
        with mock.patch.object(delivering, "MOST", 4):
            for whose in ("192.0.2.1", 7, 7, 7, "192.0.2.1", 7):
                self.left_with_bytes(whose)
                fars.append(self.far)
                self.meet()
        self.wire.close()
        self.assertEqual(len(self.hand.poller), 4)
        for number, each in enumerate(fars):
            each.reading = True
            self.hand.until(lambda each=each: each.ended, each.step)
            self.assertEqual(each.told, number not in {1, 2}, number)
        self.hand.until(lambda: len(self.hand.poller) == 0, self.look)
        self.assertEqual(self.deliveries.give_up(9), 0)

    def test_a_reset(self) -> None:
        """Is no proper end, and nobody is told that it were."""
        self.shaken()
        self.wire.reset()
        self.until(lambda: self.far.ended)
        self.assertEqual((self.far.told, self.far.reset), (False, True))

    def test_whether_the_peer_has_left(self) -> None:
        """Known before what it sent is received, which is kept."""
        self.shaken()
        self.assertFalse(self.wire.spent())
        self.far.unsent = b"wait for me"
        self.far.step()
        self.far.end()
        self.hand.settle()
        self.assertFalse(self.wire.spent())
        self.assertEqual(self.wire.try_receive(100), b"wait for me")
        self.assertTrue(self.wire.spent())

    def test_unsent(self) -> None:
        """Counts what is sealed and what the kernel has, until the peer has all."""
        self.shaken()
        self.far.reading = False
        while self.wire.try_send(bytes(READ_SIZE)):
            pass
        sealed = self.wire.sealed
        self.assertGreater(unsent(self.wire.fd, sealed), len(sealed.unsent))
        self.far.reading = True
        self.until(lambda: unsent(self.wire.fd, sealed) == 0)


class OldWireTests(WireTests):
    version = ssl.TLSVersion.TLSv1_2


class HandshakeTests(SecureCase):
    def test_a_session_is_resumed(self) -> None:
        """By a ticket that came with the first answer, in both versions of TLS."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client(version)
            first = self.shaken_by(context)
            self.assertFalse(first.tls.session_reused)
            self.done(self.wire.send(b"answer"))
            self.until(lambda first=first: bytes(first.got) == b"answer")
            again = self.shaken_by(context, first.tls.session)
            self.assertTrue(again.tls.session_reused, version)

    def test_a_ticket_waits_for_the_first_answer(self) -> None:
        """Both are one write, whether the request came with the end of the handshake or later."""
        write, pieces = os.write, list[int]()

        def noted(fd: int, data: bytes) -> int:
            pieces.append(len(data))
            return write(fd, data)

        self.shaken()
        self.patch(os, "write", noted)
        self.far.unsent = b"request"
        got: list[bytes | None] = [None]
        self.until(lambda: got.append(self.wire.try_receive(100)) or got[-1])
        self.hand.settle()
        self.assertEqual((got[-1], pieces), (b"request", []))
        self.done(self.wire.send(b"answer"))
        self.assertEqual(len(pieces), 1)
        self.assertGreater(pieces[0], 200)  # no answer, with what seals it, has as many bytes
        self.until(lambda: bytes(self.far.got) == b"answer")

    def shaken_by(self, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> SecureFar:
        near, far = tcp_pair(self)
        self.far = SecureFar(far, context, session)
        self.wire = SecureWire(Wire(self.hand.poller, near.detach(), "peer"), server(), self.securing)
        self.addCleanup(self.wire.close)
        self.shaken()
        return self.far

    def test_what_is_no_handshake(self) -> None:
        """The peer is told by an alert, and whoever waits by an error."""
        near, far = tcp_pair(self)
        wire = SecureWire(Wire(self.hand.poller, near.detach(), "peer"), server(), self.securing)
        self.addCleanup(wire.close)
        self.start(wire.shake_hands(b"\x16\x03\x01\x00\x05hello"))
        self.assertIsInstance(self.ended[0], OSError)
        self.assertEqual(far.recv(100)[:1], b"\x15")

    def test_ciphers_that_are_not_spoken(self) -> None:
        """Both sides learn of it."""
        context = client(ssl.TLSVersion.TLSv1_2)
        context.set_ciphers("AES128-SHA:@SECLEVEL=0")
        self.far = SecureFar(self.far.sock, context)
        self.start(self.wire.shake_hands())
        with self.assertRaisesRegex(ssl.SSLError, "HANDSHAKE_FAILURE"):
            self.until(lambda: self.far.ended)
        self.assertIsInstance(self.ended[0], OSError)

    def test_a_peer_that_leaves_in_its_midst(self) -> None:
        self.start(self.wire.shake_hands())
        self.far.sock.close()
        self.hand.until(lambda: self.ended)
        self.assertIsInstance(self.ended[0], ConnectionError)

    def test_a_burst(self) -> None:
        """So many begin in one turn of the reactor, in the order of their coming; one that has left is passed over."""
        begun: list[int] = []
        tasks = []

        async def waits(number: int) -> None:
            if not self.securing.may():
                await self.securing.turn()
            begun.append(number)

        for number in range(3 * AT_ONCE):
            task = Task(waits(number), lambda error: None)
            tasks.append(task)
            task.resume()
        self.assertEqual(begun, list(range(AT_ONCE)))
        tasks[AT_ONCE].throw(ConnectionError())
        self.hand.turn()
        self.assertEqual(begun, [*range(AT_ONCE), *range(AT_ONCE + 1, 2 * AT_ONCE)])
        self.hand.turn()
        self.assertEqual(len(begun), 3 * AT_ONCE - 1)
        self.assertEqual(self.hand.later, [])
