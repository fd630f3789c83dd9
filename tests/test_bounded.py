"""What a bounded map keeps."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.bounded import Bounded


class BoundedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bound = 3
        self.map: Bounded[str, int] = Bounded(lambda: self.bound)
        for number, key in enumerate("abc"):
            self.assertIsNone(self.map.put(key, number))

    def test_the_oldest_goes(self) -> None:
        """Put again, or moved to the end, an entry is the newest; looked up, it is as old as before."""
        for renew, gone in (
            (lambda: None, 0),
            (lambda: self.map.put("a", 0), 1),
            (lambda: self.map.move_to_end("a"), 1),
            (lambda: self.map.get("a"), 0),
        ):
            self.map.clear()
            self.setUp()
            renew()
            self.assertEqual(self.map.put("d", 3), gone)
            self.assertEqual(len(self.map), 3)

    def test_a_bound_that_changes(self) -> None:
        """Takes effect at the next entry; of many that go, the last is told."""
        self.bound = 1
        self.assertEqual(self.map.put("d", 3), 2)
        self.assertEqual(dict(self.map), {"d": 3})

    def test_no_room_at_all(self) -> None:
        """Nothing stays."""
        self.bound = 0
        self.assertEqual(self.map.put("d", 3), 3)
        self.assertEqual(len(self.map), 0)
