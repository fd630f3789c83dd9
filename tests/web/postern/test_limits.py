"""So many in any minute from one address, to the second, and never more memory than is said."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.postern.limits import ADDRESSES, MINUTE, Window


class WindowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.window = Window(lambda: self.now, 3)

    def test_any_minute(self) -> None:
        """No minute, wherever it begins, has more than so many."""
        for at, wait in ((0, 0), (20, 0), (40, 0), (59, 1), (59.5, 1), (60, 0), (61, 19), (79.9, 1), (80, 0), (81, 19)):
            self.now = 1000 + at
            self.assertEqual(self.window.count("192.0.2.1"), wait, at)

    def test_who_waited_so_long_is_let_in(self) -> None:
        """And nobody who waited less by more than the rounding."""
        for _ in range(3):
            self.window.count("192.0.2.1")
            self.now += 7.3
        wait = self.window.count("192.0.2.1")
        self.now += wait - 1
        self.assertNotEqual(self.window.count("192.0.2.1"), 0)
        self.now += 1
        self.assertEqual(self.window.count("192.0.2.1"), 0)

    def test_a_refusal_counts_for_nothing(self) -> None:
        for _ in range(50):
            self.window.count("192.0.2.1")
        self.now += MINUTE
        self.assertEqual(self.window.count("192.0.2.1"), 0)

    def test_addresses_are_counted_each_for_itself(self) -> None:
        """A /64 of IPv6 is one customer's, and a peer without an address is nobody's."""
        for _ in range(3):
            self.window.count("2001:db8::1")
        for peer, refused in (("2001:db8::ffff", True), ("2001:db8:0:1::1", False), ("192.0.2.1", False)):
            self.assertEqual(bool(self.window.count(peer)), refused, peer)
        self.assertEqual([self.window.count("") for _ in range(5)], [0] * 5)

    def test_the_memory_is_bounded(self) -> None:
        """By the number of addresses, and by that of the times of each."""
        for number in range(ADDRESSES + 10):
            self.window.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        self.assertEqual(len(self.window._counted), ADDRESSES)
        for _ in range(20):
            self.window.add("192.0.2.1")
        self.assertEqual(len(self.window._counted["192.0.2.1"]), 3)
