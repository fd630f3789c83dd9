"""A flow of capsules between a path that notes what it is told and a client's wire whose room the test sets."""

from __future__ import annotations

import errno
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http2.restraint import A_SECOND, SHARE
from meshd.masque.capsules import datagram
from meshd.model import Refusal
from meshd.proxy.capsuled import A_DATAGRAM, PATIENCE, Capsuled
from meshd.sockets.datagrams import Datagrams
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import READING, TURN, WRITING, Task, next_turn, parked
from meshd.sockets.wheel import TICK, Wheel
from meshd.topology import Limits, Live, Timeouts, Topology
from tests.sockets.test_datagrams import Meter, NotingPath

PLENTY = 2**30


class Place:
    """Where tasks wait."""

    reader: Task | None = None
    writer: Task | None = None

    def wake(self) -> None:
        tasks, self.reader, self.writer = (self.reader, self.writer), None, None
        for task in tasks:
            if task is not None and not task.over:
                task.resume()


class NotingWire(Place):
    """Takes as many bytes as it has room for, and gives what the test has put in; b"" for an end."""

    def __init__(self) -> None:
        self.room = PLENTY
        self.written = b""
        self.came: list[bytes] = []

    def try_send(self, data: bytes) -> int:
        sent = min(self.room, len(data))
        self.room -= sent
        self.written += data[:sent]
        return sent

    async def send(self, data: bytes) -> None:
        while data := data[self.try_send(data) :]:
            await parked(self, WRITING)

    async def receive(self) -> bytes:
        while not self.came:
            await parked(self, READING)
        return self.came.pop(0)


class HeldClient(Place):
    """The client's connection, as far as a flow knows it."""

    buffer = b""
    cut: Refusal | None = None

    def __init__(self, wire: NotingWire) -> None:
        self.wire = wire
        self.moved = 0
        self.later: list[Callable[[], None]] = []
        self.phases: list[str] = []
        self.task: Task

    def untimed(self) -> None:
        self.phases.append("untimed")

    def phase(self, reason: str, seconds: float, /) -> None:
        self.phases.append(reason)

    async def worked(self, work: int) -> None:
        """As a client's connection: others get their turn after too much."""
        self.moved += work
        if self.moved >= TURN:
            self.moved = 0
            await next_turn(self.later.append)

    def stopped(self, refusal: Refusal) -> None:
        self.cut = refusal
        self.task.throw(Stopped(refusal))


