"""Times within a sliding window."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.windows import Windows, new_memory


class WindowsTests(SynchronousTestCase):
    def test_so_many_and_no_more(self) -> None:
        windows = Windows(3, 16, new_memory())
        self.assertEqual([windows.take("a", 100.0) for _ in range(3)], [0, 0, 0])
        self.assertEqual(windows.take("a", 100.0), 17)
        self.assertEqual(windows.take("b", 100.0), 0, "another client has its own window")

    def test_it_slides(self) -> None:
        """What happened early makes room early; no burst gets in at the turn of a minute."""
        windows = Windows(2, 16, new_memory())
        self.assertEqual((windows.take("a", 100.0), windows.take("a", 110.0)), (0, 0))
        self.assertEqual(windows.take("a", 115.0), 2)
        self.assertEqual(windows.take("a", 117.0), 0)
        self.assertEqual(windows.take("a", 117.0), 10)

    def test_what_is_told_to_wait_is_enough(self) -> None:
        for most in (1, 2, 5):
            for seconds in (1.0, 7.0, 60.0):
                windows, now = Windows(most, seconds, new_memory()), 1000.3
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
        windows = Windows(1, 16, new_memory())
        windows.take("a", 0.0)
        for second in range(1, 17):
            windows.take("a", float(second))
        self.assertEqual(windows.take("a", 17.0), 0)

    def test_memory_is_bounded(self) -> None:
        """As a whole: of several that share it, too; the key that was seen longest ago starts anew."""
        memory = new_memory(3)
        one, two = Windows(1, 16, memory), Windows(1, 16, memory)
        for windows, key in ((one, "a"), (one, "b"), (two, "a"), (two, "b")):
            self.assertEqual(windows.take(key, 0.0), 0, "each counts by itself")
        self.assertEqual(len(memory), 3)
        self.assertEqual([each.wait(key, 0.0) for each in (one, two) for key in "ab"], [0, 17, 17, 17])

    def test_what_is_given_back_has_room_again(self) -> None:
        windows = Windows(2, 16, new_memory())
        for now in (100.0, 105.0):
            windows.take("a", now)
        windows.give_back("a", 105.0)
        self.assertEqual([windows.take("a", 106.0) for _ in range(2)], [0, 11])
        windows.give_back("nobody", 106.0)
        windows.give_back("a", 90.0)
        self.assertEqual(windows.wait("a", 106.0), 11)
