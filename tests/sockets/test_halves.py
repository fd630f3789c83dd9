"""What becomes of an outside whose data plane has closed its end; transports are played, the clock is moved."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.halves import LINGER_SECONDS, Outside
from meshd.sockets.wheel import TICK, Wheel
from tests.passing.hand import Hand

PATIENCE = 20.0


class Transport:
    """Notes what it is asked for."""

    def __init__(self, below: Transport | None = None) -> None:
        self.transport = below
        self.asked: list[str] = []

    def unregisterProducer(self) -> None:
        """It has none."""

    def loseWriteConnection(self) -> None:
        self.asked.append("end")

    def loseConnection(self) -> None:
        self.asked.append("close")

    def abortConnection(self) -> None:
        self.asked.append("abort")


class Owner:
    """Of a descriptor; hears nothing."""

    def ready(self, fd: int, events: int) -> None:
        raise AssertionError


class ClosedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.wheel.start()
        self.addCleanup(self.wheel.stop)
        self.poller = Hand(self).poller
        self.tcp = Transport()

    def outside(self, *, half_closes: bool = False, patience: float = PATIENCE) -> Any:
        """One that stands behind a registered descriptor, with TLS where there is no half-close."""
        outside = Outside(self.poller, self.wheel, lambda: patience, half_closes=half_closes)
        outside.transport = self.tcp if half_closes else Transport(self.tcp)
        self.poller._owners[7] = Owner()
        self.poller.stand_behind(7, outside)
        return outside

    def run_for(self, seconds: float) -> None:
        self.clock.pump([0.1] * round(seconds / 0.1))

    def test_counted_until_it_is_gone(self) -> None:
        """The socket and the other end of the pair are open for longer than the data plane's own end."""
        outside = self.outside()
        self.assertEqual(len(self.poller), 3)
        self.poller.remove(7)
        self.assertEqual(len(self.poller), 2)
        outside.connectionLost()
        self.assertEqual(len(self.poller), 0)

    def test_gone_before_the_data_plane_knows(self) -> None:
        """Nothing of it is counted, or timed, for ever."""
        outside = self.outside()
        outside.connectionLost()
        self.poller.remove(7)
        self.run_for(2 * PATIENCE)
        self.assertEqual((len(self.poller), outside.transport.asked), (0, []))

    def test_a_peer_that_does_not_end_its_side(self) -> None:
        """All was written: after a moment the socket below is closed, which delivers what the kernel has."""
        for half_closes in (False, True):
            self.tcp = Transport()
            outside = self.outside(half_closes=half_closes)
            outside.end()
            self.poller.remove(7)
            before = list(self.tcp.asked)
            self.run_for(LINGER_SECONDS - TICK)
            self.assertEqual(self.tcp.asked, before)
            self.run_for(4 * TICK)
            self.assertEqual(self.tcp.asked, [*before, "close"])
            outside.connectionLost()

    def test_a_slow_peer(self) -> None:
        """While something is not even written it keeps its patience; then it is cut off."""
        outside = self.outside()
        self.poller.remove(7)
        self.run_for(PATIENCE - 1)
        self.assertEqual((outside.transport.asked, self.tcp.asked), ([], []))
        self.run_for(1 + 4 * TICK)
        self.assertEqual((outside.transport.asked, self.tcp.asked), (["abort"], []))

    def test_what_gives_way(self) -> None:
        """Those that have waited longest, each with two descriptors, as soon as others need them."""
        outsides = []
        for _ in range(3):
            self.tcp = Transport()
            outsides.append(self.outside())
            self.poller.remove(7)
        self.assertEqual((len(self.poller), self.poller.give_up(3), len(self.poller)), (6, 4, 2))
        self.assertEqual([each.transport.asked for each in outsides], [["abort"], ["abort"], []])
        outsides[0].connectionLost()
        self.assertEqual((self.poller.give_up(5), self.poller.give_up(1), len(self.poller)), (2, 0, 0))

    def test_a_patience_shorter_than_a_moment(self) -> None:
        outside = self.outside(patience=0.5)
        outside.end()
        self.poller.remove(7)
        self.run_for(0.5 + 4 * TICK)
        self.assertEqual((outside.transport.asked, self.tcp.asked), (["close", "abort"], []))