class CapsuledTests(SynchronousTestCase):
    def setUp(self) -> None:
        clock = Clock()
        live = Live(Topology({}, (), {}, timeouts=Timeouts(udp_idle=120), limits=Limits()))
        wheel = Wheel(clock)
        wheel.start()
        self.clock = clock
        self.wire = NotingWire()
        self.client = HeldClient(self.wire)
        self.meter: Any = Meter()
        self.meter.admission = SimpleNamespace(account=SimpleNamespace(id=7))
        self.meter.stop = self.client.stopped
        self.path = NotingPath()
        self.datagrams = Datagrams(wheel, live, lambda: 3)
        self.later = self.client.later
        client: Any = self.client
        self.capsuled = Capsuled(client, self.datagrams, self.path, self.meter, self.later.append)
        self.reason = "not over"
        self.error: BaseException | None = None
        self.client.task = Task(self._carried(), self._ended)
        self.addCleanup(self.client.task.throw, Stopped(Refusal("overloaded")))  # what has not ended

    async def _carried(self) -> None:
        await self.capsuled.run()
        self.reason = ""

    def _ended(self, error: BaseException | None) -> None:
        self.error = error

    def begin(self, *data: bytes) -> None:
        self.wire.came += data
        self.client.task.resume()

    def come(self, *data: bytes) -> None:
        self.wire.came += data
        self.wire.wake()

    def check_over(self) -> None:
        self.assertTrue(self.client.task.over)
        self.assertTrue(self.path.closed)
        self.assertEqual(len(self.datagrams), 0)
        self.assertIsNone(self.meter.resume)

    def test_both_ways(self) -> None:
        """What was sent with the request goes too; a half that has ended ends all."""
        self.client.buffer = datagram(b"early")
        self.begin(datagram(b"a") + datagram(b"bc")[:2], datagram(b"bc")[2:])
        self.path.says(b"answer", b"")
        self.assertEqual(self.path.sent, [b"early", b"a", b"bc"])
        self.assertEqual(self.wire.written, datagram(b"answer") + datagram(b""))
        self.assertEqual((self.meter.up, self.meter.down), (8, 6))
        self.come(b"")
        self.assertEqual((self.reason, self.error), ("", None))
        self.check_over()

    def test_an_end_amid_a_capsule(self) -> None:
        self.begin(datagram(b"abc")[:-1], b"")
        self.assertIsInstance(self.error, ClientGone)
        self.check_over()

    def test_a_bad_capsule(self) -> None:
        """What came whole before it, in an earlier read, has gone; nothing behind it does."""
        self.begin(datagram(b"good"), b"\0\0" + datagram(b"behind"))
        self.assertIsInstance(self.error, BadMessage)
        self.assertEqual(self.path.sent, [b"good"])
        self.check_over()

    def test_an_account_that_has_to_wait(self) -> None:
        """Is not read, and loses nothing that it sends."""
        self.meter.room = 3
        self.begin(datagram(b"abc") + datagram(b"def"), datagram(b"ghi"))
        self.assertEqual((self.path.sent, len(self.wire.came)), ([b"abc"], 1))
        self.meter.room = 1
        self.meter.resume()
        self.assertEqual(self.path.sent, [b"abc"], "too little: another turn has to come")
        self.meter.room = 6
        self.later.pop()()
        self.assertEqual((self.path.sent, self.wire.came), ([b"abc", b"def", b"ghi"], []))

    def test_a_datagram_for_which_there_is_too_little_room(self) -> None:
        """Waits until the meter says that there is more, also after the rest of a turn; and no datagram is lost."""
        self.meter.room = 2
        self.begin(datagram(b"abc") + datagram(b"d"))
        self.later.pop()()
        self.assertEqual((self.path.sent, self.meter.awaited), ([], [3, 3]))
        self.meter.resume()
        self.later.pop()()
        self.assertEqual((self.path.sent, self.later), ([], []))
        self.meter.room = 4
        self.meter.resume()
        self.assertEqual(self.path.sent, [b"abc", b"d"])

    def test_a_datagram_for_which_there_is_never_room(self) -> None:
        """Is dropped in the end, and what is behind it goes."""
        self.meter.room = 2
        self.begin(datagram(b"abc") + datagram(b"d"))
        self.later.pop()()
        self.clock.pump([TICK] * round(PATIENCE / TICK + 1))
        self.assertEqual(self.path.sent, [])
        self.meter.resume()
        self.later.pop()()
        self.assertEqual(self.path.sent, [b"d"])

    def test_tiny_capsules(self) -> None:
        """Of whatever kind others have their turn after so many: what came in one read is no one's turn."""
        self.meter.room = PLENTY
        self.begin(b"\0\x02\0x" * 1000)
        turns = 0
        while self.later:
            self.later.pop()()
            turns += 1
        self.assertEqual((len(self.path.sent), turns), (1000, 1000 * A_DATAGRAM // TURN))

    def test_capsules_of_other_types(self) -> None:
        self.check_nothing(b"\x17\0")

    def test_datagrams_of_other_contexts(self) -> None:
        self.check_nothing(b"\0\x01\x02")

    def check_nothing(self, empty: bytes) -> None:
        """They cost a turn as others do, and end the exchange where there are more than a client has a reason for."""
        self.begin(empty * (SHARE - 1), datagram(b"good"))
        self.assertEqual(len(self.later), 1)
        self.later.pop()()
        self.assertEqual(self.path.sent, [b"good"])
        self.clock.pump([TICK] * round(2 / TICK))
        self.come((empty * 2 + datagram(b"")) * A_SECOND)
        while self.later:
            self.later.pop()()
        self.assertEqual((len(self.path.sent), self.client.task.over), (1 + A_SECOND, False))
        self.come(empty * 100)
        self.assertIsInstance(self.error, BadMessage)
        self.check_over()

    def test_a_limit(self) -> None:
        """A datagram that is more than it leaves ends the exchange with the limit's reason."""
        self.meter.room, self.meter.short = 5, Refusal("quota-total")
        self.begin(datagram(b"abc") + datagram(b"defg") + datagram(b"h"))
        assert isinstance(self.error, Stopped)
        self.assertEqual((self.error.refusal.reason, self.path.sent, self.meter.up), ("quota-total", [b"abc"], 3))
        self.check_over()

    def test_a_limit_that_what_comes_reaches(self) -> None:
        self.begin()
        self.meter.room, self.meter.short = 5, Refusal("quota-total")
        self.path.says(b"abc", b"defg")
        assert isinstance(self.error, Stopped)
        self.assertEqual((self.error.refusal.reason, self.wire.written), ("quota-total", datagram(b"abc")))
        self.check_over()

    def test_a_client_that_does_not_read(self) -> None:
        """Gets the capsule that was begun, later; others are dropped, and cost nothing."""
        self.begin()
        self.wire.room = 4
        self.path.says(b"begun")
        self.wire.room = PLENTY
        self.path.says(b"dropped, as the other one is not whole")
        self.assertEqual((self.wire.written, self.meter.down), (datagram(b"begun")[:4], 5))
        self.wire.wake()
        self.path.says(b"on")
        self.assertEqual((self.wire.written, self.meter.down), (datagram(b"begun") + datagram(b"on"), 7))
        self.wire.room = 0
        self.path.says(b"dropped too")
        self.assertEqual(self.meter.down, 7)

    def test_the_end_waits_for_what_was_begun(self) -> None:
        """It is counted already; a client that never takes it is waited for no longer than a moment."""
        self.begin()
        self.wire.room = 4
        self.path.says(b"begun")
        self.come(b"")
        self.assertEqual((self.client.task.over, self.client.phases), (False, ["untimed", "delivering"]))
        self.assertTrue(self.path.closed)
        self.wire.room = PLENTY
        self.wire.wake()
        self.assertEqual((self.wire.written, self.reason), (datagram(b"begun"), ""))
        self.check_over()

    def test_the_end_waits_no_longer(self) -> None:
        self.begin()
        self.wire.room = 4
        self.path.says(b"begun")
        self.come(b"")
        self.client.wake()  # as the phase's end does
        self.assertEqual((self.reason, self.wire.writer), ("", None))
        self.check_over()

    def test_the_flow_ends(self) -> None:
        """For want of use it is a good end, otherwise its reason is the exchange's."""
        self.begin(datagram(b"a"))
        assert self.path.receiver is not None
        self.path.receiver.closed("connection-refused")
        assert isinstance(self.error, Stopped)
        self.assertEqual(self.error.refusal.reason, "connection-refused")
        self.check_over()

    def test_nobody_is_there(self) -> None:
        """What a send is told ends the flow at once, also where the account would have to wait."""

        def refused(data: bytes | memoryview) -> None:
            self.meter.room = 0
            raise ConnectionRefusedError(errno.ECONNREFUSED, "")

        self.path.send = refused  # type: ignore[method-assign]
        self.begin(datagram(b"a") + datagram(b"b"))
        assert isinstance(self.error, Stopped)
        self.assertEqual((self.error.refusal.reason, self.meter.up), ("connection-refused", 0))
        self.check_over()

    def test_idle(self) -> None:
        """What is dropped keeps no flow open."""
        self.begin(datagram(b"a"))
        for _ in range(5):
            self.clock.pump([0.25] * 100)
            self.come(b"\x17\x02ab\0\x02\x02a")
        self.assertEqual((self.reason, self.error), ("", None))
        self.check_over()
