"""Addresses whose sessions were ended for their fault: what follows, and when it is over."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.offenders import A_MOMENT, ADDRESSES, FORGIVEN, FREE, MOST, Offenders

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


class OffendersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.offenders = Offenders(self.clock.seconds)

    def note(self, peer: str = HERE, times: int = FREE, apart: float = 0.0) -> None:
        for _ in range(times):
            self.offenders.note(peer)
            self.clock.advance(apart)

    def test_table(self) -> None:
        """How many, how many seconds apart, and how long a handshake waits as soon as the last has ended."""
        rows = [
            (0, 0.0, 0.0),
            (FREE - 1, 0.0, 0.0),
            (FREE, 0.0, A_MOMENT),
            (FREE, FORGIVEN / FREE - 0.1, A_MOMENT),
            (100, FORGIVEN, 0.0),  # now and then, without end
            (FREE + 1, 0.0, 2 * A_MOMENT),
            (1000, 0.0, (MOST - FREE + 1) * A_MOMENT),
        ]
        for number, (times, apart, delay) in enumerate(rows):
            peer = f"192.0.2.{number}"
            for _ in range(times):
                self.clock.advance(apart)
                self.offenders.note(peer)
            self.assertEqual(self.offenders.delay(peer), delay, (times, apart))
            self.assertEqual(self.offenders.offends(peer), delay > 0)
        self.assertEqual(self.offenders.delay(ELSEWHERE.replace("192", "198")), 0)

    def test_forgiven(self) -> None:
        """One after the other, however many they were; then nothing is remembered."""
        self.note(times=10 * MOST)
        for left in range(MOST, FREE - 1, -1):
            self.assertEqual(self.offenders.delay(HERE), (left - FREE + 1) * A_MOMENT)
            self.clock.advance(FORGIVEN)
        self.assertFalse(self.offenders.offends(HERE))
        self.note(times=1)
        self.assertTrue(self.offenders.offends(HERE))
        self.clock.advance(MOST * FORGIVEN)
        self.assertFalse(self.offenders.offends(HERE))
        self.assertEqual(len(self.offenders._known), 0)

    def test_addresses(self) -> None:
        """Of IPv6 count together as one customer has them; who has none is nobody in particular."""
        self.note("2001:db8::1")
        self.assertTrue(self.offenders.offends("2001:db8::2"))
        self.assertFalse(self.offenders.offends("2001:db8:0:1::1"))
        self.note("")
        self.assertFalse(self.offenders.offends(""))

    def test_many(self) -> None:
        """Are remembered up to a bound; the oldest is forgotten."""
        self.note(HERE)
        for number in range(ADDRESSES):
            self.offenders.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        self.assertFalse(self.offenders.offends(HERE))
