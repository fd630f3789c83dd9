"""An exit's life, as a table: what happens to it, and whether the next request may leave by it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.outlets import FAILURES, LONGEST_REST, REST, Outlet
from meshd.topology import Exit

TRANSITIONS = (
    ("new", "", 0.0, True),
    ("a failure is chance", "F", 0.0, True),
    ("so are two", "FF", 0.0, True),
    ("three in a row are not", "FFF", 0.0, False),
    ("a success between them starts anew", "FFSFF", 0.0, True),
    ("it rests until the last moment", "FFF", REST - 0.001, False),
    ("then it may be tried", "FFF", REST, True),
    ("by one at a time", "FFF wT", REST, False),
    ("however long that takes", "FFF wT", 100.0, False),
    ("one that ends without saying makes room for another", "FFF wT R", REST, True),
    ("a success brings it back", "FFF wTS", REST, True),
    ("and all who were under way too", "FFF wTS R", REST, True),
    ("a failed trial is another rest", "FFF wTF R", REST, False),
    ("twice as long", "FFF wTF R", REST + 2 * REST - 0.001, False),
    ("and no longer", "FFF wTF R", REST + 2 * REST, True),
    ("after a success the first rest is short again", "FFF wTS R FFF", 2 * REST, True),
    ("one that is drained is for nobody", "D", 0.0, False),
    ("undrained it is as before", "DU", 0.0, True),
    ("also if it rested meanwhile", "DFFFU", 0.0, False),
    ("one that rests and is drained is not tried", "FFF D", 100.0, False),
)
"""F: a failure, S: a success, T: taken, R: released, D, U: drained and not, w: the time of one rest goes by."""


class Life:
    """Steps carried out, at a time that only goes forward."""

    def __init__(self, steps: str = "") -> None:
        self.outlet = Outlet(Exit("rack", "direct"))
        self.now = 0.0
        self.trials: list[bool] = []
        self.news: list[bool] = []
        for step in steps:
            self.go(step)

    def go(self, step: str) -> None:
        match step:
            case "F":
                self.news.append(self.outlet.failed(self.now))
            case "S":
                self.news.append(self.outlet.succeeded())
            case "T":
                self.trials.append(self.outlet.take())
            case "R":
                self.outlet.release(self.trials.pop(0) if self.trials else False)
            case "D" | "U":
                self.outlet.drained = step == "D"
            case "w":
                self.now += REST


class OutletTests(SynchronousTestCase):
    def test_transitions(self) -> None:
        """After these steps, at that time."""
        for sentence, steps, now, usable in TRANSITIONS:
            self.assertEqual((sentence, Life(steps).outlet.usable(now)), (sentence, usable))

    def test_each_rest_is_twice_as_long_up_to_a_bound(self) -> None:
        """5, 10, 20 … 600 seconds."""
        life = Life("FFF")
        rests = []
        for _ in range(40):
            rests.append(life.outlet.until - life.now)
            life.now = life.outlet.until
            self.assertTrue(life.outlet.usable(life.now))
            life.go("T")
            life.go("F")
            life.go("R")
        self.assertEqual(rests[:8], [REST * 2**number for number in range(7)] + [LONGEST_REST])
        self.assertEqual(set(rests[7:]), {LONGEST_REST})

    def test_what_was_under_way_prolongs_no_rest(self) -> None:
        """A hundred dials that fail together are one rest."""
        life = Life("T" * 100 + "FFF")
        until = life.outlet.until
        life.now = REST / 2
        for _ in range(97):
            life.go("F")
            life.go("R")
        self.assertEqual((life.outlet.until, life.outlet.rests), (until, 1))

    def test_what_was_under_way_ends_no_trial(self) -> None:
        """A tunnel from before the rest that closes during a trial lets nobody in beside it."""
        life = Life("T FFF w")
        life.go("T")
        self.assertEqual(life.trials, [False, True])
        life.go("R")
        self.assertFalse(life.outlet.usable(life.now))
        life.go("R")
        self.assertTrue(life.outlet.usable(life.now))

    def test_news(self) -> None:
        """The log hears of the beginning of a rest and of its end, once each."""
        life = Life("FFF F wTF R wwTF R wwwwTS S F")
        self.assertEqual(life.news, [False] * (FAILURES - 1) + [True, False, False, False, True, False, False])

    def test_what_is_open_is_counted(self) -> None:
        """Rests or not."""
        life = Life("TTT R FFF wT")
        self.assertEqual(life.outlet.open, 3)
        for _ in range(3):
            life.go("R")
        self.assertEqual(life.outlet.open, 0)
