"""Sockets of the data plane, on a poller that is turned by hand."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.task import Task
from meshd.sockets.wire import READ_SIZE, Watcher, Wire
from tests.passing.hand import Far, Hand, tcp_pair

BUFFERS = 8192


class Noting(Watcher):
    """Counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0

    def stirred(self, wire: Wire) -> None:
        self.heard += 1


class WireTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.hand = Hand(self)
        near, far = tcp_pair(self, BUFFERS)
        self.far = Far(far)
        self.wire = Wire(self.hand.poller, near.detach(), "peer")
        self.addCleanup(self.wire.close)
        self.received: list[bytes] = []
        self.ended: list[BaseException | None] = []

    def start(self, work: object) -> Task:
        task = Task(work, self.ended.append)  # type: ignore[arg-type]
        task.resume()
        return task

    async def receive_all(self) -> None:
        while data := await self.wire.receive():
            self.received.append(data)
        self.received.append(b"")

    def test_receive(self) -> None:
        """All that comes is received, as it comes, until the peer's end."""
        self.start(self.receive_all())
        self.far.sock.send(b"one")
        self.hand.until(lambda: self.received == [b"one"])
        self.far.sock.send(b"two")
        self.hand.until(lambda: self.received == [b"one", b"two"])
        self.far.end()
        self.hand.until(lambda: self.ended == [None])
        self.assertEqual(self.received, [b"one", b"two", b""])

    def test_urgent_data(self) -> None:
        """What comes behind an urgent byte is received without a wait for something else; the byte is skipped."""
        self.start(self.receive_all())
        for number in range(3):
            self.far.sock.send(b"a")
            self.far.sock.send(b"!", socket.MSG_OOB)
            self.far.sock.send(b"bc")
            self.hand.until(lambda number=number: b"".join(self.received) == b"abc" * (number + 1))  # type: ignore[misc]
        self.hand.settle()
        self.assertEqual((self.wire.readable, self.wire.unsure, self.wire.ending), (False, False, False))
        self.far.sock.send(b"!", socket.MSG_OOB)
        self.far.end()
        self.hand.until(lambda: self.ended == [None])
        self.assertEqual(self.received[-1], b"")

    def test_end_that_came_with_bytes(self) -> None:
        """An end that was there before anybody read is not missed."""
        self.far.sock.send(b"last")
        self.far.end()
        self.hand.settle()
        self.start(self.receive_all())
        self.hand.until(lambda: self.ended == [None])
        self.assertEqual(self.received, [b"last", b""])

    def test_end_while_reading(self) -> None:
        """An end that comes between a short read and the next is not missed either."""
        self.start(self.receive_all())
        self.hand.settle()
        self.far.sock.send(b"last")
        self.far.end()
        self.hand.until(lambda: self.ended == [None])
        self.assertEqual(b"".join(self.received), b"last")

    def test_more_than_one_read(self) -> None:
        """What fills a read is read on, without another event."""
        self.start(self.receive_all())
        self.far.unsent = os.urandom(5 * READ_SIZE)
        sent = self.far.unsent
        self.hand.until(lambda: len(b"".join(self.received)) == len(sent), self.far.step)
        self.assertEqual(b"".join(self.received), sent)

    def test_reset(self) -> None:
        """A reset is an OSError where it waits."""
        self.start(self.receive_all())
        self.far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.far.sock.close()
        self.hand.until(lambda: bool(self.ended))
        self.assertIsInstance(self.ended[0], OSError)
        self.assertTrue(self.wire.gone)

    def test_send_waits(self) -> None:
        """More than the kernel takes is sent as the peer reads, every byte of it."""
        data = os.urandom(3_000_000)
        self.far.reading = False
        self.start(self.wire.send(data))
        self.hand.settle()
        self.assertEqual(self.ended, [])
        self.far.reading = True
        self.hand.until(lambda: len(self.far.got) == len(data), self.far.step)
        self.assertEqual(bytes(self.far.got), data)
        self.assertEqual(self.ended, [None])

    def test_reader_and_writer_at_once(self) -> None:
        """One task may wait to write while another waits to read."""
        data = os.urandom(1_000_000)
        self.start(self.receive_all())
        self.start(self.wire.send(data))
        self.far.unsent = data
        self.hand.until(lambda: len(self.far.got) + len(b"".join(self.received)) == 2 * len(data), self.far.step)
        self.assertEqual((bytes(self.far.got), b"".join(self.received)), (data, data))

    def test_send_to_who_is_gone(self) -> None:
        """Waiting to write ends when the peer has gone."""
        self.far.reading = False
        self.start(self.wire.send(bytes(3_000_000)))
        self.hand.settle()
        self.far.sock.close()
        self.hand.until(lambda: bool(self.ended))
        self.assertIsInstance(self.ended[0], OSError)

    def test_watcher(self) -> None:
        """What nobody waits for is told to the watcher; what somebody waits for is not."""
        watcher = self.wire.watcher = Noting()
        self.far.sock.send(b"x")
        self.hand.until(lambda: watcher.heard == 1)
        self.start(self.receive_all())
        self.hand.settle()
        self.far.sock.send(b"y")
        self.hand.until(lambda: self.received == [b"x", b"y"])
        self.assertEqual(watcher.heard, 1)

    def test_closed_by_who_was_woken(self) -> None:
        """A reader that closes its wire leaves nothing registered, and its writer is not woken on a closed one."""

        async def close() -> None:
            await self.wire.receive()
            self.wire.close()

        self.start(close())
        self.far.sock.send(b"x")
        self.hand.until(lambda: self.ended == [None])
        self.assertEqual(len(self.hand.poller), 0)
        self.wire.close()

    def test_released(self) -> None:
        """A descriptor that was given away is neither closed nor forgotten."""
        fd = self.wire.release()
        self.wire.close()
        os.fstat(fd)
        self.assertEqual(len(self.hand.poller), 1)
        Wire(self.hand.poller, fd, "", registered=True).close()

    def test_events_of_a_closed_descriptor(self) -> None:
        """A number that the kernel gives out again within one batch does not get the old socket's events."""
        others = [tcp_pair(self) for _ in range(2)]
        wires = [Wire(self.hand.poller, near.detach(), "") for near, _ in others]
        self.hand.settle()
        woken: list[int] = []

        async def swap(mine: int) -> None:
            await wires[mine].receive()
            woken.append(mine)
            other = wires[1 - mine]
            if other.fd >= 0:
                other.close()
                near, _ = tcp_pair(self)
                self.fresh = Wire(self.hand.poller, near.detach(), "")
                self.fresh.watcher = self.noting

        self.noting = Noting()
        for number in range(2):
            self.start(swap(number))
        for _, far in others:
            far.send(b"x")
        self.hand.until(lambda: len(woken) == 1)
        self.assertEqual(self.noting.heard, 0)
        for wire in (*wires, self.fresh):
            wire.close()

    def test_who_is_behind_a_pair(self) -> None:
        """Counts, hears of a close and of a reset, once, and of nothing else."""
        heard: list[str] = []

        class Behind:
            def closed(self) -> None:
                heard.append("closed")

            def abort(self) -> None:
                heard.append("abort")

        poller = self.hand.poller
        before = len(poller)
        poller.stand_behind(self.wire.fd, Behind())
        self.assertEqual(len(poller), before + 2)
        poller.reset(self.wire.fd + 1)
        self.wire.end()
        self.assertEqual(heard, [])
        self.wire.reset()
        self.assertEqual(heard, ["abort", "closed"])
        self.wire.close()
        self.assertEqual((heard, len(poller)), (["abort", "closed"], before - 1))
