"""A flow of datagrams on a path that notes what it is told, with a meter whose room the test sets."""

from __future__ import annotations

import errno
import socket

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.sockets.datagrams import DatagramFlow, Datagrams, Receiver, connected, ending
from meshd.sockets.wheel import TICK, Wheel
from meshd.topology import Limits, Live, Timeouts, Topology
from tests.passing.hand import CountingMeter

LIMIT = Refusal("quota-total", "the total limit is reached")


class NotingPath:
    """Keeps what was sent, and says what the test has it say."""

    address, source = "192.0.2.1", "192.0.2.2"

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.error: OSError | None = None
        self.paused = self.closed = False
        self.receiver: Receiver | None = None
        self.waiting: list[bytes] = []

    def begin(self, receiver: Receiver, buffer: memoryview) -> None:
        self.receiver = receiver

    def send(self, data: bytes | memoryview) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(bytes(data))

    def says(self, *data: bytes) -> None:
        self.waiting += data
        self.go_on()

    def go_on(self) -> None:
        assert self.receiver is not None
        while self.waiting and not self.closed and self.receiver.listens:
            self.receiver.came(memoryview(self.waiting.pop(0)))

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self.go_on()

    def close(self) -> None:
        self.closed = True


class Meter(CountingMeter):
    shaped = False
    resume = None

    def __init__(self, room: int = 2**62) -> None:
        super().__init__(room)
        self.stops: list[Refusal] = []
        self.stop = self.stops.append

    @property
    def room_up(self) -> int:
        return max(0, self.room)

    room_down = room_up


class FlowCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        live = Live(Topology({}, (), {}, timeouts=Timeouts(udp_idle=120), limits=Limits(tunnels_per_account=2)))
        wheel = Wheel(self.clock)
        wheel.start()
        self.shared = Datagrams(wheel, live, lambda: 3)
        self.path = NotingPath()
        self.meter = Meter()
        self.got: list[bytes] = []
        self.ends: list[str] = []
        self.takes = True

    def flow(self, account_id: int = 7) -> DatagramFlow:
        return DatagramFlow(
            self.shared,
            self.path,
            self.meter,
            account_id=account_id,
            deliver=self.deliver,
            ended=self.ends.append,
        )

    def deliver(self, data: memoryview) -> bool:
        if self.takes:
            self.got.append(bytes(data))
        return self.takes

    def later(self, seconds: float) -> None:
        self.clock.pump([TICK] * int(seconds / TICK))


class BegunTests(FlowCase):
    def test_a_path_that_cannot_be_heard(self) -> None:
        """Nothing is left of the flow, and it is told to nobody but whoever began it."""

        def full(receiver: Receiver, buffer: memoryview) -> None:
            raise OSError(errno.ENOSPC, "")

        self.path.begin = full  # type: ignore[method-assign]
        self.assertRaises(OSError, self.flow)
        self.assertEqual((len(self.shared), self.path.closed, self.ends), (0, True, []))
        self.later(130)
        self.assertEqual(self.ends, [])

    def test_a_path_that_is_over(self) -> None:
        def over(receiver: Receiver, buffer: memoryview) -> None:
            receiver.closed("exit-failed")

        self.path.begin = over  # type: ignore[method-assign]
        flow = self.flow()
        self.assertEqual((len(self.shared), self.path.closed, self.ends), (0, True, ["exit-failed"]))
        self.assertFalse(flow.send(b"ask"))


class CountedTests(FlowCase):
    def test_both_ways(self) -> None:
        """What goes is counted, payload alone; an empty datagram goes and counts nothing."""
        flow = self.flow()
        self.assertTrue(flow.send(b"ask") and flow.send(b""))
        self.path.says(b"answer", b"")
        self.assertEqual((self.path.sent, self.got), ([b"ask", b""], [b"answer", b""]))
        self.assertEqual((self.meter.up, self.meter.down), (3, 6))

    def test_what_does_not_go_is_not_counted(self) -> None:
        flow = self.flow()
        self.path.error = BlockingIOError(errno.EAGAIN, "full")
        self.takes = False
        self.assertFalse(flow.send(b"lost"))
        self.path.says(b"lost")
        self.assertEqual((self.meter.up, self.meter.down, self.ends), (0, 0, []))

    def test_no_room(self) -> None:
        """Nothing goes for which there is no room, not a part of it either."""
        flow = self.flow()
        self.meter.room = 5
        self.assertFalse(flow.send(b"123456"))
        self.path.says(b"123456", b"12345")
        self.assertEqual((self.path.sent, self.got, self.meter.down), ([], [b"12345"], 5))
        self.assertFalse(flow.send(b""))
        self.assertEqual(self.meter.stops, [])

    def test_what_waits_for_room_waits_in_the_kernel(self) -> None:
        flow = self.flow()
        self.meter.room = 0
        self.path.says(b"one", b"two")
        self.assertEqual((self.path.paused, self.got, len(self.path.waiting)), (True, [], 2))
        self.meter.room = 100
        flow.resume()
        self.assertEqual((self.path.paused, self.got), (False, [b"one", b"two"]))

    def test_a_limit_ends_the_exchange(self) -> None:
        """At the datagram that is more than is left, in either direction."""
        for upward in (True, False):
            self.setUp()
            self.meter.short, self.meter.room = LIMIT, 10
            flow = self.flow()
            self.meter.stop = lambda refusal, flow=flow: flow.close(refusal.reason)
            if upward:
                self.assertEqual([flow.send(b"1234567") for _ in range(3)], [True, False, False])
            else:
                self.path.says(b"1234567", b"1234567", b"1234567")
            self.assertEqual((self.meter.room, self.ends, self.path.closed), (3, ["quota-total"], True))
            self.assertEqual(len(self.shared), 0)


