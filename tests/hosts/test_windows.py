"""Times within a sliding window."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.windows import Windows


class WindowsTests(SynchronousTestCase):
    def test_so_many_and_no_more(self) -> None:
        windows = Windows(3, 16)
        self.assertEqual([windows.take("a", 100.0) for _ in range(3)], [0, 0, 0])
        self.assertEqual(windows.take("a", 100.0), 17)
        self.assertEqual(windows.take("b", 100.0), 0, "another client has its own window")

    def test_it_slides(self) -> None:
        """What happened early makes room early; no burst gets in at the turn of a minute."""
        windows = Windows(2, 16)
        self.assertEqual((windows.take("a", 100.0), windows.take("a", 110.0)), (0, 0))
        self.assertEqual(windows.take("a", 115.0), 2)
        self.assertEqual(windows.take("a", 117.0), 0)
        self.assertEqual(windows.take("a", 117.0), 10)

    def test_what_is_told_to_wait_is_enough(self) -> None:
        for most in (1, 2, 5):
            for seconds in (1.0, 7.0, 60.0):
                windows, now = Windows(most, seconds), 1000.3
                taken: list[float] = []
                for _ in range(4 * most):
                    wait = windows.take("a", now)
                    if wait:
                        now += wait
                        self.assertEqual(windows.take("a", now), 0, (most, seconds))
                    taken.append(now)
                    now += 0.01
                for at, first in enumerate(taken[: len(taken) - most]):
                    self.assertGreaterEqual(taken[at + most] - first, seconds * 0.999, (most, seconds))

    def test_a_refused_one_does_not_count(self) -> None:
        windows = Windows(1, 16)
        windows.take("a", 0.0)
        for second in range(1, 17):
            windows.take("a", float(second))
        self.assertEqual(windows.take("a", 17.0), 0)

    def test_memory_is_bounded(self) -> None:
        windows = Windows(1, 16, keys=2)
        for key in "abc":
            windows.take(key, 0.0)
        self.assertEqual((windows.take("a", 0.0), windows.wait("c", 0.0)), (0, 17))
