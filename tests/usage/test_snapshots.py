"""What a process tells of what it has open: when, how much of it, and what that costs those who are relayed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreUnavailable
from meshd.store.statements import opened
from meshd.usage.snapshots import AT_ONCE, LONGEST, MOST, PART, SECONDS, Snapshots
from meshd.values.exchanges import OpenExchange
from tests.usage.support import NOON, now


class Notes:
    """In the place of a store: the units that ran."""

    def __init__(self) -> None:
        self.ran: list[Any] = []
        self.fails: Exception | None = None

    async def run(self, unit: Any, *args: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.ran.append((unit.__name__, *args))


class Meter(SimpleNamespace):
    """One that is the same as itself alone, as a real one."""

    __hash__ = object.__hash__


class Slow:
    """What takes so many seconds to look at, once."""

    id = "slow"

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds

    @property
    def began(self) -> float:
        self._clock.rightNow += self._seconds
        self._seconds = 0.0
        return 0.0

    def so_far(self) -> OpenExchange:
        return meter(0).about.so_far()  # type: ignore[no-any-return]


def meter(number: int, *, began: float = 0.0, moved: int = 0) -> Any:
    made = Meter(up=moved, down=0)
    told = OpenExchange(f"r-{number}", 0, 7, 7, "bob", 0, "us", "192.0.2.1", "GET", "h", 80, "e", moved, 0)
    made.about = SimpleNamespace(id=told.id, began=began, so_far=lambda: told)
    return made


class SnapshotsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store, self.clock = Notes(), Clock()
        self.turns: list[float] = []
        call_later = self.clock.callLater
        self.clock.callLater = lambda seconds, *call: self.turns.append(seconds) or call_later(seconds, *call)  # type: ignore[method-assign, assignment, func-returns-value, misc]
        self.meters: list[Any] = []
        self.snapshots = Snapshots(self.store, self.clock, lambda: NOON, "here")  # type: ignore[arg-type]
        self.snapshots.start(lambda account_id: list(self.meters))
        self.clock.advance(SECONDS)
        self.assertEqual(self.store.ran, [("clear", "here")])  # of a process of this name that died
        self.store.ran.clear()

    def look(self) -> None:
        self.clock.advance(SECONDS)

    def test_only_while_anything_is_open(self) -> None:
        """And once more when nothing is any longer."""
        self.look()
        self.meters = [meter(1), meter(2)]
        self.look()
        self.meters = []
        self.look()
        self.look()
        told = [each.about.so_far() for each in (meter(1), meter(2))]
        self.assertEqual(self.store.ran, [("write", "here", NOON, 2, told), ("clear", "here")])

    def test_one_that_ends_meanwhile_is_left_out(self) -> None:
        """Its meter has nothing to tell any more."""
        self.meters = [meter(1), SimpleNamespace(up=0, down=0, about=None)]
        self.look()
        self.assertEqual([each.id for each in self.store.ran[0][4]], ["r-1"])
        self.assertEqual([each.id for each in self.snapshots.here(7)], ["r-1"])

    def test_of_very_many_those_with_most_bytes_and_the_oldest(self) -> None:
        """Half of each, found in turns that let others be served in between; the number is that of all."""
        many = 3 * AT_ONCE
        self.meters = [meter(n, began=(n * 7919) % many, moved=(n * 104729) % many) for n in range(many)]
        self.turns.clear()
        self.look()
        self.assertEqual(self.turns.count(0), 3)
        _, _, _, total, told = self.store.ran[0]
        half = MOST // 2
        largest = sorted(self.meters, key=lambda each: -each.up)[:half]
        oldest = sorted(self.meters, key=lambda each: each.about.began)[:half]
        self.assertEqual(total, many)
        self.assertEqual({each.id for each in told}, {each.about.id for each in largest + oldest})

    def test_looks_that_take_long_are_rarer(self) -> None:
        """They take a bounded part of the time, and come within a bounded time all the same."""
        for seconds in (0.5, 60.0):
            with self.subTest(seconds):
                self.meters = [*(meter(n) for n in range(MOST)), meter(MOST)]
                self.meters[0].about = Slow(self.clock, seconds)
                self.turns.clear()
                self.look()
                self.assertEqual(self.turns[-1], min(seconds * PART, LONGEST))
                self.clock.advance(LONGEST - SECONDS)

    def test_a_stop_takes_it_out_of_the_store(self) -> None:
        """A store that is away does not hold the stop up."""
        self.meters = [meter(1)]
        self.look()
        now(self.snapshots.stop())
        self.assertEqual(self.store.ran[-1], (opened.clear.__name__, "here"))
        self.snapshots.start(lambda account_id: [])
        self.store.fails = StoreUnavailable("gone")
        now(self.snapshots.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