class EndTests(FlowCase):
    def test_idle(self) -> None:
        """Freed two minutes after the last datagram, whichever way that went, and not a tick before."""
        flow = self.flow()
        for step in (lambda: flow.send(b"ask"), lambda: self.path.says(b"answer")):
            self.later(119)
            step()
        self.later(119)
        self.assertEqual((self.ends, len(self.shared)), ([], 1))
        self.later(2)
        self.assertEqual((self.ends, len(self.shared), self.path.closed), ([""], 0, True))

    def test_what_was_lost_does_not_keep_it(self) -> None:
        flow = self.flow()
        self.path.error = BlockingIOError(errno.EAGAIN, "full")
        self.takes = False
        for _ in range(13):
            self.later(10)
            flow.send(b"lost")
            self.path.says(b"lost")
        self.assertEqual(self.ends, [""])

    def test_nobody_is_there(self) -> None:
        for error, reason in (
            (errno.ECONNREFUSED, "connection-refused"),
            (errno.EHOSTUNREACH, "unreachable"),
            (errno.ENETUNREACH, "unreachable"),
            (errno.EMSGSIZE, ""),
            (errno.EPERM, ""),
            (errno.ENOBUFS, ""),
        ):
            self.setUp()
            flow = self.flow()
            self.path.error = OSError(error, "")
            self.assertFalse(flow.send(b"ask"))
            self.assertEqual((self.ends, ending(OSError(error, ""))), ([reason] if reason else [], reason))

    def test_an_end_is_one(self) -> None:
        flow = self.flow()
        flow.closed("exit-failed")
        flow.close(LIMIT.reason)
        flow.expired()
        self.assertFalse(flow.send(b"late"))
        self.assertFalse(flow.listens)
        flow.came(memoryview(b"late"))
        flow.resume()
        self.assertEqual((self.ends, self.path.sent, self.got), (["exit-failed"], [], []))
        self.assertEqual((self.meter.up, self.meter.down, len(self.shared)), (0, 0, 0))


class BoundTests(FlowCase):
    def test_of_an_account_and_of_all(self) -> None:
        first, _ = self.flow(7), self.flow(7)
        self.assertEqual([self.shared.may_open(account) for account in (7, 8)], [False, True])
        self.flow(8)
        self.assertFalse(self.shared.may_open(8))
        first.close("")
        self.assertEqual([self.shared.may_open(account) for account in (7, 8)], [True, True])


class ConnectedTests(SynchronousTestCase):
    def test_one_alone_is_heard(self) -> None:
        """The kernel drops what comes from elsewhere; nothing leaves from another address than the source."""
        near, far, stranger = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
        for each in (near, far, stranger):
            self.addCleanup(each.close)
            each.bind(("127.0.0.1", 0))
        sock = connected("127.0.0.1", far.getsockname()[1], "127.0.0.9")
        self.addCleanup(sock.close)
        sock.send(b"ask")
        data, source = far.recvfrom(100)
        self.assertEqual((data, source), (b"ask", sock.getsockname()))
        self.assertEqual(source[0], "127.0.0.9")
        stranger.sendto(b"spoofed", source)
        far.sendto(b"answer", source)
        self.assertEqual(sock.recv(100), b"answer")
        with self.assertRaises(BlockingIOError):
            sock.recv(100)

    def test_no_way(self) -> None:
        with self.assertRaises(OSError):
            connected("127.0.0.1", 53, "192.0.2.1")
