"""The feed's own timing, on a clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Change
from meshd.store.feed import PATIENCE, Feed
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import changes


class Held:
    """A store whose answers wait until the test gives them."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answer: Deferred[Any] | None = None
        self.wake: Callable[[], None] = lambda: None

    def run(self, unit: Any, *args: Any) -> Deferred[Any]:
        assert self.answer is None, "two polls at once"
        self.asked.append((unit, *args))
        self.answer = Deferred()
        return self.answer

    def on_change(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def give(self, result: Any) -> None:
        answer, self.answer = self.answer, None
        assert answer is not None
        answer.callback(result)

    def fail(self, error: Exception) -> None:
        answer, self.answer = self.answer, None
        assert answer is not None
        answer.errback(error)


class FeedTests(SynchronousTestCase):
    """Once a second, sooner when woken, never two at once, and nothing lost on the way."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Held()
        self.told: list[Change] = []
        self.feed = Feed(self.store, self.clock, self.told.append)

    def began(self) -> None:
        """With number 7 known."""
        self.feed.start()
        self.store.give(7)
        self.told.clear()
        self.store.asked.clear()

    def test_beginning(self) -> None:
        """It begins at the newest number and tells that everything may have changed."""
        self.feed.start()
        self.assertEqual(self.store.asked, [(changes.newest,)])
        self.store.give(7)
        self.assertEqual(self.told, [Change(7, 0)])

    def test_every_second(self) -> None:
        """It polls a second after the last poll ended."""
        self.began()
        self.clock.advance(0.9)
        self.assertEqual(self.store.asked, [])
        self.clock.advance(0.1)
        self.assertEqual(self.store.asked, [(changes.since, 7, 500)])
        self.clock.advance(5)
        self.store.give([Change(8, 3), Change(9, 4)])
        self.assertEqual(self.told, [Change(8, 3), Change(9, 4)])
        self.clock.advance(1)
        self.assertEqual(self.store.asked[1:], [(changes.since, 9, 500)])

    def test_woken(self) -> None:
        """Woken, it polls at once; woken while it polls, once more after that."""
        self.began()
        self.store.wake()
        self.assertEqual(len(self.store.asked), 1)
        self.store.wake()
        self.store.wake()
        self.assertEqual(len(self.store.asked), 1)
        self.store.give([])
        self.assertEqual(len(self.store.asked), 2)
        self.store.give([])
        self.assertEqual(len(self.store.asked), 2)

    def test_full_batch(self) -> None:
        """After a full batch it reads on without a pause."""
        self.began()
        self.store.wake()
        self.store.give([Change(8 + n, 1) for n in range(500)])
        self.assertEqual(self.store.asked[-1], (changes.since, 507, 500))

    def test_unavailable(self) -> None:
        """While the store is away it goes on asking, at its pace, for the same number."""
        self.began()
        for _ in range(3):
            self.clock.advance(1)
            self.store.fail(StoreUnavailable("away"))
        self.clock.advance(1)
        self.assertEqual(self.store.asked, [(changes.since, 7, 500)] * 4)
        self.store.give([Change(8, 3)])
        self.assertEqual(self.told, [Change(8, 3)])

    def test_unavailable_at_first(self) -> None:
        """A store that is away at the beginning is asked for its newest number until it is back."""
        self.feed.start()
        self.store.fail(StoreUnavailable("away"))
        self.clock.advance(1)
        self.store.give(7)
        self.assertEqual(self.told, [Change(7, 0)])

    def test_told_in_turn(self) -> None:
        """The next change waits until the last one has been dealt with."""
        dealing: list[Deferred[None]] = []

        def slowly(change: Change) -> Deferred[None]:
            self.told.append(change)
            dealing.append(Deferred())
            return dealing[-1]

        self.feed = Feed(self.store, self.clock, slowly)
        self.feed.start()
        self.store.give(7)
        dealing.pop().callback(None)
        self.store.wake()
        self.store.give([Change(8, 3), Change(9, 4)])
        self.assertEqual(self.told[1:], [Change(8, 3)])
        dealing.pop().callback(None)
        self.assertEqual(self.told[1:], [Change(8, 3), Change(9, 4)])

    def test_told_again(self) -> None:
        """A change that could not be dealt with for want of the store is told again."""
        away = [True]

        def notify(change: Change) -> None:
            if away and change.seq == 8:
                away.clear()
                raise StoreUnavailable("away")
            self.told.append(change)

        self.feed = Feed(self.store, self.clock, notify)
        self.began()
        self.store.wake()
        self.store.give([Change(8, 3), Change(9, 4)])
        self.clock.advance(1)
        self.assertEqual(self.store.asked[-1], (changes.since, 7, 500))
        self.store.give([Change(8, 3), Change(9, 4)])
        self.assertEqual(self.told, [Change(8, 3), Change(9, 4)])

    def test_faulty_listener(self) -> None:
        """A fault of the listener's is logged and costs nobody the changes after it."""

        def faulty(change: Change) -> None:
            if change.seq == 8:
                raise ZeroDivisionError
            self.told.append(change)

        self.feed = Feed(self.store, self.clock, faulty)
        self.began()
        self.store.wake()
        self.store.give([Change(8, 3), Change(9, 4)])
        self.assertEqual(self.told, [Change(9, 4)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stop(self) -> None:
        """Stopping waits for the poll that runs; nothing is told or asked for any more."""
        self.began()
        self.store.wake()
        stopping = Deferred.fromCoroutine(self.feed.stop())
        self.assertNoResult(stopping)
        self.store.give([Change(8, 3)])
        self.successResultOf(stopping)
        self.store.wake()
        self.clock.advance(9)
        self.assertEqual((self.told, len(self.store.asked)), ([], 1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_between_polls(self) -> None:
        """Between two polls it stops at once."""
        self.began()
        self.successResultOf(Deferred.fromCoroutine(self.feed.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_look_on_demand(self) -> None:
        """It is over when what had changed by then has been told; one that is under way is followed by another."""
        self.began()
        looking = Deferred.fromCoroutine(self.feed.look())
        self.store.give([Change(8, 3)])
        self.assertEqual((self.told, looking.called), ([Change(8, 3)], True))
        self.clock.advance(1)
        looking = Deferred.fromCoroutine(self.feed.look())
        self.store.give([])
        self.assertFalse(looking.called)
        self.store.give([Change(9, 4)])
        self.assertEqual((self.told[-1], looking.called), (Change(9, 4), True))

    def test_a_look_does_not_wait_for_a_store_that_hangs(self) -> None:
        """It ends by itself; nor does a store that is away hold it up, or a feed that has not begun."""
        self.successResultOf(Deferred.fromCoroutine(self.feed.look()))
        self.began()
        looking = Deferred.fromCoroutine(self.feed.look())
        self.clock.advance(PATIENCE)
        self.successResultOf(looking)
        looking = Deferred.fromCoroutine(self.feed.look())
        self.store.fail(StoreUnavailable("away"))
        self.successResultOf(looking)
