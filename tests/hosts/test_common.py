"""What is open of each resource."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.common import Roll
from meshd.model import Refusal


class Played:
    """In the place of a meter."""

    def __init__(self, roll: Roll) -> None:
        self.roll = roll
        self.stopped: list[str] = []

    def stop(self, refusal: Refusal) -> None:
        self.stopped.append(refusal.reason)
        self.roll.leave(1, self)  # type: ignore[arg-type]


class RollTests(SynchronousTestCase):
    def test_counted_until_it_ends(self) -> None:
        roll = Roll()
        one, two = Played(roll), Played(roll)
        meters: Any = one, two
        for each in meters:
            roll.enter(1, each)
        roll.enter(1, meters[0])
        self.assertEqual((roll.count(1), roll.count(2)), (2, 0))
        for each in (*meters, *meters):
            roll.leave(1, each)
        roll.leave(2, meters[0])
        self.assertEqual(roll.count(1), 0)

    def test_what_is_gone_ends(self) -> None:
        """Also where each leaves as it is ended."""
        roll = Roll()
        meters: Any = [Played(roll) for _ in range(3)]
        for id_, each in zip((1, 1, 2), meters, strict=True):
            roll.enter(id_, each)
        roll.end_all_but({2, 3})
        self.assertEqual([each.stopped for each in meters], [["ended-by-operator"], ["ended-by-operator"], []])
        self.assertEqual((roll.count(1), roll.count(2)), (0, 1))

    def test_what_is_gone_does_not_begin(self) -> None:
        roll = Roll()
        self.assertTrue(roll.serves(1))
        roll.end_all_but({2})
        self.assertEqual([roll.serves(id_) for id_ in (1, 2)], [False, True])
